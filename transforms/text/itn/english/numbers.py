"""Numbers as they are said in English: cardinals, ordinals, numbers in a row, and strings of digits.

What is told apart are the classes of R. Sproat et al., "Normalization of non-standard words" (Computer Speech and
Language 15, 2001), looked at from the other side. Conventions of writing are those of the AP Stylebook.
"""

import math
from typing import NamedTuple

from transforms.text.itn.english.lexicon import (
    ARTICLES,
    BIG,
    DIGITS,
    MANY,
    NUMBER_STARTS,
    NUMBERS,
    OH,
    ORDINALS,
    SCALES,
    SPOKEN_SCALES,
    TEENS,
    TENS,
    UNDER_20,
    UNITS,
)
from transforms.text.itn.words import Words

# words of which an ordinal is made at most: four groups such as "nine hundred and ninety nine thousand"
_MAX_ORDINAL_WORDS = 24
# what may stand between a number and one that a rule before has written
_BEFORE_FIGURES = frozenset({"-", "$", "£", "€", "¥", "₹", "-$", "-£", "-€", "-¥", "-₹"})
# between numbers these make one of them
_INSIDE = OH | {"point"}
# so many words back "between" may stand that makes two numbers of "one hundred and fifty"
_N_BETWEEN = 8
# "oh no" and its like
_CRIES = frozenset({"no", "my", "god", "well", "yes", "yeah", "dear", "boy", "man", "and"})


class Number(NamedTuple):
    """A number that was said, and the index of the word after it."""

    value: int
    end: int
    # "a hundred", "a thousand": rather many than so many
    vague: bool = False


def is_number(words: Words, i: int) -> bool:
    """Whether the word is said for a number, or has a digit in it."""
    said = words.said(i)
    return said in NUMBERS or any(c.isdigit() for c in said)


def after_number(words: Words, i: int) -> bool:
    """Whether the word only goes on with a number, said or written, or with a vague one ("several hundred and")."""
    if not words.joined(i):
        return False
    if is_number(words, i - 1) or (words.said(i - 1) in MANY and words.said(i) in DIGITS):
        return True
    if words.said(i - 1) in _INSIDE and words.joined(i - 1) and is_number(words, i - 2):
        return True
    if words.said(i - 1) != "and" or not words.joined(i - 1) or words.said(i - 2) not in BIG:
        return False
    # "two hundred and five" is one number, "two hundred and three hundred" are two
    tail = under_100(words, i)
    return tail is not None and words.on(tail.end) != "hundred" and "between" not in words.lately(i, _N_BETWEEN)


def number_ends(words: Words, end: int) -> bool:
    """Whether no number, said or written ("$5", "-5"), follows at the word."""
    if words.on(end) in OH:
        return not (words.joined(end + 1) and is_number(words, end + 1))
    if words.on(end) in ORDINALS and (words.said(end - 1) in TENS or words.said(end - 1) in BIG):
        # "twenty second" is a span of time too
        return words.said(end) == "second"
    if not is_number(words, end) and words.said(end).removesuffix("s") not in BIG:
        return True
    return not words.joined(end) and words.gap(end).strip() not in _BEFORE_FIGURES


def grouped(value: int) -> str:
    """1234567 as "1,234,567"."""
    return f"{value:,}"


def readable(value: int) -> str:
    """A number as it is written in a sentence: 15, 1,200, 5 million, 5,200,000."""
    for scale, word in reversed(SPOKEN_SCALES.items()):
        if value >= scale and value % scale == 0 and value // scale < 1000:
            return f"{value // scale} {word}"
    return grouped(value)


def under_100(words: Words, i: int) -> Number | None:
    """One to ninety nine."""
    said = words.said(i)
    if said in UNDER_20:
        return Number(UNDER_20[said], i + 1)
    if said not in TENS:
        return None
    unit = UNITS.get(words.on(i + 1), 0)
    return Number(TENS[said] + unit, i + 1 + bool(unit))


def cardinal(words: Words, i: int) -> Number | None:
    """The longest cardinal number from this word on, if it is a whole one: 0 to 10^21."""
    if words.said(i) == "zero":
        return Number(0, i + 1)
    # "between one hundred and two thousand" are two numbers
    takes_and = words.before(i) != "between"
    total, end, ceiling = 0, i, math.inf
    at: int | None = i
    least = 1
    while at is not None and (group := _group(words, at, takes_and, first=at == i)):
        scale = SCALES.get(words.on(group.end), 1)
        if group.value * scale < least or scale >= ceiling or group.value >= min(ceiling, 1000 if scale > 1 else 10**4):
            break
        if words.said(at - 1) == "and" and at > i and scale > 1:
            break
        total += group.value * scale
        end, ceiling = group.end + (scale > 1), scale
        at, least = _next_group(words, end, takes_and) if scale > 1 else (None, 1)
    if end == i or words.on(end).removesuffix("s") in BIG:
        return None
    vague = words.said(i) in ARTICLES and all(words.said(k) in BIG for k in range(i + 1, end))
    return Number(total, end, vague)


def _group(words: Words, i: int, takes_and: bool, first: bool) -> Number | None:
    """What is said before a scale: one to nine thousand nine hundred and ninety nine ("ninety nine hundred")."""
    if first and words.said(i) == "a" and words.on(i + 1) in BIG:
        head: Number | None = Number(1, i + 1)
    else:
        head = under_100(words, i)
    if head is None or words.on(head.end) != "hundred" or (head.value > 9 and head.value % 10 == 0):
        return head
    value, end = 100 * head.value, head.end + 1
    start = end + 1 if takes_and and words.on(end) == "and" else end
    tail = under_100(words, start) if words.joined(start) else None
    if tail and words.on(tail.end) != "hundred":
        return Number(value + tail.value, tail.end)
    return Number(value, end)


def _next_group(words: Words, i: int, takes_and: bool) -> tuple[int | None, int]:
    """Where the number may go on after a scale, and with how much at least."""
    if words.on(i) == "and":
        return (i + 1 if takes_and and words.joined(i + 1) else None), 1
    if words.after_comma(i):
        return i, 100
    return (i if words.joined(i) else None), 1


def ordinal(words: Words, i: int) -> Number | None:
    """The ordinal number from this word on: first to the thousands of millionth."""
    for k in range(i, min(i + _MAX_ORDINAL_WORDS, len(words))):
        said = words.said(k)
        if said in ORDINALS:
            number = cardinal(words.up_to(k, ORDINALS[said]), i)
            return number if number and number.end == k + 1 else None
        if said not in NUMBERS and said not in ("and", "a"):
            return None
    return None


def with_suffix(value: int) -> str:
    """An ordinal in figures: 21st, 112th."""
    tail = "th" if value // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return grouped(value) + tail


class Row(NamedTuple):
    """Numbers that were said one after another, each as its digits, and the word after the last."""

    parts: tuple[str, ...]
    end: int

    @property
    def digits(self) -> str:
        return "".join(self.parts)


def row(words: Words, i: int) -> Row | None:
    """All numbers that follow one another without a break from this word on. None where written ones follow."""
    parts: list[str] = []
    end = i
    while end == i or words.joined(end):
        if words.said(end) in OH and words.on(end + 1) in (UNITS if parts else NUMBER_STARTS):
            part: Number | None = Number(0, end + 1)
        else:
            part = cardinal(words, end) if words.said(end) in NUMBER_STARTS else None
        if part is None:
            break
        parts.append(str(part.value))
        end = part.end
    return Row(tuple(parts), end) if parts and number_ends(words, end) else None


def digit_string(words: Words, i: int, *, loose: bool = False, apart: bool = False) -> Row | None:
    """Digits said one by one: "oh", "double four".

    If `loose`, also "twenty three" and "eight hundred", and groups between commas; if `apart`, "twenty three" is 203.
    """
    parts: list[str] = []
    end = i
    while end == i or words.joined(end) or (loose and words.after_comma(end)):
        part = _digits(words, end, loose, apart, first=not parts)
        if part is None:
            break
        parts.append(part[0])
        end = part[1]
    return Row(tuple(parts), end) if parts and number_ends(words, end) else None


def _digits(words: Words, i: int, loose: bool, apart: bool, first: bool) -> tuple[str, int] | None:
    said = words.said(i)
    if said in MANY and words.on(i + 1) in (*DIGITS, *OH):
        return str(DIGITS.get(words.said(i + 1), 0)) * MANY[said], i + 2
    if said in OH:
        goes_on = words.on(i + 1) in DIGITS or words.on(i + 1) in OH or words.on(i + 1) in MANY
        return ("0", i + 1) if goes_on or not (first or words.on(i + 1) in _CRIES) else None
    if said in DIGITS:
        if loose and words.on(i + 1) in ("hundred", "thousand") and said in UNITS:
            return str(UNITS[said]) + ("00" if words.said(i + 1) == "hundred" else "000"), i + 2
        return str(DIGITS[said]), i + 1
    if loose and (said in TEENS or said in TENS):
        number = Number(TENS[said], i + 1) if apart and said in TENS else under_100(words, i)
        return (str(number.value), number.end) if number else None
    return None


def joined_value(parts: tuple[str, ...]) -> int | None:
    """What two numbers in a row stand for: "seven forty seven" is 747, "forty two sixteen" 4216.

    None where they rather are two guesses ("twenty thirty people", "ten fifteen minutes") or two numbers.
    """
    if len(parts) != 2 or len(parts[1]) != 2 or len(parts[0]) > 2:
        return None
    if len(parts[0]) == 1:
        return int("".join(parts)) if parts[0] != "0" and int(parts[1]) >= 20 else None
    guesses = all(part[1] in "05" for part in parts)
    return None if guesses else int("".join(parts))
