"""E-mail addresses: as they are written, and as they are spelled out, "j dot doe at north wind dot org"."""

import re
from collections.abc import Iterator, Sequence

from transforms.text.redaction.found import Found, canonical, found_in
from transforms.text.redaction.reading import Reading
from transforms.text.redaction.tokens import NATO, TIMES, Token

WRITTEN = re.compile(r"(?<![\w.%+'-])[\w.%+'-]{1,64} ?@ ?[\w-]{1,63}(?: ?\. ?[\w-]{1,63}){1,8}")
# how a dot is written and said
DOT = r"(?:\.|,?\s+(?:dot|\.),?\s+)"
DOMAIN = rf"[\w-]{{1,63}}{DOT}(?:com|org|net|edu|gov|io|co{DOT}?(?:uk)?)"
# "my email is", and what a recogniser made of an address until its domain, which it gets right; of the name it
# may make a domain too, as of "harbor dot copper at maple.com" it made "harbor.com or at maple.com"
ANNOUNCED_TEXT = re.compile(
    r"\b(?:e-?mails?(?: address(?:es)?(?:,? (?:is|it's|was|are))?|,? (?:is|it's|was|are|in))|"
    r"(?:write|right|send(?: it| that| them| this)?|e-?mail(?: me| us| him| her| them)?) (?:to|at))[:,]?\s+"
    rf"(.{{0,70}}?{DOMAIN}(?:,? (?:or |and )?at {DOMAIN})?)\b",
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
# with these a domain begins seldom: "at the dot com boom", "at the red dot in the middle"
ARTICLES = frozenset(("a", "the", "this", "that"))
# between the parts, or between the letters of what is spelled
PAUSES = frozenset((",", "uh", "um", "uhm", "er", "erm", "ah", "eh"))
# between a name and its letters
SPELLED = frozenset(("that's", "that’s", "spelled", "spelt"))
# words of the name before "at" where nothing but spaces is between them, and of the domain before its dot
MAX_NAME_WORDS, MAX_DOMAIN_WORDS = 4, 4
STOPS = frozenset(
    "is it's its to at my your his her their our me us was the a an and or on you can send write reach contact called "
    "uses that that's this address email mail for with under it them him me look looked looking see seen found buy "
    "bought available online more information website".split()
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
    return "" if token.word in JOINTS or token.word in PAUSES or token.word == "at" else token.word


def _domain_end(tokens: Sequence[Token], at: int) -> int | None:
    """The token after a domain that begins at `at`; None where there is none: words, a dot, an ending."""
    first = at = _after_pauses(tokens, at)
    while at < len(tokens) and at - first <= MAX_DOMAIN_WORDS:
        token = tokens[at]
        if token.word in DOTS and at > first:
            ending = _after_pauses(tokens, at + 1)
            if ending < len(tokens) and _is_ending(token, tokens[ending]):
                is_domain = tokens[first].word not in ARTICLES or (at > first + 1 and tokens[ending].word in GENERIC)
                return _ending_end(tokens, ending + 1) if is_domain else None
        elif not (token.is_word or token.word[0].isdecimal() or token.word in JOINTS or token.word in PAUSES):
            break
        at += 1
    return None


def _after_pauses(tokens: Sequence[Token], at: int) -> int:
    while at < len(tokens) and tokens[at].word in PAUSES:
        at += 1
    return at


def _is_ending(dot: Token, ending: Token) -> bool:
    """Whether a dot and a word end a domain, not a sentence, and are not "at some point in"."""
    is_sure = dot.word == "dot" or (dot.text == "." and ending.start == dot.end)
    return ending.word in ENDINGS and (is_sure or (ending.word in GENERIC and not ending.text.istitle()))


def _ending_end(tokens: Sequence[Token], at: int) -> int:
    """The token after an ending of which the first part ends at `at`: "co" goes on with "dot uk" or "uk"."""
    dot = _after_pauses(tokens, at)
    if dot + 1 < len(tokens) and tokens[dot].word in DOTS and tokens[dot + 1].word in ENDINGS:
        return dot + 2
    return at + 1 if at < len(tokens) and tokens[at].word in COUNTRIES else at


def _name_start(tokens: Sequence[Token], at: int) -> int:
    """The token at which the name before "at" begins; `at` where there is none."""
    first = at
    n_words, is_joined = 0, True
    for index in range(at - 1, -1, -1):
        token = tokens[index]
        if token.word in PAUSES or (token.word in SPELLED and first < at):
            continue
        if token.word in JOINTS and (first < at or _is_letter(tokens, index - 1)):
            if _ends_sentence(tokens, index):
                break
            n_words, is_joined = 0, True
        elif not (token.is_word or token.word[0].isdecimal()):
            break
        elif is_joined or _is_spelled(token):
            if first == at and token.word in STOPS and not _is_spelling(tokens, index):
                break
            first, is_joined = index, False
        elif n_words < MAX_NAME_WORDS and token.word not in STOPS and _is_of_name(tokens, index, first, at):
            first, n_words = index, n_words + 1
        else:
            break
    return first


def _ends_sentence(tokens: Sequence[Token], stop: int) -> bool:
    """Whether a stop stands between sentences, not in a name that is written or spelled: "jane.doe", "j. d."."""
    is_apart = tokens[stop].text == "." and tokens[stop + 1].start > tokens[stop].end
    return is_apart and (stop == 0 or not _is_spelled(tokens[stop - 1]))


def _is_spelling(tokens: Sequence[Token], index: int) -> bool:
    """Whether a word such as "a" is the last letter of a name that is spelled."""
    before = index - 1
    while before > 0 and (tokens[before].word in PAUSES or tokens[before].word in JOINTS):
        before -= 1
    return _is_letter(tokens, index) and _is_letter(tokens, before)


def _is_letter(tokens: Sequence[Token], index: int) -> bool:
    return index >= 0 and len(tokens[index].word) == 1 and tokens[index].is_word


def _is_spelled(token: Token) -> bool:
    """Whether it is one letter or digit of a name that is spelled, or a number in it."""
    is_letter = len(token.word) == 1 and token.is_word
    return is_letter or token.is_number or token.word in TIMES or token.word in NATO


def _is_of_name(tokens: Sequence[Token], index: int, first: int, at: int) -> bool:
    """Whether a word may be one of several of a name that goes on at `first`, up to `at`."""
    is_spelled_out = tokens[first - 1].word in SPELLED and tokens[index].word[0] == tokens[first].word[0]
    is_one_word = any(token.word == "word" for token in tokens[first:at])
    is_numbered = all(token.is_number or token.word in TIMES or token.word in PAUSES for token in tokens[first:at])
    before = tokens[max(0, first - 2 * MAX_NAME_WORDS) : first]
    return is_spelled_out or is_one_word or is_numbered or any(token.word in ANNOUNCED for token in before)
