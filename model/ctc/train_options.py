"""How a CTC network is trained. Loads no TensorFlow."""

import math
from dataclasses import dataclass

from model.errors import BeamscribeError
from model.precision import PRECISIONS


@dataclass(frozen=True)
class TrainOptions:
    """How a network is trained. A checkpoint of other options is refused."""

    epochs: int = 10
    batch_size: int = 32
    # at its peak, after so many steps of warm-up
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    # gradients whose norm over all weights is more are made shorter
    clip_norm: float = 1.0
    # epochs without a better score on the development set after which training stops
    patience: int = 10
    # clips that are joined to one utterance, at most
    join_clips: int = 1
    # whether clips are changed as `specaugment.Augmentation` says
    augment: bool = True
    # what products are worked out in: float32, or bfloat16 with weights in float32
    precision: str = "float32"
    # steps from checkpoint to checkpoint
    checkpoint_every: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("warmup_steps", 0), ("patience", 1), ("join_clips", 1)):
            if getattr(self, name) < least:
                raise BeamscribeError(f"--{name} {getattr(self, name)}: needs at least {least}")
        if self.checkpoint_every < 1 or self.seed < 0:
            raise BeamscribeError("--checkpoint_every needs at least 1, --seed at least 0")
        if not 0 < self.learning_rate < math.inf:
            raise BeamscribeError(f"--learning_rate {self.learning_rate:g}: needs a number above 0")
        if self.precision not in PRECISIONS:
            raise BeamscribeError(f"--precision {self.precision}: give {' or '.join(PRECISIONS)}")
