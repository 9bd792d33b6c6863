"""Street addresses and postcodes of English-speaking countries."""

import re
from collections.abc import Iterator, Sequence

from transforms.text.redaction.found import Found, found_in
from transforms.text.redaction.reading import Reading
from transforms.text.redaction.tokens import TIMES, Token

STREETS = frozenset(
    "street st road rd avenue ave lane ln drive dr court ct boulevard blvd way place pl square sq terrace close "
    "crescent highway hwy parkway pkwy circle alley row mews gardens grove".split()
)
# that announce an address, or a number that is said in words for one
ANNOUNCED = frozenset(("at", "address", "live", "lives", "living", "reside", "resides", "is", "to", "home", "house"))
UNITS = frozenset(("apartment", "apt", "suite", "unit", "flat", "floor", "room", "number", "#"))
# words that stand between a number and "street" where there is no address
FUNCTION_WORDS = frozenset(
    "in on of the a an and or to from by with down up across along through into over near at is was were are be this "
    "that his her their our my your men women people miles feet yards blocks hours minutes days years times who which "
    "when then there one-way side dark long narrow".split()
)
MAX_NAME_WORDS = 4
POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b")
# the last words of their names
STATES = (
    "alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois "
    "indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri "
    "montana nebraska nevada hampshire jersey mexico york carolina dakota ohio oklahoma oregon pennsylvania island "
    "tennessee texas utah vermont virginia washington wisconsin wyoming columbia"
)
# city, state and code after a street: ", Springfield, IL 62704"
TAIL = re.compile(
    rf",? (?:[A-Z][a-z]+ ?){{1,3}},? (?:[A-Z]{{2}}|[A-Z][a-z]+),? \d{{5}}(?:-\d{{4}})?|"
    rf"(?i:,? [a-z]+(?: [a-z]+){{0,3}},? (?:[a-z]+ )?(?:{'|'.join(STATES.split())}),? \d{{5}}(?:-\d{{4}})?)"
)
ZIP = re.compile(r"\b(?:zip|postal|post)(?: ?code)?(?: is)?:? (\d{5}(?:-\d{4})?)\b", re.IGNORECASE)


def addresses(reading: Reading) -> Iterator[Found]:
    """Numbers with the street after them, units and cities behind; postcodes."""
    text, tokens = reading.text, reading.tokens
    for at, token in enumerate(tokens):
        if token.word in STREETS and (start := _number_start(tokens, at)) is not None:
            end = tokens[_unit_end(tokens, at)].end
            if tail := TAIL.match(text, end):
                end = tail.end()
            yield found_in(text, tokens[start].start, end, "address")
    for pattern in (POSTCODE, ZIP):
        for match in pattern.finditer(text):
            yield found_in(text, match.start(match.lastindex or 0), match.end(), "address")


def _number_start(tokens: Sequence[Token], street: int) -> int | None:
    """The first token of the number before the name of a street; None where no address is."""
    for at in range(street - 1, max(-1, street - 2 - MAX_NAME_WORDS), -1):
        word = tokens[at].word
        if word[0].isdecimal() and at < street - 1:
            return _first_of_number(tokens, at) if tokens[at + 1].word not in FUNCTION_WORDS else None
        if _is_number(tokens[at]) and at < street - 1:
            first = _first_of_number(tokens, at)
            is_said = first < at or (first > 0 and tokens[first - 1].word in ANNOUNCED)
            return first if is_said and not _is_ordinary(tokens[at + 1 : street]) else None
        if not tokens[at].is_word or word in FUNCTION_WORDS:
            return None
    return None


def _is_ordinary(words: Sequence[Token]) -> bool:
    return not words or any(token.word in FUNCTION_WORDS for token in words)


def _is_number(token: Token) -> bool:
    return token.is_number or token.word in ("hundred", "thousand")


def _first_of_number(tokens: Sequence[Token], at: int) -> int:
    while at > 0 and (_is_number(before := tokens[at - 1]) or before.word in TIMES or (before.text == "-" and at > 1)):
        at -= 1
    return at


def _unit_end(tokens: Sequence[Token], street: int) -> int:
    """The last token of an address: that of an apartment, where one follows."""
    at = street + 1
    while at < len(tokens) and tokens[at].text in ",.":
        at += 1
    if at + 1 < len(tokens) and tokens[at].word in UNITS:
        at += 1
        while at + 1 < len(tokens) and (
            _is_number(tokens[at + 1]) or (len(tokens[at + 1].word) == 1 and tokens[at + 1].is_word)
        ):
            at += 1
        return at
    return street
