"""Dates and years: "june fifth twenty twenty one", "the fifth of june", "nineteen oh five", "the nineteen eighties".

AP: "June 5, 2021", the month before the day without "th", a comma before the year; what is said the British way stays
that way: "the 5th of June 2021". Years have no comma; decades an s without an apostrophe.
"""

from typing import NamedTuple

from transforms.text.itn.english.lexicon import (
    BIG,
    COUNTED,
    FUNCTION_WORDS,
    MONTHS,
    NUMBER_STARTS,
    OH,
    ORDINALS,
    TEENS,
    TENS,
    UNITS,
    VERB_MONTHS,
)
from transforms.text.itn.english.numbers import (
    Number,
    after_number,
    cardinal,
    is_number,
    number_ends,
    ordinal,
    under_100,
    with_suffix,
)
from transforms.text.itn.words import Found, Words, rule_of, word_set

_DECADES = {word[:-1] + "ies": value for word, value in TENS.items()} | {"hundreds": 0, "tens": 10}
# a number after one of these is a year, if it can be one
_YEAR_WORDS = frozenset({"in", "since", "year", "until", "till", "spring", "summer", "autumn", "fall", "winter"})
_NEAR_YEARS = _YEAR_WORDS | word_set("of by from to before after during around about circa early late mid between and")
_FIRST_CENTURY, _LAST_CENTURY = 11, 20
# below it "twelve thirty" is rather an hour
_FIRST_YEAR = 1300
_BEFORE_DECADES = frozenset({"the", "early", "late", "mid"})
# before these a month is one, though it may be a verb
_BEFORE_MONTHS = word_set("on by of since until till from before after last next this every")


class Day(NamedTuple):
    """A day of a month, and the word after it."""

    value: int
    end: int
    is_ordinal: bool


def year(words: Words, i: int) -> Number | None:
    """A year as it is said in two halves ("nineteen eighty four", "twenty oh one") or in thousands (2000 to 2099)."""
    said = words.said(i)
    if said == "two" and words.on(i + 1) == "thousand":
        number = cardinal(words, i)
        return number if number and number.value < 2100 and number_ends(words, number.end) else None
    century = TEENS.get(said) or (20 if said == "twenty" else 0)
    if not 10 <= century <= _LAST_CENTURY or not words.joined(i + 1):
        return None
    if words.said(i + 1) == "hundred" and century < _LAST_CENTURY:
        number = cardinal(words, i)
        return number if number and number.value < 2000 and number_ends(words, number.end) else None
    if words.said(i + 1) in OH and words.on(i + 2) in UNITS:
        return Number(100 * century + UNITS[words.said(i + 2)], i + 3) if number_ends(words, i + 3) else None
    rest = under_100(words, i + 1)
    if rest is None or rest.value < 10 or not number_ends(words, rest.end):
        return None
    return Number(100 * century + rest.value, rest.end)


def _year(words: Words, i: int) -> Found | None:
    if after_number(words, i):
        return None
    if found := _decade(words, i):
        return found
    number = year(words, i)
    # "four hundred and two thousand and nine" ends in no year, "two thousand and seventy second" is none
    in_number = words.before(i) == "and" and words.on(i - 2) in BIG
    if number is None or in_number or words.on(number.end) in ORDINALS or not _is_year(words, i, number):
        return None
    return Found(i, number.end, str(number.value))


def _is_year(words: Words, i: int, number: Number) -> bool:
    before = words.before(i)
    if words.on(number.end) in COUNTED and before not in ("year", "since"):
        return False
    if words.said(i + 1) in ("hundred", "thousand"):
        # a round number of years is also one of things: "in two thousand cases"
        likely = before in _NEAR_YEARS or before in MONTHS or number.value > 2000
        return before in _YEAR_WORDS or (likely and number.value % 100 > 0)
    # up to twelve they are hours, unless something says that they are years
    return number.value >= _FIRST_YEAR or before in ("in", "since", "year", "until")


def _decade(words: Words, i: int) -> Found | None:
    century = TEENS.get(words.said(i)) or (20 if words.said(i) == "twenty" else 0)
    if words.said(i) == "two" and words.on(i + 1) == "thousands" and words.before(i) in _BEFORE_DECADES:
        return Found(i, i + 2, "2000s")
    first = _FIRST_CENTURY if words.before(i) in _BEFORE_DECADES else _FIRST_YEAR // 100
    if not first <= century <= _LAST_CENTURY or words.on(i + 1) not in _DECADES:
        return None
    if century == _LAST_CENTURY and words.said(i + 1) == "hundreds":
        return None
    return Found(i, i + 2, f"{century}{_DECADES[words.said(i + 1)]:02d}s")


def _day(words: Words, i: int) -> Day | None:
    number = ordinal(words, i)
    if number and number.value <= 31:
        return Day(number.value, number.end, True)
    number = under_100(words, i)
    return Day(number.value, number.end, False) if number and number.value <= 31 else None


def _year_after(words: Words, i: int) -> Number | None:
    """The year of a date, which may stand after a comma, and if so is one whatever it is."""
    number = year(words, i) if words.joined(i) or words.after_comma(i) else None
    return number if number and words.on(number.end) not in COUNTED else None


def _month_first(words: Words, i: int) -> Found | None:
    """ "june fifth", "june five twenty twenty one", "june the fifth"; at the month."""
    start = i + 1 + (words.on(i + 1) == "the")
    if not words.joined(start) or (words.joined(i) and is_number(words, i - 1)) or words.before(i) in ORDINALS:
        return None
    whole = year(words, start)
    day = _day(words, start)
    if day is None or (whole and start == i + 1 and not day.is_ordinal):
        return None
    after = _year_after(words, day.end)
    if not after and not (_is_day(words, i, day) and number_ends(words, day.end)):
        return None
    says_the = start > i + 1
    if says_the and not day.is_ordinal:
        return None
    shown = with_suffix(day.value) if says_the else str(day.value)
    written = f"{words.between(i, start)} {shown}" + (f", {after.value}" if after else "")
    return Found(i, after.end if after else day.end, written)


def _is_day(words: Words, i: int, day: Day) -> bool:
    """Whether a month and a number, which is followed by no year, are a date."""
    stands_alone = not words.on(day.end) or words.on(day.end) in FUNCTION_WORDS
    if words.said(i) in VERB_MONTHS:
        starts = day.is_ordinal and not words.before(i)
        return stands_alone and (starts or words.before(i) in _BEFORE_MONTHS)
    if day.is_ordinal:
        return True
    return stands_alone and words.before(i) != "in"


def _day_first(words: Words, i: int) -> Found | None:
    """ "the fifth of june", "twenty one june nineteen eighty", "fifth june"; at the day."""
    day = None if after_number(words, i) else _day(words, i)
    if day is None:
        return None
    at = day.end + (words.on(day.end) == "of")
    if words.on(at) not in MONTHS:
        return None
    after = _year_after(words, at + 1)
    if not after and (not number_ends(words, at + 1) or words.on(at + 1) in ORDINALS):
        return None
    if at > day.end and day.is_ordinal:
        holiday = (day.value, words.said(at)) == (4, "july")
        if holiday and not after:
            return None
        tail = words.between(day.end, at + 1)
        written = f"{with_suffix(day.value)} {tail}"
    elif at == day.end and (after or (day.is_ordinal and words.said(at) not in VERB_MONTHS)):
        written = f"{day.value} {words.written(at)}"
    else:
        return None
    return Found(i, after.end if after else at + 1, written + (f" {after.value}" if after else ""))


def _slashed(words: Words, i: int) -> Found | None:
    """ "six slash five slash twenty twenty"."""
    parts: list[str] = []
    at = i
    for last in (False, False, True):
        number = (year(words, at) if last else None) or (under_100(words, at) if words.joined(at) or at == i else None)
        if number is None or (not last and (number.value > 31 or words.on(number.end) != "slash")):
            return None
        parts.append(str(number.value))
        at = number.end + (not last)
    return Found(i, at, "/".join(parts)) if number_ends(words, at) else None


def _date(words: Words, i: int) -> Found | None:
    if words.said(i) in MONTHS:
        return _month_first(words, i)
    return _day_first(words, i) or (None if after_number(words, i) else _slashed(words, i))


date_rule = rule_of(_date, MONTHS | NUMBER_STARTS | frozenset(ORDINALS), MONTHS | {"slash"})
year_rule = rule_of(_year, frozenset(TEENS) | {"two", "twenty"})
