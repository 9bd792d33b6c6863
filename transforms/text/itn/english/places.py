"""Addresses of houses: "one twenty three main street", "two twenty one b baker street", British postcodes.

A house number has no comma (USPS Publication 28; Royal Mail's guide to addressing), a letter after it no space.
"""

from transforms.text.itn.english.lexicon import (
    ARTICLES,
    COUNTED,
    DIGITS,
    FUNCTION_WORDS,
    NUMBER_STARTS,
    NUMBERS,
    ORDINALS,
    PRONOUNS,
)
from transforms.text.itn.english.numbers import after_number, is_number, number_ends, row
from transforms.text.itn.words import Found, Words, rule_of, word_set

_STREETS = word_set("street st avenue ave road rd lane boulevard blvd court terrace crescent parkway highway mews")
# words of everyday use beside: a street only after a house number of several words, or with a reason
_VAGUE_STREETS = word_set("drive way place close square row hill gardens grove circle")
_BEFORE_HOUSES = word_set("at address is to visit from on live lives lived located near outside and")
_NO_STREET_NAMES = word_set("way lane minute hour mile busy quiet narrow side different other more long short back of")
_MAX_NAME_WORDS = 3
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_HOUSE_LETTERS = frozenset("abcdef")
_POSTCODES = frozenset({"postcode", "postal", "code"})


def _house(words: Words, i: int) -> Found | None:
    numbers = None if after_number(words, i) else row(words, i)
    if numbers is None or not 0 < len(numbers.digits) <= 5:
        return None
    at = numbers.end
    letter = words.on(at) if words.on(at) in _HOUSE_LETTERS and words.on(at) != "a" else ""
    at += bool(letter)
    street = _street_end(words, at)
    if street is None:
        return None
    n_said = numbers.end - i
    is_vague = words.said(street - 1) in _VAGUE_STREETS
    if (n_said == 1 or is_vague) and words.before(i) not in _BEFORE_HOUSES:
        return None
    return Found(i, at, numbers.digits + letter.upper())


def _street_end(words: Words, i: int) -> int | None:
    """The word after the street whose name starts at the word; ordinals may be names ("west fifty seventh street")."""
    for k in range(i, i + _MAX_NAME_WORDS + 1):
        said = words.on(k)
        if said in _STREETS or said in _VAGUE_STREETS:
            return k + 1 if k > i else None
        is_name = said in ORDINALS or (k > i and said in NUMBERS) or not is_number(words, k)
        if not said or not is_name or said in FUNCTION_WORDS | ARTICLES | COUNTED | PRONOUNS | _NO_STREET_NAMES:
            return None
    return None


def _postcode(words: Words, i: int) -> Found | None:
    """ "s w one a one a a" after "postcode": letters, a district, and digit letter letter."""
    if _POSTCODES.isdisjoint(words.lately(i, 4)):
        return None
    signs, end = "", i
    while (end == i or words.joined(end)) and (words.said(end) in _LETTERS or words.said(end) in DIGITS):
        signs += words.said(end).upper() if words.said(end) in _LETTERS else str(DIGITS[words.said(end)])
        end += 1
    kinds = "".join("9" if sign.isdigit() else "A" for sign in signs)
    if kinds not in ("A99AA", "A999AA", "AA99AA", "AA999AA", "A9A9AA", "AA9A9AA") or not number_ends(words, end):
        return None
    return Found(i, end, f"{signs[:-3]} {signs[-3:]}")


def _address(words: Words, i: int) -> Found | None:
    return _postcode(words, i) if words.said(i) in _LETTERS else _house(words, i)


address_rule = rule_of(_address, NUMBER_STARTS | _LETTERS, _STREETS | _VAGUE_STREETS | _POSTCODES)
