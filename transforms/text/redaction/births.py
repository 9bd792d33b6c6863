"""Dates of birth: dates beside words that say that somebody was born."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from transforms.text.redaction.found import Found, found_in
from transforms.text.redaction.reading import Reading
from transforms.text.redaction.tokens import HESITATIONS, TIMES, Token

BIRTH = re.compile(r"\b(?:born|birth|birth ?day|birth ?date|d\.? ?o\.? ?b)\b", re.IGNORECASE)
MONTHS = frozenset(
    "january february march april may june july august september october november december jan feb mar apr jun jul aug "
    "sep sept oct nov dec".split()
)
ORDINALS = frozenset(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth st nd rd th".split()
)
# between the parts of a date
JOINTS = frozenset(("of", "the", "in", "year", "hundred", "thousand", "/", "-", ".", ",", "slash", "'", "’", *TIMES))
# tokens between the word and the date
MAX_BETWEEN = 8


def dates_of_birth(reading: Reading) -> Iterator[Found]:
    """Dates soon after a word of birth, or close before it."""
    text, tokens = reading.text, reading.tokens
    starts = [token.start for token in tokens]
    for match in BIRTH.finditer(text):
        before, after = (bisect_left(starts, edge) for edge in match.span())
        for first in range(after, min(after + MAX_BETWEEN, len(tokens))):
            if (last := _date_end(tokens, first)) is not None:
                yield _found(text, tokens, first, last)
                break
        else:
            for first in range(max(0, before - MAX_BETWEEN), before):
                if (last := _date_end(tokens, first)) is not None and last <= before:
                    yield _found(text, tokens, first, last)
                    break


def _found(text: str, tokens: Sequence[Token], first: int, last: int) -> Found:
    if first and (tokens[first - 1].word == "the" or tokens[first - 1].word in TIMES):
        first -= 1
    return found_in(text, tokens[first].start, tokens[last - 1].end, "date_of_birth")


def _date_end(tokens: Sequence[Token], first: int) -> int | None:
    """The token after a date that begins at `first`: two parts of one or more, a month by its name counting double."""
    if not _is_part(tokens[first]):
        return None
    weight, last = 0, first
    for at in range(first, len(tokens)):
        token = tokens[at]
        if _is_part(token):
            weight += 2 if token.word in MONTHS and token.word != "may" else 1
            last = at + 1
        elif token.word not in JOINTS and token.word not in HESITATIONS:
            break
    return last if weight >= 2 else None


def _is_part(token: Token) -> bool:
    return token.is_number or token.word in MONTHS or token.word in ORDINALS
