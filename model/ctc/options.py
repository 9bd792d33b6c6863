"""How the outputs of a CTC network are turned into text."""

import math
from dataclasses import dataclass
from pathlib import Path

from model.errors import BeamscribeError

LANGUAGE_MODEL_UNITS = ("words", "characters")


@dataclass(frozen=True)
class LanguageModelUse:
    """A language model, and how much it counts. BeamscribeError where a value is out of its range."""

    # n-grams: ARPA, plain or gzip, or a binary of KenLM
    path: Path
    # what its n-grams are made of
    units: str = "words"
    # weight of the language model's natural log-probability
    alpha: float = 0.5
    # bonus a unit: what makes up for all that a long text loses with the language model
    beta: float = 1.0
    # of the file where the run was planned; None: whatever it holds
    sha256: str | None = None

    def __post_init__(self) -> None:
        if self.units not in LANGUAGE_MODEL_UNITS:
            raise BeamscribeError(f"a language model has no {self.units!r}: give {' or '.join(LANGUAGE_MODEL_UNITS)}")
        if not 0 <= self.alpha < math.inf:
            raise BeamscribeError(f"the language model's weight is {self.alpha}: give 0 or more")
        if not math.isfinite(self.beta):
            raise BeamscribeError(f"the bonus a unit is {self.beta}: give a number")


@dataclass(frozen=True)
class CtcDecodeOptions:
    """Part of the configuration hash. BeamscribeError where a value is out of its range."""

    # prefixes kept alive while searching; 1 without a language model and hot words is greedy
    beam_width: int = 16
    # None: the network alone decides
    language_model: LanguageModelUse | None = None
    # phrases to prefer, and the bonus for the whole of each, in natural log
    hotwords: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if self.beam_width < 1:
            raise BeamscribeError(f"the beam of CTC decoding is {self.beam_width} wide: give 1 or more")

    @property
    def is_greedy(self) -> bool:
        return self.beam_width == 1 and self.language_model is None and not self.hotwords
