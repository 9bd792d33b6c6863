"""Telephone numbers, digit by digit or in groups, in the groups in which their country writes them.

North America: 555-123-4567 (NANP, ATIS-0300055); Britain: 020 7946 0958 (Ofcom's National Telephone Numbering Plan);
with a country's code: +44 20 7946 0958 (ITU-T E.123). Elsewhere the national number stays in one piece.
"""

from transforms.text.itn.english.lexicon import DIGITS, MANY, NUMBER_STARTS, OH
from transforms.text.itn.english.numbers import after_number, digit_string
from transforms.text.itn.words import Found, Words, rule_of, word_set

_CONTEXT = word_set(
    """call calls phone telephone number dial mobile cell cellphone fax tel text ring reach whatsapp hotline line
    contact"""
)
_N_CONTEXT_WORDS = 8
# E.164 country codes of two digits; 1 and 7 have one, all others three
_TWO_DIGIT_CODES = word_set(
    """20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86
    90 91 92 93 94 95 98"""
)


def _phone(words: Words, i: int) -> Found | None:
    plus = words.said(i) == "plus"
    start = i + plus
    if after_number(words, i) or (plus and not words.joined(start)):
        return None
    is_likely = plus or not _CONTEXT.isdisjoint(words.lately(i, _N_CONTEXT_WORDS))
    for loose, apart in ((False, False), (True, False), (True, True)):
        string = digit_string(words, start, loose=loose, apart=apart) if is_likely or not loose else None
        if string is None:
            continue
        written = international(string.digits) if plus else national(string.digits, is_likely)
        if written:
            return Found(i, string.end, written)
    return None


def national(digits: str, is_likely: bool) -> str | None:
    """A number of North America or Britain in groups; seven digits are one only where a telephone is spoken of."""
    n = len(digits)
    if n == 10 and digits[0] in "23456789" and (digits[3] in "23456789" or is_likely):
        return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"
    if n == 11 and digits[0] == "1" and digits[1] in "23456789":
        return f"1-{digits[1:4]}-{digits[4:7]}-{digits[7:]}"
    if n == 7 and is_likely and digits[0] in "23456789":
        return f"{digits[:3]}-{digits[3:]}"
    if n in (10, 11) and digits[0] == "0" and digits[1] in "12378":
        return "0" + british(digits[1:])
    return None


def british(digits: str) -> str:
    """A British number without its 0, in groups."""
    if digits[0] == "2":
        return f"{digits[:2]} {digits[2:6]} {digits[6:]}"
    if digits[0] in "38" or digits[1] == "1" or digits[:3] in ("121", "131", "141", "151", "161", "191"):
        return f"{digits[:3]} {digits[3:6]} {digits[6:]}"
    return f"{digits[:4]} {digits[4:]}"


def international(digits: str) -> str | None:
    """A number after "plus"; None where it is too short or too long for one (E.164: 15 digits)."""
    if not 8 <= len(digits) <= 15:
        return None
    if digits[0] == "1":
        if len(digits) != 11:
            return None
        return f"+1 {digits[1:4]}-{digits[4:7]}-{digits[7:]}"
    if digits[:2] == "44" and len(digits) != 12:
        return None
    n_code = 1 if digits[0] in "17" else 2 if digits[:2] in _TWO_DIGIT_CODES else 3
    code, rest = digits[:n_code], digits[n_code:]
    return f"+{code} {british(rest) if code == '44' else rest}"


phone_rule = rule_of(_phone, frozenset(DIGITS) | OH | frozenset(MANY) | NUMBER_STARTS | {"plus"}, NUMBER_STARTS)
