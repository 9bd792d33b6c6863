"""Money and percents: "five dollars and ten cents", "two to three percent".

AP: figures with a currency sign and a percent sign, whatever the number.
"""

from collections.abc import Callable

from transforms.text.itn.english.lexicon import ARTICLES, FUNCTION_WORDS, NUMBER_STARTS, SCALES
from transforms.text.itn.english.numbers import Number, after_number, grouped, under_100
from transforms.text.itn.english.quantities import Quantity, number_start, quantity, quantity_range
from transforms.text.itn.words import Found, Words, rule_of, word_set

_SIGNS = {"dollar": "$", "dollars": "$", "euro": "€", "euros": "€", "yen": "¥", "rupee": "₹", "rupees": "₹"}
_POUNDS = frozenset({"pound", "pounds"})
_CENTS = frozenset({"cent", "cents", "pence"})
# currencies of which the word stays
_NAMED = word_set(
    """cent cents penny pence pennies bucks buck quid grand franc francs peso pesos ruble rubles rouble roubles yuan
    shekels dirhams kroner kronor shillings"""
)
_NATIONS = word_set("us american canadian australian singapore jamaican")
_STARTS = NUMBER_STARTS | ARTICLES | {"point"}
# "half a million", "quarter of a million", "many a hundred" are no whole numbers
_BEFORE_VAGUE = frozenset({"half", "of", "many", "quarter", "what"})

Unit = Callable[[Words, int], int | None]


def amounts_of(words: Words, i: int, unit_end: Unit) -> tuple[list[Quantity], str, int] | None:
    """One quantity, or two and the word between them; and the index of the unit after them."""
    if after_number(words, i):
        return None
    number = quantity(words, i)
    if number and unit_end(words, number.end) and not (number.vague and words.before(i) in _BEFORE_VAGUE):
        return [number], "", number.end
    numbers = quantity_range(words, i)
    if numbers and unit_end(words, numbers.high.end):
        return [numbers.low, numbers.high], f" {numbers.word} ", numbers.high.end
    return None


def _currency_end(words: Words, i: int) -> int | None:
    if words.on(i) in _NATIONS and words.on(i + 1) in _SIGNS:
        return i + 2
    return i + 1 if words.on(i) in _SIGNS or words.on(i) in _POUNDS or words.on(i) in _NAMED else None


def _money(words: Words, i: int) -> Found | None:
    amounts = amounts_of(words, i, _currency_end)
    if amounts is None:
        return None
    numbers, between, at = amounts
    first, name = number_start(words, i), words.on(at)
    sign = _SIGNS.get(name, "")
    after = _cents(words, at + 1) if len(numbers) == 1 and numbers[0].figures.replace(",", "").isdecimal() else None
    if name in _POUNDS and (after or numbers[-1].scale or words.on(at + 1) == "sterling"):
        sign = "£"
    if not sign:
        is_weight = name in _POUNDS
        return None if is_weight or numbers[0].vague else Found(first, at, between.join(map(str, numbers)))
    cents, end = after or ("", at + 1)
    if cents and numbers[0].scale:
        whole = grouped(numbers[0].whole * SCALES[numbers[0].scale])
        numbers = [numbers[0]._replace(figures=whole, scale="")]
    end += words.on(end) == "sterling" and sign == "£"
    written = between.join(_signed(sign, number) for number in numbers) + cents
    # "a hundred dollar bill" is one bill of $100
    keeps_article = numbers[0].vague and not name.endswith("s") and bool(words.on(end))
    return Found(first, end, f"{words.written(i)} {written}" if keeps_article else written)


def _signed(sign: str, number: Quantity) -> str:
    minus = "-" if number.figures.startswith("-") else ""
    figures = number.figures.removeprefix("-")
    # two and a half dollars are $2.50
    cents = "0" if "." in figures and len(figures.rpartition(".")[2]) == 1 and not number.scale else ""
    return f"{minus}{sign}{figures}{cents}" + (f" {number.scale}" if number.scale else "")


def _cents(words: Words, i: int) -> tuple[str, int] | None:
    """What follows the currency: "and fifty cents", ", fifty cents", "fifty"."""
    start = i + 1 if words.on(i) == "and" else i
    follows = words.joined(start) or words.after_comma(start)
    zero = Number(0, start + 1) if words.said(start) == "zero" else None
    number = (zero or under_100(words, start)) if follows else None
    if number is None:
        return None
    if words.on(number.end) in _CENTS:
        return f".{number.value:02d}", number.end + 1
    alone = not words.on(number.end) or (words.on(number.end) in FUNCTION_WORDS and words.on(number.end) != "to")
    if start == i and words.joined(i) and number.value >= 10 and alone:
        return f".{number.value}", number.end
    return None


def _percent_end(words: Words, i: int) -> int | None:
    if words.on(i) == "per" and words.on(i + 1) == "cent":
        return i + 2
    if words.on(i) == "percentage" and words.on(i + 1) in ("point", "points"):
        return i + 2
    return i + 1 if words.on(i) == "percent" else None


def _percent(words: Words, i: int) -> Found | None:
    amounts = amounts_of(words, i, _percent_end)
    if amounts is None:
        return None
    numbers, between, at = amounts
    if words.on(at) == "percentage":
        return Found(number_start(words, i), at, between.join(map(str, numbers)))
    written = between.join(f"{number}%" for number in numbers)
    return Found(number_start(words, i), at + 1 + (words.on(at) == "per"), written)


money_rule = rule_of(_money, _STARTS, frozenset(_SIGNS) | _POUNDS | _NAMED)
percent_rule = rule_of(_percent, _STARTS, frozenset({"percent", "cent", "percentage"}))
