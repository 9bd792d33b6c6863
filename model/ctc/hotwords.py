"""Hot words: phrases that a search is to prefer where it hears them.

A phrase counts where it is written as whole words. Its bonus is granted in shares, character by character, so that a
beam does not lose it before it is complete; where the text goes on otherwise, the shares are taken back, as in Zhao et
al. 2019, "Shallow-Fusion End-to-End Contextual Biasing". In the end a text has the bonuses of the phrases found in it
from left to right, at each word the longest, without overlaps.
"""

import math
from collections.abc import Container, Mapping, Sequence
from functools import lru_cache

import numpy as np

from model.ctc.vocabulary import CtcVocabulary
from model.errors import BeamscribeError

# gains of a state are kept for so many states
N_KEPT = 1 << 12
# a word that begins no phrase, until it ends
OTHER = "\0"


class HotWords:
    """Scores prefixes by the phrases in them; a `Scorer`.

    A state is the text from where a phrase may have begun, or OTHER.
    """

    def __init__(self, phrases: Sequence[tuple[str, float]], vocabulary: CtcVocabulary) -> None:
        """phrases: each with the bonus of the whole of it, in natural log, above 0."""
        self._written = vocabulary.written
        self._bonuses: dict[str, float] = {}
        for phrase, bonus in phrases:
            spelled = vocabulary.text(vocabulary.encode(phrase))
            if not spelled or not 0 < bonus < math.inf:
                raise BeamscribeError(f"hot word {phrase!r} with weight {bonus}: give a word, and a weight above 0")
            self._bonuses[spelled] = max(bonus, self._bonuses.get(spelled, 0.0))
        self._shares = _shares(self._bonuses)
        self.gains = lru_cache(N_KEPT)(self._gains)

    def begin(self) -> str:
        return ""

    def advance(self, state: str, label: int) -> str:
        return self._write(state, self._written[label])[0]

    def end(self, state: str) -> float:
        return self._settle(state + " ", ("",))[1] - self._shares[state]

    def _gains(self, state: str) -> np.ndarray:
        return np.array([self._write(state, written)[1] for written in self._written])

    def _write(self, state: str, written: str) -> tuple[str, float]:
        """The state after some characters, and what they gain."""
        before, credit = self._shares[state], 0.0
        for character in written:
            if state == OTHER:
                state = "" if character == " " else OTHER
            elif character != " " or (state and not state.endswith(" ")):
                state, settled = self._settle(state + character, self._shares)
                credit += settled
        return state, credit + self._shares[state] - before

    def _settle(self, text: str, live: Container[str]) -> tuple[str, float]:
        """Takes words off the beginning until what is left is live: what that is, and the bonuses of phrases taken."""
        credit = 0.0
        while text not in live:
            if phrase := _longest_phrase(text, self._bonuses):
                credit += self._bonuses[phrase]
                text = text[len(phrase) + 1 :]
            elif " " in text:
                text = text.partition(" ")[2]
            else:
                text = OTHER
        return text, credit


def _longest_phrase(text: str, phrases: Container[str]) -> str | None:
    """The longest phrase that the text begins with and that a space ends there."""
    ends = (i for i in reversed(range(len(text))) if text[i] == " ")
    return next((text[:end] for end in ends if text[:end] in phrases), None)


def _shares(bonuses: Mapping[str, float]) -> dict[str, float]:
    """What is granted for each beginning of a phrase: the largest share, or all of a phrase that is complete in it."""
    shares = {"": 0.0, OTHER: 0.0}
    for phrase, bonus in bonuses.items():
        for n in range(1, len(phrase) + 1):
            shares[phrase[:n]] = max(shares.get(phrase[:n], 0.0), bonus * n / len(phrase))
    for beginning in shares:
        if complete := _longest_phrase(beginning, bonuses):
            shares[beginning] = max(shares[beginning], bonuses[complete])
    return shares
