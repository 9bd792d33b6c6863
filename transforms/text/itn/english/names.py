"""Numbers that are part of a name or a phrase: "chapter four", "henry the eighth", "world war two", "nine eleven"."""

from transforms.text.itn.english.lexicon import FUNCTION_WORDS, NUMBER_STARTS, ORDINALS
from transforms.text.itn.english.numbers import Number, after_number, cardinal, number_ends, ordinal, under_100
from transforms.text.itn.words import Found, Words, rule_of, word_set

# AP: figures after these, whatever the number
_LABELS = word_set(
    """chapter chapters page pages volume verse act scene room gate flight platform channel route highway interstate
    exit version grade phase type figure apartment suite flat section paragraph part step level stage extension
    terminal question exercise lesson appendix"""
)
# after these "one" is hardly a person: "at this stage one could say"
_NAMES_ONE = word_set("chapter volume verse gate flight platform apartment suite flat page terminal")
# a thing may follow: "type two diabetes", "page five advertisements"
_KINDS = _NAMES_ONE | {"type", "phase", "level", "grade", "stage", "version", "room", "channel"}
# "apartment four b"
_LETTERED_DOORS = frozenset({"apartment", "flat", "gate", "room", "suite"})
_DOOR_LETTERS = frozenset("bcdefgh")
_ROMANS = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
_RULERS = word_set(
    """henry louis elizabeth george edward charles james william richard john paul pius benedict francis catherine
    philip frederick napoleon ferdinand alexander nicholas peter ivan leo gregory innocent clement urban carlos
    felipe umberto wilhelm haakon christian gustav harald margrethe ramses ptolemy xerxes darius"""
)
_TITLES = word_set("king queen pope emperor empress tsar czar kaiser prince duke")
_MAX_RULER = 39
_PHRASES = {
    ("nine", "eleven"): "9/11",
    ("twenty", "four", "seven"): "24/7",
    ("fifty", "fifty"): "50-50",
    ("four", "by", "four"): "4x4",
}
_BEFORE_RATIO = frozenset({"vision", "hindsight"})
# "five g", "four k", "three d"
_LETTERED = {"g": frozenset({2, 3, 4, 5, 6}), "k": frozenset({2, 4, 5, 8, 10, 15}), "d": frozenset({2, 3, 4})}


def roman(value: int) -> str:
    """A number below 40 in Roman numerals."""
    text = ""
    for worth, letters in _ROMANS:
        while value >= worth:
            text, value = text + letters, value - worth
    return text


def _phrase(words: Words, i: int) -> Found | None:
    if after_number(words, i):
        return None
    for phrase, written in _PHRASES.items():
        end = i + len(phrase)
        if all(words.said(i + k) == said and (k == 0 or words.joined(i + k)) for k, said in enumerate(phrase)):
            return Found(i, end, written) if number_ends(words, end) else None
    if words.said(i) == words.on(i + 1) == "twenty" and words.on(i + 2) in _BEFORE_RATIO:
        return Found(i, i + 2, "20/20")
    return _virus(words, i) or _lettered(words, i)


def _virus(words: Words, i: int) -> Found | None:
    """ "covid nineteen"."""
    if words.said(i) != "nineteen" or words.before(i) != "covid" or not number_ends(words, i + 1):
        return None
    return Found(i - 1, i + 1, f"{words.written(i - 1)}-19")


def _lettered(words: Words, i: int) -> Found | None:
    number = under_100(words, i)
    letter = words.on(number.end) if number else ""
    if number is None or number.value not in _LETTERED.get(letter, ()) or not number_ends(words, number.end + 1):
        return None
    return None if len(words.on(number.end + 1)) == 1 else Found(i, number.end + 1, f"{number.value}{letter.upper()}")


def _numbered(words: Words, i: int) -> Found | None:
    """At the label: the number below ten after it ("part two"), or two of them ("chapters two and three")."""
    number = cardinal(words, i + 1) if words.joined(i + 1) else None
    if number is None or not _is_label_of(words, i, number):
        return None
    first, end, written = i + 1, number.end, str(number.value)
    if words.said(i) in _LETTERED_DOORS and words.on(end) in _DOOR_LETTERS:
        return Found(first, end + 1, written + words.said(end).upper())
    if words.on(end) in ("and", "to", "or", "through") and words.said(i).endswith("s"):
        other = cardinal(words, end + 1) if words.joined(end + 1) else None
        if other and number_ends(words, other.end):
            written, end = f"{written} {words.written(end)} {other.value}", other.end
    return Found(first, end, written)


def _is_label_of(words: Words, i: int, number: Number) -> bool:
    if number.vague or not number_ends(words, number.end) or not 0 < number.value < 100:
        return False
    if number.value >= 10 and not (words.said(i) in _LETTERED_DOORS and words.on(number.end) in _DOOR_LETTERS):
        return False
    after = words.on(number.end)
    if number.value == 1 and words.said(i) not in _NAMES_ONE and after:
        return False
    # "part two people from the crowd" has its number for the people
    return not after or after in FUNCTION_WORDS or after in _LABELS or words.said(i) in _KINDS


def _ruler(words: Words, i: int) -> Found | None:
    """ "henry the eighth", at the name; "world war two", at "world"."""
    if words.said(i) == "world":
        number = cardinal(words, i + 2) if words.on(i + 1) == "war" and words.joined(i + 2) else None
        is_war = number and number.value in (1, 2, 3) and number_ends(words, number.end)
        return Found(i + 2, number.end, roman(number.value)) if number and is_war else None
    if words.on(i + 1) != "the" or not words.joined(i + 2):
        return None
    number = _place(words, i + 2)
    if number is None or number.value > _MAX_RULER or not number_ends(words, number.end):
        return None
    titled = words.before(i) in _TITLES or (words.before(i) in _RULERS and words.before(i - 1) in _TITLES)
    after = words.on(number.end)
    if not titled and number.value < 4 and after and (after not in FUNCTION_WORDS or after in ("to", "of", "that")):
        return None
    tail = words.written(number.end - 1)[-2:] if words.said(number.end - 1).endswith("'s") else ""
    return Found(i, number.end, f"{words.written(i)} {roman(number.value)}{tail}")


def _place(words: Words, i: int) -> Number | None:
    """An ordinal, which may have a genitive's s."""
    for k in range(i, i + 2):
        if words.said(k).endswith("'s"):
            return ordinal(words.up_to(k, words.said(k)[:-2]), i)
        if words.said(k) in ORDINALS:
            break
    return ordinal(words, i)


phrase_rule = rule_of(_phrase, NUMBER_STARTS)
numbered_rule = rule_of(_numbered, _LABELS)
roman_rule = rule_of(_ruler, _RULERS | {"world"})
