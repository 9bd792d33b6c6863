"""What is added to a prefix while a search goes on: a language model's opinion of it, a bonus for hot words.

Shallow fusion (Gulcehre et al. 2015), as in Hannun et al. 2014, "First-Pass Large Vocabulary Continuous Speech
Recognition using Bi-Directional Recurrent DNNs": a prefix is ranked by

    ln P_ctc + alpha ln P_lm(units) + beta n_units + hot words

whose units are words or characters. A word is scored when it is known to have ended, a space between words as soon as
another word begins: at the end of a search every hypothesis has the score that its whole text has by this definition.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from model.ctc.ngram import END, LanguageModel, State
from model.ctc.vocabulary import CtcVocabulary
from model.errors import BeamscribeError

# what a word, and what each label in a state is worth, is kept for so many
N_WORDS_KEPT, N_STATES_KEPT = 1 << 14, 1 << 12
# what language models of characters call the space
SPACES = ("|", "<space>", "▁")


class Scorer(Protocol):
    """Scores prefixes step by step. Those in equal states gain alike, whatever follows."""

    def begin(self) -> State:
        """The state of the empty prefix."""

    def gains(self, state: State) -> np.ndarray:
        """[n_labels] float64 what each label adds to the score of a prefix in this state."""

    def advance(self, state: State, label: int) -> State:
        """The state of the prefix with this label after it."""

    def end(self, state: State) -> float:
        """What is added when the text ends here."""


class Scorers:
    """Several scorers as one."""

    def __init__(self, scorers: Sequence[Scorer]) -> None:
        self._scorers = tuple(scorers)

    def begin(self) -> State:
        return tuple(scorer.begin() for scorer in self._scorers)

    def gains(self, state: State) -> np.ndarray:
        return np.sum([scorer.gains(own) for scorer, own in self._each(state)], axis=0)

    def advance(self, state: State, label: int) -> State:
        return tuple(scorer.advance(own, label) for scorer, own in self._each(state))

    def end(self, state: State) -> float:
        return sum(scorer.end(own) for scorer, own in self._each(state))

    def _each(self, state: State) -> Iterator[tuple[Scorer, State]]:
        return zip(self._scorers, state, strict=True)


class Words(NamedTuple):
    """Where a prefix stands: the language model's state after its whole words, and the word that is begun."""

    model_state: State
    begun: str


class WordFusion:
    """A language model of words."""

    def __init__(self, model: LanguageModel, vocabulary: CtcVocabulary, *, alpha: float, beta: float) -> None:
        self._model, self._alpha, self._beta = model, alpha, beta
        self._written = vocabulary.written
        # labels before which a word has ended
        self._parts = np.array([written.startswith(" ") for written in vocabulary.written], np.float64)
        self._score = lru_cache(N_WORDS_KEPT)(self._score_word)

    def begin(self) -> Words:
        return Words(self._model.begin(), "")

    def gains(self, state: Words) -> np.ndarray:
        return self._parts * self._score(*state)[1] if state.begun else np.zeros_like(self._parts)

    def advance(self, state: Words, label: int) -> Words:
        written = self._written[label]
        if written.startswith(" ") and state.begun:
            state = Words(self._score(*state)[0], "")
        return state._replace(begun=state.begun + written.strip())

    def end(self, state: Words) -> float:
        model_state, gain = self._score(*state) if state.begun else (state.model_state, 0.0)
        return gain + self._alpha * self._model.advance(model_state, END).logprob

    def _score_word(self, model_state: State, word: str) -> tuple[State, float]:
        following, logprob = self._model.advance(model_state, known_form(word, self._model))
        return following, self._alpha * logprob + self._beta


class Characters(NamedTuple):
    """Where a prefix stands: the language model's state, and whether a space will come before the next character."""

    model_state: State
    has_words: bool
    space_follows: bool


class CharacterFusion:
    """A language model of characters, in which a space is a unit as well."""

    def __init__(self, model: LanguageModel, vocabulary: CtcVocabulary, *, alpha: float, beta: float) -> None:
        self._model, self._alpha, self._beta = model, alpha, beta
        self._written = vocabulary.written
        if not any(known_form(letter, model) in model for letter in "".join(vocabulary.written).replace(" ", "")):
            raise BeamscribeError(
                "the language model knows none of the labels' characters: it is one of words, --lm_units words"
            )
        self._space = next((space for space in SPACES if space in model), SPACES[0])
        self.gains = lru_cache(N_STATES_KEPT)(self._gains)

    def begin(self) -> Characters:
        return Characters(self._model.begin(), False, False)

    def advance(self, state: Characters, label: int) -> Characters:
        return self._write(state, self._written[label])[0]

    def end(self, state: Characters) -> float:
        return self._alpha * self._model.advance(state.model_state, END).logprob

    def _gains(self, state: Characters) -> np.ndarray:
        return np.array([self._write(state, written)[1] for written in self._written])

    def _write(self, state: Characters, written: str) -> tuple[Characters, float]:
        model_state, has_words, space_follows = state
        gain = 0.0
        for character in written:
            if character == " ":
                space_follows = has_words
                continue
            for unit in (self._space, character) if space_follows else (character,):
                model_state, logprob = self._model.advance(model_state, known_form(unit, self._model))
                gain += self._alpha * logprob + self._beta
            has_words, space_follows = True, False
        return Characters(model_state, has_words, space_follows), gain


def known_form(unit: str, model: LanguageModel) -> str:
    """The unit as the model writes it, whose letters may be of one case only."""
    return next((form for form in (unit, unit.lower(), unit.upper()) if form in model), unit)
