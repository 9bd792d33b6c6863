"""An index over the terms of a vocabulary: which of thousands a stretch of text may stand for."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from transforms.text.likeness import letters_of, likeness, shortened, sound_of
from transforms.text.vocabulary import Term

# shorter words are like too many others
MIN_LETTERS = 4


class Form(NamedTuple):
    """A way to spell what is heard where a term is said: the term's own spelling, or one of its `sounds_like`."""

    letters: str
    sound: str
    term: Term


@dataclass(frozen=True)
class Match:
    """The term that is most like a stretch of text."""

    term: Term
    # of 0 to 1
    likeness: float
    # by how much it is more like it than any other term
    margin: float


class Corrector:
    """The terms, found by their letters alone, or by what sounds and looks like them."""

    def __init__(self, terms: Sequence[Term]) -> None:
        # of the terms and of what they sound like, in words
        self.max_words = max((len(text.split()) for term in terms for text in _spellings(term)), default=0)
        self._same: dict[str, Term] = {}
        self._listed: dict[str, Term] = {}
        near: dict[str, list[Form]] = defaultdict(list)
        for term in terms:
            self._same.setdefault(letters_of(term.text), term)
            for text in term.sounds_like:
                self._listed.setdefault(letters_of(text), term)
        for form in _forms(terms):
            for key in shortened(form.sound):
                near[key].append(form)
        self._near = {key: tuple(forms) for key, forms in near.items()}

    def same(self, letters: str) -> Term | None:
        """The term that has these letters, whatever its case, spaces and punctuation."""
        return self._same.get(letters)

    def listed(self, letters: str) -> Term | None:
        """The term of which a user said that it sounds like this."""
        return self._listed.get(letters)

    def nearest(self, letters: str) -> Match | None:
        """The term that is most like these letters; None where none sounds alike, up to one consonant."""
        sound = sound_of(letters)
        best: dict[str, tuple[float, Term]] = {}
        for form in {form for key in shortened(sound) for form in self._near.get(key, ())}:
            if _digits(form.letters) != _digits(letters):
                continue
            value = likeness(letters, sound, form.letters, form.sound)
            if value > best.get(form.term.text, (0.0,))[0]:
                best[form.term.text] = (value, form.term)
        if len(letters) < MIN_LETTERS or not best:
            return None
        ranked = sorted(best.values(), key=lambda found: (-found[0], found[1].text))
        second = ranked[1][0] if len(ranked) > 1 else 0.0
        return Match(ranked[0][1], ranked[0][0], ranked[0][0] - second)


def _spellings(term: Term) -> tuple[str, ...]:
    return term.text, *term.sounds_like


def _forms(terms: Sequence[Term]) -> Iterator[Form]:
    for term in terms:
        for letters in dict.fromkeys(letters_of(text) for text in _spellings(term)):
            if len(letters) >= MIN_LETTERS:
                yield Form(letters, sound_of(letters), term)


def _digits(letters: str) -> str:
    return "" if letters.isalpha() else "".join(c for c in letters if c.isdigit())
