"""Runs of digits, or of letters and digits, as they are read out: "four one, uh, double one" is 4111."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from transforms.text.redaction.tokens import (
    DIGITS,
    HESITATIONS,
    MAX_HESITATIONS,
    MISHEARD_DIGITS,
    NATO,
    NUMBER_WORDS,
    TEENS,
    TENS,
    TIMES,
    UNSURE_DIGITS,
    Token,
)

# letters that are written together in a number: the bank in an IBAN
MAX_LETTERS = 6
# signs that may stand between the digits of a number
JOINTS = frozenset("-–—.,/()+_…")
# what a recogniser may write for a digit, or between two
GAPS = frozenset(("for", "fore", "to", "too", "or", "won", "ate", *TIMES))


@dataclass(frozen=True)
class Said:
    """Characters that some tokens say."""

    value: str
    # tokens [first, last)
    first: int
    last: int


@dataclass(frozen=True)
class Run:
    """What is said one after the other, as one number might be."""

    parts: tuple[Said, ...]

    @cached_property
    def value(self) -> str:
        return "".join(part.value for part in self.parts)

    @cached_property
    def ends(self) -> list[int]:
        """How many characters there are after each part."""
        ends, n = [], 0
        for part in self.parts:
            n += len(part.value)
            ends.append(n)
        return ends

    def cut(self, start: int, end: int) -> "Run":
        """The parts that say characters [start, end), whole."""
        ends = self.ends
        return Run(self.parts[bisect_left(ends, start + 1) : bisect_left(ends, end) + 1])


def runs(tokens: Sequence[Token], letters: bool = False, n_misheard: int = 0) -> list[Run]:
    """All runs, in order. letters: whether single letters and the words that stand for them count.

    n_misheard: words of any kind that may stand between two digits.
    """
    found: list[Run] = []
    parts: list[Said] = []
    n_between = n_others = at = 0
    while at < len(tokens):
        said = _said(tokens, at, letters)
        if said is not None:
            parts.append(said)
            at, n_between, n_others = said.last, 0, 0
            continue
        token = tokens[at]
        n_between += token.word in HESITATIONS
        n_others += not _goes_on(token, letters)
        if parts and (n_between > MAX_HESITATIONS or n_others > n_misheard):
            found.append(Run(tuple(parts)))
            parts = []
        at += 1
    if parts:
        found.append(Run(tuple(parts)))
    return found


def _goes_on(token: Token, letters: bool) -> bool:
    is_noise = not letters and (token.word in GAPS or (len(token.word) == 1 and token.is_word))
    return is_noise or token.word in HESITATIONS or token.text in JOINTS


def _said(tokens: Sequence[Token], at: int, letters: bool) -> Said | None:
    """What the tokens from `at` on say, as few as make sense."""
    token = tokens[at]
    if token.word[0].isdecimal():
        return Said(_plain(token.word), at, at + 1)
    if token.word in TIMES and at + 1 < len(tokens):
        repeated = _single(tokens[at + 1], letters)
        if not repeated and tokens[at + 1].word.isdecimal():
            # "triple 501" was "triple five oh one"
            figures = _plain(tokens[at + 1].word)
            return Said(figures[0] * (TIMES[token.word] - 1) + figures, at, at + 2)
        return Said(repeated * TIMES[token.word], at, at + 2) if repeated else None
    if token.word in UNSURE_DIGITS and not letters:
        beside = [_goes_with_digits(tokens, i) for i in (at - 1, at + 1)]
        is_digit = all(beside) if token.word in MISHEARD_DIGITS else any(beside)
        return Said(str(DIGITS[token.word]), at, at + 1) if is_digit else None
    if token.word in NUMBER_WORDS:
        return _cardinal(tokens, at)
    if letters and (single := _single(token, letters)):
        return Said(single, at, at + 1)
    if letters and token.text.isupper() and len(token.text) <= MAX_LETTERS:
        return Said(token.word, at, at + 1)
    return None


def _plain(figures: str) -> str:
    """Figures of any script as those of ASCII."""
    return "".join(str(int(c)) if c.isdecimal() else c for c in figures)


def _single(token: Token, letters: bool) -> str:
    if token.word in DIGITS:
        return str(DIGITS[token.word])
    if len(token.word) == 1 and token.word.isdecimal():
        return _plain(token.word)
    if letters and len(token.word) == 1 and token.word.isascii():
        return token.word
    return NATO.get(token.word, "") if letters else ""


def _goes_with_digits(tokens: Sequence[Token], at: int) -> bool:
    return 0 <= at < len(tokens) and (tokens[at].is_number or tokens[at].word in TIMES)


def _cardinal(tokens: Sequence[Token], at: int) -> Said:
    """A number below a million in words: forty one, four hundred, four thousand one hundred; else one digit."""
    value, last = _below_hundred(tokens, at)
    number = value
    if _word(tokens, last) == "hundred":
        number, last = value * 100, last + 1
    if _word(tokens, last) == "thousand":
        number, last = number * 1000, last + 1
        if last < len(tokens) and tokens[last].word in DIGITS and _word(tokens, last + 1) == "hundred":
            number, last = number + DIGITS[tokens[last].word] * 100, last + 2
    return Said(str(number), at, last)


def _below_hundred(tokens: Sequence[Token], at: int) -> tuple[int, int]:
    word = tokens[at].word
    if word in DIGITS:
        return DIGITS[word], at + 1
    if word in TEENS:
        return int(TEENS[word]), at + 1
    after = at + 2 if _word(tokens, at + 1) == "-" else at + 1
    unit = DIGITS.get(_word(tokens, after), 0)
    if unit and _word(tokens, after) not in UNSURE_DIGITS:
        return TENS[word] * 10 + unit, after + 1
    return TENS[word] * 10, at + 1


def _word(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].word if at < len(tokens) else ""
