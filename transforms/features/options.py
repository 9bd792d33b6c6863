"""Which features are worked out, and for what."""

from dataclasses import asdict, dataclass
from typing import Any

# mel bands, cepstral coefficients, pitch classes
N_MELS, N_MFCC, N_CHROMA = 80, 13, 12
# in the order of the columns
GROUPS = (
    "time",
    "loudness",
    "log_mel",
    "mfcc",
    "spectral",
    "chroma",
    "pitch",
    "speaking_rate",
    "embedding",
)
# several hundred times real time on one core, all of them together
CHEAP = ("time", "loudness", "log_mel", "mfcc", "spectral")
UNITS = ("utterance", "region", "frame")
FORMATS = ("parquet", "tfrecord")


@dataclass(frozen=True)
class FeatureOptions:
    """What is worked out of every asset. Part of the configuration hash."""

    # some of GROUPS, in their order
    groups: tuple[str, ...]
    # some of UNITS, in their order; rows of utterances are always written
    per: tuple[str, ...]
    # one of FORMATS
    format: str
    # mix, separate, or numbers: 0,1
    channels: str

    @property
    def finds_speech(self) -> bool:
        """Whether the detector has to hear the recording."""
        return "region" in self.per or "speaking_rate" in self.groups

    @property
    def makes_set(self) -> bool:
        """Whether it makes a set of examples, which is made as a whole."""
        return self.format == "tfrecord"

    def that_change_rows(self) -> dict[str, Any]:
        """The options behind the configuration hash."""
        return asdict(self)
