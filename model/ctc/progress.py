"""How far a training is, and what its epochs came to: the part of a checkpoint that is not arrays."""

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class DevelopmentScore:
    """Of the development set."""

    # natural log, a label
    loss: float
    # word and character error rates of greedy decoding
    wer: float
    cer: float


@dataclass(frozen=True)
class Epoch:
    """One time through the training set."""

    # natural log, a label, mean over the steps
    loss: float
    n_steps: int
    development: DevelopmentScore | None

    def figures(self) -> dict[str, float]:
        """By name, for curves."""
        scored = asdict(self.development) if self.development else {}
        return {"training/loss": self.loss} | {f"development/{name}": value for name, value in scored.items()}

    @property
    def rank(self) -> tuple[float, float]:
        """The less the better; without a development set the training loss decides nothing."""
        return (self.development.wer, self.development.loss) if self.development else (0.0, 0.0)


@dataclass
class Progress:
    """Epochs that are over, steps in all and in the epoch that is not."""

    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    # of the losses of the open epoch
    loss_sum: float = 0.0
    # how many epochs were over when the best weights were kept
    best_epoch: int = 0
    history: list[Epoch] = field(default_factory=list)

    def stepped(self, loss: float) -> None:
        self.step += 1
        self.step_in_epoch += 1
        self.loss_sum += loss

    def end_epoch(self, n_steps: int, scored: DevelopmentScore | None) -> bool:
        """Whether the weights are the best so far: the last are where there is no development set."""
        epoch = Epoch(self.loss_sum / n_steps, n_steps, scored)
        is_best = not self.history or scored is None or epoch.rank < self.history[self.best_epoch - 1].rank
        self.history.append(epoch)
        self.epoch, self.step_in_epoch, self.loss_sum = self.epoch + 1, 0, 0.0
        if is_best:
            self.best_epoch = self.epoch
        return is_best

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Progress":
        content = json.loads(text)
        epochs = [
            Epoch(e["loss"], e["n_steps"], DevelopmentScore(**e["development"]) if e["development"] else None)
            for e in content.pop("history")
        ]
        return cls(**content, history=epochs)
