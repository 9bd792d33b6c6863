"""Numbers that nothing else tells the use of: cardinals, ordinals, fractions, decimals, strings of digits.

AP: one to nine are words, 10 and above figures; first to ninth are words.
"""

from itertools import pairwise

from transforms.text.itn.english.lexicon import (
    ARTICLES,
    COUNTED,
    DIGITS,
    FUNCTION_WORDS,
    MANY,
    NUMBER_STARTS,
    NUMBERS,
    OH,
    ORDINALS,
    TENS,
    UNITS,
)
from transforms.text.itn.english.numbers import (
    after_number,
    cardinal,
    digit_string,
    grouped,
    joined_value,
    number_ends,
    ordinal,
    readable,
    row,
    with_suffix,
)
from transforms.text.itn.english.quantities import number_start, quantity, quantity_range, signed
from transforms.text.itn.words import Found, Words, rule_of, word_set

# "five five" may be two fives
_MIN_DIGITS = 3
_CARD_DIGITS = 16
# what is said digit by digit
_CODES = word_set("number code flight room account pin bus route extension password id postcode zip card reference")
_SOCIAL = frozenset({"social", "ssn"})
# before "twenty second" they tell the one after the twenty-first from what takes twenty seconds
_OWNERS = word_set("the his her its my our their your this that every each")
_STREETS = word_set("street avenue road lane drive place")
_HALVES = {"half": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4}
_DENOMINATORS = _HALVES | {
    word + tail: value
    for word, value in {
        "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12,
        "fifteenth": 15, "sixteenth": 16, "twentieth": 20, "thirtieth": 30, "fortieth": 40, "fiftieth": 50,
    }.items()
    for tail in ("", "s")
} | {"hundredths": 100, "thousandths": 1000}  # fmt: skip


def _cardinal(words: Words, i: int) -> Found | None:
    if after_number(words, i):
        return None
    if found := _range(words, i):
        return found
    number = cardinal(words, i)
    if number is None or number.vague or _is_archaic(words, i, number.end):
        return None
    first, sign = number_start(words, i), "-" if signed(words, i) else ""
    if number_ends(words, number.end):
        if number.value < 10 and not sign:
            return None
        return Found(first, number.end, sign + readable(number.value))
    numbers = row(words, i)
    value = joined_value(numbers.parts) if numbers else None
    if numbers is None or value is None or words.on(numbers.end) in COUNTED:
        return None
    return Found(first, numbers.end, f"{sign}{value}")


def _is_archaic(words: Words, i: int, end: int) -> bool:
    """Whether it is the end of "four and twenty"."""
    says_and = words.before(i) == "and" and words.joined(i - 1) and words.before(i - 2) != "between"
    starts = words.said(i - 2) in UNITS and not after_number(words, i - 2)
    return says_and and starts and words.said(end - 1) in TENS


def _range(words: Words, i: int) -> Found | None:
    """Both numbers in figures where one of them is."""
    numbers = quantity_range(words, i)
    if numbers is None or numbers.word.lower() == "and":
        return None
    if max(numbers.low.whole, numbers.high.whole) < 10 and not numbers.high.scale:
        return None
    start = numbers.low.end + 1
    # "he gave ten to one of them"
    if words.said(start) == "one" and words.on(start + 1) in ("of", "another", "side"):
        return None
    return Found(number_start(words, i), numbers.high.end, f"{numbers.low} {numbers.word} {numbers.high}")


def _ordinal(words: Words, i: int) -> Found | None:
    number = None if after_number(words, i) else ordinal(words, i)
    if number is None or number.value < 10 or words.said(i) in ARTICLES:
        return None
    if not number_ends(words, number.end):
        return None
    if words.said(i) == "tenth" and words.before(i) in ARTICLES:
        return None
    if words.said(number.end - 1) == "second" and not _is_place(words, i, number.end):
        return None
    return Found(i, number.end, with_suffix(number.value))


def _is_place(words: Words, i: int, end: int) -> bool:
    """Whether "thirty second" is the place after the thirty-first: else it is what takes thirty seconds."""
    return words.before(i) in _OWNERS or words.before(i).endswith("'s") or words.on(end) in ("of", *_STREETS)


def _fraction(words: Words, i: int) -> Found | None:
    number = None if after_number(words, i) else cardinal(words, i)
    if number is None or number.vague:
        return None
    if words.on(number.end) == "and":
        part = _part(words, number.end + 1, mixed=True)
        return Found(i, part.end, f"{grouped(number.value)} {part.written}") if part else None
    return _part(words, i, mixed=False)


def _part(words: Words, i: int, *, mixed: bool) -> Found | None:
    """A fraction below one. "a half" and "a third" are one only beside a whole number."""
    number = cardinal(words, i) if words.joined(i) or not mixed else None
    if mixed and words.on(i) == "a":
        above, end = 1, i + 1
    elif number and not number.vague:
        above, end = number.value, number.end
    else:
        return None
    name, after = words.on(end), words.on(end + 1)
    below = _DENOMINATORS.get(name, 0)
    if not 0 < above < below or (above > 1) != name.endswith("s") or not number_ends(words, end + 1):
        return None
    # three quarters are also nine months, and "one fifth night" is no fraction
    if not mixed and name.startswith("quarter") and (after != "of" or words.before(i) == "last"):
        return None
    if not mixed and above == 1 and below > 3 and after and after not in FUNCTION_WORDS:
        return None
    return Found(i, end + 1, f"{above}/{below}")


def _decimal(words: Words, i: int) -> Found | None:
    number = quantity(words, i)
    if number is None or "." not in number.figures or words.said(i) == "point":
        return None
    if words.before(number.end).startswith("hal") or words.before(number.end).startswith("quarter"):
        return None
    return Found(number_start(words, i), number.end, str(number))


def _digits(words: Words, i: int) -> Found | None:
    if after_number(words, i):
        return None
    string = digit_string(words, i)
    if string and len(string.digits) >= _MIN_DIGITS and not _counts(words, i, string.digits):
        return Found(i, string.end, _shaped(words, i, string.digits))
    if words.said(i) in MANY:
        return None
    numbers = row(words, i)
    if numbers is None or len(numbers.parts) < 3 or any(len(part) > 2 for part in numbers.parts):
        return None
    if _counts(words, i, numbers.digits) or all(part.endswith("0") or part.endswith("5") for part in numbers.parts):
        return None
    return Found(i, numbers.end, _shaped(words, i, numbers.digits))


def _counts(words: Words, i: int, digits: str) -> bool:
    """Whether somebody counts: "one two three", "five four three two one"."""
    if not _CODES.isdisjoint(words.lately(i, 4)):
        return False
    steps = {int(b) - int(a) for a, b in pairwise(digits)}
    return (steps == {1} and digits == "123") or (steps == {-1} and digits.endswith("1"))


def _shaped(words: Words, i: int, digits: str) -> str:
    """Digits in the groups in which cards and American social security numbers are written."""
    if len(digits) == _CARD_DIGITS:
        return " ".join(digits[k : k + 4] for k in range(0, _CARD_DIGITS, 4))
    if len(digits) == 9 and not _SOCIAL.isdisjoint(words.lately(i, 8)):
        return f"{digits[:3]}-{digits[3:5]}-{digits[5:]}"
    return digits


cardinal_rule = rule_of(_cardinal, NUMBER_STARTS | ARTICLES, NUMBERS)
ordinal_rule = rule_of(_ordinal, NUMBERS | ARTICLES | frozenset(ORDINALS), frozenset(ORDINALS))
fraction_rule = rule_of(_fraction, NUMBER_STARTS, frozenset(_DENOMINATORS))
decimal_rule = rule_of(_decimal, NUMBER_STARTS, frozenset({"point", "half", "quarter", "quarters"}))
digits_rule = rule_of(_digits, frozenset(DIGITS) | OH | frozenset(MANY) | NUMBER_STARTS)
