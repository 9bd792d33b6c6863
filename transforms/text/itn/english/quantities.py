"""How much of a thing was said: a number with its sign, its decimals or half, its scale; and how much to how much."""

from typing import NamedTuple

from transforms.text.itn.english.lexicon import DIGITS, OH, SCALES, SPOKEN_SCALES
from transforms.text.itn.english.numbers import (
    Number,
    after_number,
    cardinal,
    grouped,
    joined_value,
    number_ends,
    row,
    under_100,
)
from transforms.text.itn.words import Words, word_set

SIGNS = frozenset({"minus", "negative"})
# after these a sign is one; after a number, a letter or a noun it takes away
_BEFORE_SIGN = word_set(
    "a of to at is was be about around from by than or below above and reached hit between the are were it's"
)
# "at this point five percent"
_BEFORE_POINTS = frozenset({"this", "that", "some", "what", "which", "the"})
_PARTS = {
    ("a", "half"): "5",
    ("one", "half"): "5",
    ("a", "quarter"): "25",
    ("one", "quarter"): "25",
    ("three", "quarters"): "75",
}


class Quantity(NamedTuple):
    """How much, in figures ("-2.5") and, of millions and more, a word; and the word after it."""

    figures: str
    scale: str
    end: int
    # in units, without the scale; decimals are cut off
    whole: int
    vague: bool = False

    def __str__(self) -> str:
        return f"{self.figures} {self.scale}" if self.scale else self.figures


def signed(words: Words, i: int) -> bool:
    """Whether the number at the word is said to be below zero."""
    before = words.before(i - 1)
    return words.before(i) in SIGNS and (not before or before in _BEFORE_SIGN)


def decimals(words: Words, i: int) -> tuple[str, int] | None:
    """The figures from the word after "point" on, and the word after them: one by one, or as one of 10 to 99."""
    figures, end = "", i
    while words.joined(end) and (words.said(end) in DIGITS or (words.said(end) in OH and _is_oh(words, end, figures))):
        figures += str(DIGITS.get(words.said(end), 0))
        end += 1
    if not figures and words.joined(end) and (number := under_100(words, end)):
        figures, end = str(number.value), number.end
    return (figures, end) if figures and (number_ends(words, end) or words.on(end) in SCALES) else None


def _is_oh(words: Words, i: int, figures: str) -> bool:
    return words.on(i + 1) in DIGITS or words.on(i + 1) in OH or bool(figures) or not words.joined(i + 1)


def quantity(words: Words, i: int) -> Quantity | None:
    """The quantity that starts with the number (or "point") at the word; its sign is before it."""
    if words.before(i) and after_number(words, i):
        return None
    sign = "-" if signed(words, i) else ""
    if words.said(i) == "point":
        parts = None if words.before(i) in _BEFORE_POINTS else decimals(words, i + 1)
        return _scaled(words, f"{sign}0.{parts[0]}", parts[1], 0) if parts else None
    number = cardinal(words, i)
    if number is None:
        return None
    says_point = words.on(number.end) == "point"
    parts = decimals(words, number.end + 1) if says_point else _half(words, number.end)
    if parts and not number.vague:
        if number.value == 1 and words.before(i) == "at":
            return None
        return _scaled(words, f"{sign}{grouped(number.value)}.{parts[0]}", parts[1], number.value)
    return _whole(words, i, number, sign)


def _whole(words: Words, i: int, number: Number, sign: str) -> Quantity | None:
    if not number_ends(words, number.end):
        numbers = row(words, i)
        value = joined_value(numbers.parts) if numbers else None
        return Quantity(sign + grouped(value), "", numbers.end, value) if numbers and value else None
    for scale, word in reversed(SPOKEN_SCALES.items()):
        if number.value >= scale and number.value % scale == 0 and number.value // scale < 1000:
            whole = number.value // scale
            return Quantity(f"{sign}{whole}", word, number.end, whole, number.vague)
    return Quantity(sign + grouped(number.value), "", number.end, number.value, number.vague)


def _half(words: Words, i: int) -> tuple[str, int] | None:
    part = _PARTS.get((words.on(i + 1), words.on(i + 2))) if words.on(i) == "and" else None
    return (part, i + 3) if part else None


def _scaled(words: Words, figures: str, end: int, whole: int) -> Quantity:
    scale = words.on(end) if words.on(end) in SCALES else ""
    return Quantity(figures, scale, end + bool(scale), whole)


class Range(NamedTuple):
    """From one quantity to another, and the word between them."""

    low: Quantity
    word: str
    high: Quantity


def quantity_range(words: Words, i: int) -> Range | None:
    """Two quantities: "five to ten", "two or three hundred" (200 or 300), "between five and ten"."""
    low = quantity(words, i)
    if low is None or low.vague:
        return None
    word = words.on(low.end)
    if word not in ("to", "or") and not (word == "and" and words.before(i) == "between"):
        return None
    start = low.end + 1 + (words.on(low.end + 1) in SIGNS)
    high = quantity(words, start) if words.joined(start) else None
    if high is None or high.vague:
        return None
    return Range(_completed(words, low, start, high), words.written(low.end), high)


def _completed(words: Words, low: Quantity, start: int, high: Quantity) -> Quantity:
    """The lower one with the hundred or thousand that was said of the higher one only."""
    head = under_100(words, start)
    if head is None or not 0 < low.whole < head.value or not low.figures.isdecimal() or low.scale:
        return low
    scale, i = 1, head.end
    while i < high.end and words.said(i) in ("hundred", "thousand"):
        scale *= 100 if words.said(i) == "hundred" else 1000
        i += 1
    value = low.whole * scale
    return low._replace(figures=grouped(value), whole=value)


def number_start(words: Words, i: int) -> int:
    """The first word of the quantity at the word: its sign, if it has one."""
    return i - 1 if signed(words, i) else i
