"""What fine-tuning is asked to do, and what it tells of an epoch; the command line needs no TensorFlow for it."""

from dataclasses import dataclass, field

from model.augmentation import Augmentation
from model.errors import BeamscribeError

TUNES = ("adapters", "decoder", "encoder", "all")
SIDES = ("encoder", "decoder")
# what may have an adapter -> its weights in a block
TARGETS = {
    "query": r"attn\.query",
    "key": r"attn\.key",
    "value": r"attn\.value",
    "out": r"attn\.out",
    "mlp": r"mlp\.[02]",
}


@dataclass(frozen=True)
class TuneOptions:
    """What of a network is trained."""

    # "adapters", or weights of the network itself: "decoder", "encoder", "all"
    tune: str = "adapters"
    # of an adapter: how many directions it adds
    rank: int = 8
    # what has an adapter, of TARGETS
    targets: tuple[str, ...] = ("query", "value")
    # whether the encoder, the decoder or both have adapters
    sides: tuple[str, ...] = SIDES

    def __post_init__(self) -> None:
        if self.tune not in TUNES:
            raise BeamscribeError(f"--tune {self.tune}: needs one of {', '.join(TUNES)}")
        if self.rank < 1:
            raise BeamscribeError(f"--rank {self.rank}: an adapter needs a rank of 1 or more")
        if not set(self.targets) <= set(TARGETS):
            raise BeamscribeError(f"--adapt {','.join(self.targets)}: needs some of {', '.join(TARGETS)}")
        if not set(self.sides) <= set(SIDES):
            raise BeamscribeError(f"--sides {','.join(self.sides)}: needs some of {', '.join(SIDES)}")


@dataclass(frozen=True)
class TrainingOptions:
    """How a network is fine-tuned. Equal options, clips and machine, equal weights."""

    epochs: int = 10
    batch_size: int = 8
    # the highest, after the warm-up
    learning_rate: float = 1e-3
    # of the divergence on anchors, beside the cross-entropy
    anchor_weight: float = 1.0
    # epochs without a better held-out loss after which training stops
    patience: int = 3
    seed: int = 0
    # of the clips, and of the anchors as the network in training hears them
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class Epoch:
    """What came of one pass over the clips; losses are means a token."""

    epoch: int
    # None of the untuned network
    text_loss: float | None
    # None without anchors
    anchor_loss: float | None
    held_out_loss: float
