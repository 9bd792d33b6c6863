"""E-mail addresses: as they are written, and as they are spelled out, "j dot doe at north wind dot org"."""

import re
from collections.abc import Iterator, Sequence

from transforms.text.redaction.found import Found, canonical, found_in
from transforms.text.redaction.reading import Reading
from transforms.text.redaction.tokens import NATO, TIMES, Token

WRITTEN = re.compile(r"(?<![\w.%+'-])[\w.%+'-]{1,64} ?@ ?[\w-]{1,63}(?: ?\. ?[\w-]{1,63}){1,8}")
# "my email is", and what a recogniser made of an address until its domain, which it gets right
ANNOUNCED_TEXT = re.compile(
    r"\b(?:e-?mails?(?: address(?:es)?(?:,? (?:is|it's|was|are))?|,? (?:is|it's|was|are|in))|"
    r"(?:write|right|send(?: it| that| them| this)?|e-?mail(?: me| us| him| her| them)?) (?:to|at))[:,]?\s+"
    r"(.{0,70}?[\w-]{1,63}(?:\.|\s+dot\s+)(?:com|org|net|edu|gov|io|co(?:\.|\s+dot\s+)?(?:uk)?))\b",
    re.IGNORECASE | re.DOTALL,
)
# name and domain as one word: "janeatexample.com"
RUN_TOGETHER = re.compile(r"(?<![\w.-])[\w.-]{4,64}at[\w-]{3,63}\.(?:com|org|net|co\.uk)\b", re.IGNORECASE)
# what ends an address that is said; what a recogniser may make of it among them
ENDINGS = frozenset(
    "com org net edu gov mil info biz io co uk de fr es it nl ch at eu us ca au in me tv app dev calm".split()
)
GENERIC = frozenset(("com", "org", "net", "edu", "gov", "co"))
COUNTRIES = frozenset(("uk", "au"))
DOTS = frozenset((".", "dot", "period", "point"))
JOINTS = frozenset((*DOTS, "_", "-", "+", "underscore", "dash", "hyphen", "minus", "plus", "score"))
ANNOUNCED = frozenset(("email", "mail", "e-mail", "address", "emails"))
# words of the name before "at" where nothing but spaces is between them, and of the domain before its dot
MAX_NAME_WORDS, MAX_DOMAIN_WORDS = 4, 4
STOPS = frozenset(
    "is it's its to at my your his her their our me us was the a an and or on you can send write reach contact called "
    "uses that this address email mail for with under".split()
)


def emails(reading: Reading) -> Iterator[Found]:
    """All addresses, those in written form first."""
    text, tokens = reading.text, reading.tokens
    for pattern in (WRITTEN, RUN_TOGETHER, ANNOUNCED_TEXT):
        for match in pattern.finditer(text):
            yield found_in(text, *match.span(match.lastindex or 0), "email")
    for at, token in enumerate(tokens):
        if token.word in ("at", "@") and (end := _domain_end(tokens, at + 1)):
            start = _name_start(tokens, at)
            if start < at:
                said = "".join(_written(t) for t in tokens[start:end])
                yield Found(tokens[start].start, tokens[end - 1].end, "email", canonical(said))


def _written(token: Token) -> str:
    return "" if token.word in JOINTS or token.word == "at" else token.word


def _domain_end(tokens: Sequence[Token], at: int) -> int | None:
    """The token after a domain that begins at `at`; None where there is none: words, a dot, an ending."""
    first = at
    while at < len(tokens) and at - first <= MAX_DOMAIN_WORDS:
        if tokens[at].word in DOTS and at > first:
            if at + 1 < len(tokens) and _is_ending(tokens[at], tokens[at + 1]):
                return _ending_end(tokens, at + 2)
        elif not (tokens[at].is_word or tokens[at].word[0].isdecimal() or tokens[at].word in JOINTS):
            break
        at += 1
    return None


def _is_ending(dot: Token, ending: Token) -> bool:
    """Whether a dot and a word end a domain: a stop with a space behind it and "in" may be the end of a sentence."""
    return ending.word in ENDINGS and (dot.text != "." or ending.start == dot.end or ending.word in GENERIC)


def _ending_end(tokens: Sequence[Token], at: int) -> int:
    """The token after an ending of which the first part ends at `at`: "co" goes on with "dot uk" or "uk"."""
    if at + 1 < len(tokens) and tokens[at].word in DOTS and tokens[at + 1].word in ENDINGS:
        return at + 2
    return at + 1 if at < len(tokens) and tokens[at].word in COUNTRIES else at


def _name_start(tokens: Sequence[Token], at: int) -> int:
    """The token at which the name before "at" begins."""
    start = at
    n_words = 0
    while start > 0:
        before = tokens[start - 1]
        if before.word in JOINTS and start < at and start > 1:
            start -= 2 if tokens[start - 2].word not in JOINTS else 1
            n_words = 0
        elif start == at or _is_spelled(before):
            if (start == at and before.word in STOPS) or not (before.is_word or before.word[0].isdecimal()):
                break
            start -= 1
        elif before.is_word and before.word not in STOPS and n_words < MAX_NAME_WORDS and _is_announced(tokens, start):
            start -= 1
            n_words += 1
        else:
            break
    return start


def _is_spelled(token: Token) -> bool:
    """Whether it is one letter or digit of a name that is spelled, or a number in it."""
    is_letter = len(token.word) == 1 and token.is_word
    return is_letter or token.is_number or token.word in TIMES or token.word in NATO


def _is_announced(tokens: Sequence[Token], at: int) -> bool:
    return any(token.word in ANNOUNCED for token in tokens[max(0, at - 2 * MAX_NAME_WORDS) : at])
