"""Addresses of mail and of the web, as said: "john dot smith at example dot com", "example dot com slash news".

They are written in small letters (RFC 4343 has no case in names of hosts), and the symbols are those of RFC 3986.
"""

from collections.abc import Iterator
from typing import NamedTuple

from transforms.text.itn.english.lexicon import DIGITS, MONTHS, NUMBER_STARTS
from transforms.text.itn.english.numbers import digit_string, number_ends, ordinal, row, with_suffix
from transforms.text.itn.words import Found, Words, rule_of, word_set

_TLDS = word_set(
    """com org net edu gov io co ai app dev info biz uk de fr eu ca au nz ie nl es jp ch se dk pl pt br tv mil int fm
    gg xyz online"""
)
_PROVIDERS = word_set("gmail yahoo hotmail outlook icloud aol protonmail googlemail gmx proton")
_ROLES = word_set(
    """info support sales contact admin help hello office jobs press billing service noreply feedback enquiries
    inquiries team mail careers orders"""
)
_MAIL = word_set("email e-mail mail address contact write reply send reach emails")
_N_CONTEXT_WORDS = 6
# words that end before an address starts
_NO_NAMES = word_set(
    """a an the and or of to for from in on at by with is are was us me it him her them you we i he she they this that
    these those my your our his its their look visit find shop available online store sign log go start search read
    more found works work account page site here there up out now us see check email e-mail mail address write
    contact called every each any some no not as if so but new buy it's name live order orders"""
)
# what is said for the symbols between the words of an address
_IN_NAMES = {"dot": ".", "underscore": "_", "dash": "-", "hyphen": "-", "plus": "+"}
_WRITTEN_SYMBOLS = frozenset("._-+")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_MAX_DOMAIN_WORDS = 3
_SCHEME_END = ("colon", "slash", "slash")
_WWW = (
    ("www",),
    ("w", "w", "w"),
    ("double", "u", "double", "u", "double", "u"),
    ("triple", "w"),
    ("dub", "dub", "dub"),
)


class Part(NamedTuple):
    """A piece of an address, and the word after it."""

    text: str
    end: int


def _atom(words: Words, i: int) -> Part | None:
    """What stands between two symbols: a word, letters that were spelled, digits; one after another in this order."""
    said = words.said(i)
    if not said or "'" in said or said in _IN_NAMES or said in ("at", "slash"):
        return None
    text, end = "", i
    if said in _LETTERS:
        while words.said(end) in _LETTERS and (end == i or words.joined(end)):
            text += words.said(end)
            end += 1
        if len(text) == 1 and words.on(end) and words.on(end) not in _IN_NAMES and words.said(end) not in NUMBER_STARTS:
            # "j smith"
            if words.said(end) in ("at", "slash"):
                return Part(text, end)
            text, end = text + words.said(end), end + 1
    elif said not in NUMBER_STARTS:
        text, end = said, i + 1
    # "example dot com thirty people"
    goes_on = end == i or (words.joined(end) and text not in _TLDS)
    numbers = _numerals(words, end) if goes_on else None
    if numbers:
        return Part(text + numbers.text, numbers.end)
    place = None if text else ordinal(words, i)
    if place and place.value >= 10:
        return Part(with_suffix(place.value), place.end)
    return Part(text or said, max(end, i + 1))


def _numerals(words: Words, i: int) -> Part | None:
    if words.said(i) not in NUMBER_STARTS and words.said(i) not in ("double", "triple", "oh"):
        return None
    string = digit_string(words, i) if words.said(i) in (*DIGITS, "double", "triple", "oh") else None
    numbers = string or (row(words, i) if words.said(i) in NUMBER_STARTS else None)
    return Part(numbers.digits, numbers.end) if numbers and number_ends(words, numbers.end) else None


def _names(words: Words, i: int) -> Iterator[Part]:
    """Atoms with symbols between them, said or written ("john dot smith", "big-shop"): the first, two, three …"""
    part = _atom(words, i)
    while part:
        yield part
        symbol = _IN_NAMES.get(words.on(part.end))
        start = part.end + bool(symbol)
        if not symbol and words.gap(part.end) in _WRITTEN_SYMBOLS and words.said(part.end):
            symbol = words.gap(part.end)
        atom = _atom(words, start) if symbol and (words.joined(start) or start == part.end) else None
        part = Part(f"{part.text}{symbol}{atom.text}", atom.end) if atom else None


def _name(words: Words, i: int) -> Part | None:
    """All atoms with symbols between them."""
    return max(_names(words, i), key=lambda part: part.end, default=None)


def _domain(words: Words, i: int) -> Part | None:
    """The longest name that ends in a known top-level domain: "example dot co dot uk"."""
    domains = (part for part in _names(words, i) if "." in part.text and part.text.rpartition(".")[2] in _TLDS)
    return max(domains, key=lambda part: part.end, default=None)


def _email(words: Words, i: int) -> Found | None:
    """At the word "at": what is before it is a name of a mailbox, what is after it a domain."""
    if not words.joined(i) or not words.joined(i + 1):
        return None
    local = _mailbox(words, i)
    if local is None:
        return None
    first, text, is_sure = local
    domain = _domain(words, i + 1)
    if domain is None and is_sure:
        domain = _long_domain(words, i + 1)
    if domain is None:
        return None
    context = not _MAIL.isdisjoint(words.lately(first, _N_CONTEXT_WORDS)) or not words.before(first) or text in _ROLES
    if not (is_sure or context) or "@" in words.text[words.start_of(first) : words.end_of(domain.end - 1)]:
        return None
    return Found(first, domain.end, f"{text}@{domain.text}")


def _mailbox(words: Words, at: int) -> tuple[int, str, bool] | None:
    """The first word and the text of the mailbox before "at", and whether it can be nothing else than one."""
    for first in range(max(0, at - 16), at):
        spells = words.said(first) in _LETTERS and words.on(first + 1) in _LETTERS
        if words.said(first) in _NO_NAMES and first + 1 < at and words.on(first + 1) not in _IN_NAMES and not spells:
            continue
        name = _name(words, first)
        if name and name.end == at and all(words.joined(k) or words.gap(k) in (".", "_") for k in range(first + 1, at)):
            # "we meet at nine thirty at example dot com"
            is_sure = (at - first > 1 or name.text in _ROLES) and not name.text.isdecimal()
            if not is_sure and words.said(first) in _NO_NAMES:
                return None
            return first, name.text, is_sure
    return None


def _long_domain(words: Words, i: int) -> Part | None:
    """ "my company dot com": a first label of several words."""
    for n in range(2, _MAX_DOMAIN_WORDS + 1):
        if words.on(i + n) == "dot" and all(words.on(i + k) for k in range(n)):
            rest = _domain(words, i + n - 1)
            return Part("".join(words.said(i + k) for k in range(n - 1)) + rest.text, rest.end) if rest else None
    return None


def _url(words: Words, i: int) -> Found | None:
    if words.before(i) in ("dot", "slash") or words.gap(i) in ("@", "/") or words.said(i) == "dot":
        return None
    has_scheme = words.said(i) in ("http", "https") and tuple(words.on(i + k) for k in (1, 2, 3)) == _SCHEME_END
    start = i + 4 if has_scheme else i
    prefix = f"{words.said(i)}://" if has_scheme else ""
    www = next((form for form in _WWW if tuple(words.said(start + k) for k in range(len(form))) == form), ())
    if www and words.on(start + len(www)) == "dot":
        prefix, start = prefix + "www.", start + len(www) + 1
    if not words.joined(start) and start > i:
        return None
    host = _domain(words, start) if prefix else _plain_host(words, start)
    if host is None and prefix:
        host = _long_domain(words, start)
    if host is None or (not prefix and "dot" not in words.lately(host.end, host.end - i)):
        return None
    path = _path(words, host.end)
    return Found(i, path.end, prefix + host.text + path.text)


def _plain_host(words: Words, i: int) -> Part | None:
    """A domain or four numbers with nothing before it that says that it is one."""
    host = _domain(words, i)
    if host is None:
        return _numeric_host(words, i)
    label = words.said(i)
    return None if label in _NO_NAMES or (label in MONTHS and host.end - i < 3) else host


def _numeric_host(words: Words, i: int) -> Part | None:
    """ "one nine two dot one six eight dot zero dot one"."""
    parts: list[str] = []
    at = i
    while number := _numerals(words, at):
        parts.append(number.text)
        if len(parts) == 4 or words.on(number.end) != "dot" or not words.joined(number.end + 1):
            at = number.end
            break
        at = number.end + 1
    is_host = len(parts) == 4 and all(int(part) < 256 for part in parts)
    return Part(".".join(parts), at) if is_host else None


def _path(words: Words, i: int) -> Part:
    """ "slash news slash today"; nothing where none is said."""
    text, end = "", i
    while words.on(end) == "slash" and words.joined(end + 1) and (name := _name(words, end + 1)):
        text, end = f"{text}/{name.text}", name.end
    return Part(text, end)


email_rule = rule_of(_email, frozenset({"at"}), needs=_PROVIDERS | {"dot"})
url_rule = rule_of(_url, None, needs=frozenset({"dot"}))
