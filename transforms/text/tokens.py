"""The words of a text that is written with spaces, and where they stand in it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transforms.text.likeness import letters_of

WORD = re.compile(r"\w+(?:['’]\w+)*")
POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)
# what may stand between words that belong together; a stop after a short form, as in "St. John"
GAP = re.compile(r"\s+|-|\.-?\s?")
MAX_SHORT_FORM = 3


@dataclass(frozen=True)
class Token:
    """A word without the punctuation around it: characters [start, end)."""

    start: int
    end: int
    # in lower case
    word: str
    # the word's letters and digits alone
    letters: str
    # of a possessive: "'s" as it is written
    ending: str

    @property
    def stem(self) -> str:
        """The word's letters without the ending."""
        return self.letters[:-1] if self.ending else self.letters


@dataclass(frozen=True)
class Span:
    """Words [first, last) of a text, taken as one."""

    first: int
    last: int
    tokens: tuple[Token, ...]
    # the possessive ending that is no part of it
    ending: str
    letters: str

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end - len(self.ending)

    @property
    def words(self) -> list[str]:
        """In lower case, the last one without the ending."""
        return [*(token.word for token in self.tokens[:-1]), self.tokens[-1].word.removesuffix(self.ending.lower())]


def tokens_of(text: str) -> list[Token]:
    """The words of a text, in order; the parts of a word with hyphens are words."""
    tokens = []
    for match in WORD.finditer(text):
        ending = POSSESSIVE.search(match[0])
        word = match[0].lower()
        tokens.append(Token(*match.span(), word, letters_of(word), ending[0] if ending else ""))
    return tokens


def spans_of(text: str, tokens: Sequence[Token], most: int) -> Iterator[Span]:
    """All runs of up to so many words that may be one term: no punctuation divides them.

    A run that ends in a possessive comes as it is and without the ending.
    """
    for first in range(len(tokens)):
        for last in range(first + 1, min(first + most, len(tokens)) + 1):
            if last > first + 1 and not _can_join(text, tokens[last - 2], tokens[last - 1]):
                break
            own = tuple(tokens[first:last])
            letters = "".join(token.letters for token in own)
            yield Span(first, last, own, "", letters)
            if own[-1].ending:
                yield Span(first, last, own, own[-1].ending, letters[:-1])


def _can_join(text: str, left: Token, right: Token) -> bool:
    gap = text[left.end : right.start]
    if gap == " ":
        return True
    return GAP.fullmatch(gap) is not None and ("." not in gap or len(left.word) <= MAX_SHORT_FORM)
