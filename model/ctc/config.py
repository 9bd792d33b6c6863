"""What a CTC recogniser is made of: `ctc.json` in the folder of a model. Loads no TensorFlow."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

from model.ctc.features import LogMelDefinition
from model.errors import BeamscribeError

ARCHITECTURES = ("lstm", "conformer")
VOCABULARY_KINDS = ("characters", "pieces")
SUBSAMPLINGS = (1, 2, 4)
# the files of a model's folder
CONFIG_FILE, VOCABULARY_FILE, WEIGHTS_FILE = "ctc.json", "vocabulary.json", "weights.safetensors"


@dataclass(frozen=True)
class CtcConfig:
    """Shape of a network and of its features. BeamscribeError for what cannot be built."""

    # "lstm": bi-directional; "conformer": attention and convolution (Gulati et al. 2020)
    architecture: str = "lstm"
    # layers, or blocks
    depth: int = 2
    # units of an LSTM in each direction; features of a Conformer
    width: int = 128
    # of a Conformer's attention, and frames that its convolution sees
    n_heads: int = 4
    n_kernel_frames: int = 15
    # share of activations that training leaves out
    dropout: float = 0.1
    # frames of features to one of the outputs
    subsampling: int = 2
    vocabulary_kind: str = "characters"
    # code of the language it was trained on
    language: str = "en"
    log_mel: LogMelDefinition = field(default_factory=LogMelDefinition)

    def __post_init__(self) -> None:
        ordered = {
            f"architecture is one of {', '.join(ARCHITECTURES)}": self.architecture in ARCHITECTURES,
            f"vocabulary_kind is one of {', '.join(VOCABULARY_KINDS)}": self.vocabulary_kind in VOCABULARY_KINDS,
            f"subsampling is one of {SUBSAMPLINGS}": self.subsampling in SUBSAMPLINGS,
            "1 <= depth <= 64": 1 <= self.depth <= 64,
            "8 <= width <= 4096": 8 <= self.width <= 4096,
            "0 <= dropout < 1": 0 <= self.dropout < 1,
            "n_kernel_frames is odd": self.n_kernel_frames > 0 and self.n_kernel_frames % 2 == 1,
            "width is a multiple of 2 and of n_heads": self.n_heads > 0
            and self.width % 2 == 0
            and (self.architecture == "lstm" or self.width % self.n_heads == 0),
        }
        for rule, holds in ordered.items():
            if not holds:
                raise BeamscribeError(f"CTC model: {rule}; this does not hold for {self.architecture} {self.width}")

    @property
    def frame_s(self) -> float:
        """Seconds from one frame of the outputs to the next."""
        return self.subsampling * self.log_mel.hop / self.log_mel.sample_rate_hz

    @property
    def silence(self) -> float:
        """What every mel bin holds where there is no sound."""
        return math.log(self.log_mel.floor)

    def count_outputs(self, n_frames: int) -> int:
        """How many frames the network makes of so many frames of features."""
        return -(-n_frames // self.subsampling)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def read(cls, path: Path) -> "CtcConfig":
        """Of a file that `to_json` wrote."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(**content | {"log_mel": LogMelDefinition(**content["log_mel"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BeamscribeError(f"{path} is not the file of a CTC model ({error}): train it again") from error
