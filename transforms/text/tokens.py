"""The words of a text that is written with spaces, and where they stand in it."""

import re
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


def tokens_of(text: str) -> list[Token]:
    """The words of a text, in order; the parts of a word with hyphens are words."""
    tokens = []
    for match in WORD.finditer(text):
        ending = POSSESSIVE.search(match[0])
        word = match[0].lower()
        tokens.append(Token(*match.span(), word, letters_of(word), ending[0] if ending else ""))
    return tokens


def can_join(text: str, left: Token, right: Token) -> bool:
    """Whether two neighbours may be parts of one term: they are not when punctuation divides them."""
    gap = text[left.end : right.start]
    if gap == " ":
        return True
    return GAP.fullmatch(gap) is not None and ("." not in gap or len(left.word) <= MAX_SHORT_FORM)
