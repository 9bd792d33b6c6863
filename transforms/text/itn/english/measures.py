"""Measures: "five kilometers", "sixty miles per hour", "twenty degrees celsius", "six foot two", "five years old".

Figures before a unit, whatever the number (AP, SI brochure 5.4). A unit of the SI and of computing becomes its symbol;
units of everyday English stay words, and so do spans of time, which are no measures in AP's sense but for ages.
"""

from transforms.text.itn.english.lexicon import ARTICLES, FUNCTION_WORDS, NUMBER_STARTS, UNDER_100
from transforms.text.itn.english.money import amounts_of
from transforms.text.itn.english.numbers import Number, number_ends, under_100
from transforms.text.itn.english.quantities import SIGNS, number_start
from transforms.text.itn.words import Found, Words, rule_of, word_set

_METRIC = {
    "gram": "g", "grams": "g", "meter": "m", "meters": "m", "metre": "m", "metres": "m", "liter": "L", "liters": "L",
    "litre": "L", "litres": "L", "watt": "W", "watts": "W", "volt": "V", "volts": "V", "hertz": "Hz", "byte": "B",
    "bytes": "B", "bit": "b", "bits": "b", "joule": "J", "joules": "J",
}  # fmt: skip
_PREFIXES = {"kilo": "k", "mega": "M", "giga": "G", "tera": "T", "milli": "m", "centi": "c", "micro": "µ", "nano": "n"}
_SMALL_PREFIXES = frozenset({"milli", "centi", "micro", "nano"})
# without a prefix these are words of everyday use
_PREFIXED_ONLY = frozenset({"byte", "bytes", "bit", "bits", "joule", "joules"})
_RATES = {"second": "s", "hour": "h"}


def _metric_units() -> dict[tuple[str, ...], str]:
    units: dict[tuple[str, ...], str] = {
        (name,): symbol for name, symbol in _METRIC.items() if name not in _PREFIXED_ONLY
    }
    for prefix, letter in _PREFIXES.items():
        for unit, symbol in _METRIC.items():
            if not (prefix in _SMALL_PREFIXES and symbol in ("B", "b")):
                units[(prefix + unit,)] = letter + symbol
    lengths = [(name, symbol) for name, symbol in units.items() if symbol in ("m", "km", "cm", "mm")]
    for name, symbol in lengths:
        units[("square", *name)] = symbol + "²"
        units[("cubic", *name)] = symbol + "³"
        for time, short in _RATES.items():
            units[(*name, "per", time)] = f"{symbol}/{short}"
            units[(*name, "an" if time == "hour" else "a", time)] = f"{symbol}/{short}"
    bits = {name: symbol for name, symbol in units.items() if symbol in ("kb", "Mb", "Gb", "kB", "MB", "GB")}
    return units | {(*name, "per", "second"): symbol + "/s" for name, symbol in bits.items()}


_OTHER_UNITS = {
    ("miles", "per", "hour"): "mph",
    ("mile", "per", "hour"): "mph",
    ("miles", "an", "hour"): "mph",
    ("kilos",): "kg",
    ("kilo",): "kg",
    ("kilowatt", "hour"): "kWh",
    ("kilowatt", "hours"): "kWh",
    ("decibel",): "dB",
    ("decibels",): "dB",
    ("amps",): "A",
    ("pounds", "per", "square", "inch"): "psi",
}
_DEGREES = {("celsius",): "°C", ("centigrade",): "°C", ("fahrenheit",): "°F"}
_SYMBOLS = (
    _metric_units()
    | _OTHER_UNITS
    | {(word, *scale): symbol for scale, symbol in _DEGREES.items() for word in ("degree", "degrees")}
)
# figures before these, and the word stays
_WORDS = word_set(
    """mile miles inch inches ounce ounces gallon gallons acre acres hectare hectares pint pints ton tons tonne tonnes
    foot feet yard yards pound pounds degree degrees lakh crore tablespoon tablespoons teaspoon teaspoons kilotons
    megapixel megapixels horsepower knots"""
)
_SQUARES = frozenset({"square", "cubic", "nautical", "fluid"})
_AGES = word_set("year years month months week weeks day days")
_OLD = frozenset({"old", "olds"})
# parts of the body, of a garden and of a circle: less than ten of them are measures beside such words only
_BODILY = frozenset({"foot", "feet", "yard", "yards", "degree", "degrees"})
_MEASURED = word_set(
    """tall high long wide deep thick away apart above below beneath below by of from under over off across square
    north south east west"""
)
_ABOUT = word_set("about around nearly almost over under only least most than approximately roughly exactly")
_LONGEST_UNIT = 4


def _unit_of(words: Words, i: int) -> tuple[str, int] | None:
    """The symbol of the unit at the word ("" where the words stay), and the word after it."""
    name: list[str] = []
    found = None
    for k in range(i, i + _LONGEST_UNIT):
        if not words.on(k):
            break
        name.append(words.said(k))
        if symbol := _SYMBOLS.get(tuple(name)):
            found = symbol, k + 1
    if found:
        return found
    at = i + (words.on(i) in _SQUARES)
    if words.on(at) in _WORDS or (words.on(at) in _AGES and words.on(at + 1) in _OLD):
        return "", at + 1
    return None


def _unit_end(words: Words, i: int) -> int | None:
    unit = _unit_of(words, i)
    return unit[1] if unit else None


def _measure(words: Words, i: int) -> Found | None:
    amounts = amounts_of(words, i, _unit_end)
    unit = _unit_of(words, amounts[2]) if amounts else None
    if amounts is None or unit is None or amounts[0][0].vague:
        return None
    numbers, between, at = amounts
    symbol, end = unit
    if 0 < max(number.whole for number in numbers) < 10 and words.on(at) in _BODILY and not _is_measured(words, i, end):
        return None
    figures = between.join(map(str, numbers))
    first = number_start(words, i)
    if not symbol:
        if inches := _inches(words, at, end):
            return Found(first, inches.end, f"{figures} {words.written(at)} {inches.value}")
        return Found(first, at, figures)
    if symbol.startswith("°"):
        return Found(first, end, figures + symbol)
    return Found(first, end, figures + ("-" if words.gap(at) == "-" else " ") + symbol)


def _is_measured(words: Words, i: int, end: int) -> bool:
    """Whether the words around a small number of feet, yards or degrees measure something."""
    before, after, unit = words.before(i), words.on(end), words.said(end - 1)
    if after in _MEASURED or before in _ABOUT or before in SIGNS:
        return True
    if unit in ("foot", "feet") and after in UNDER_100:
        return True
    # "a six foot fence"
    return unit == "foot" and before in ARTICLES and after != "" and after not in FUNCTION_WORDS


def _inches(words: Words, at: int, end: int) -> Number | None:
    """The inches of "six foot two", where the word is not said."""
    if words.said(at) not in ("foot", "feet") or end != at + 1 or not words.joined(end):
        return None
    inches = under_100(words, end)
    if inches is None or inches.value > 11 or not number_ends(words, inches.end):
        return None
    if words.on(inches.end) and words.on(inches.end) not in FUNCTION_WORDS | {"tall"}:
        return None
    return inches


_NAMES = frozenset(name[0] for name in _SYMBOLS) | _WORDS | _SQUARES | _OLD
measure_rule = rule_of(_measure, NUMBER_STARTS | {"point"}, _NAMES)
