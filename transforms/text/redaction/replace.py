"""What is found, as spans that do not overlap, and what stands in their place."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator

from transforms.text.edits import Replacement, Rule
from transforms.text.redaction.births import dates_of_birth
from transforms.text.redaction.found import Found
from transforms.text.redaction.internet import emails
from transforms.text.redaction.names import names_in
from transforms.text.redaction.numbers import cards, ibans, national_ids, phones
from transforms.text.redaction.options import CLASSES, RedactionOptions
from transforms.text.redaction.places import addresses
from transforms.text.redaction.runs import Run, runs
from transforms.text.redaction.tokens import tokens_of
from transforms.text.talk import TAG

HASH_DIGITS = 12


def find(text: str, options: RedactionOptions) -> list[Found]:
    """All that is to be hidden in a text, in order and without overlap; what is a tag already is left alone."""
    tags = [match.span() for match in TAG.finditer(text)]
    # what is hidden already divides what is around it as any other word does
    plain = TAG.sub(lambda match: "x" * len(match[0]), text)
    found = [
        one
        for kind in options.classes
        for one in _of_class(kind, plain, options)
        if not any(one.start < end and start < one.end for start, end in tags)
    ]
    return _without_overlap(found)


def _of_class(kind: str, text: str, options: RedactionOptions) -> Iterator[Found]:
    tokens = tokens_of(text)
    digit_runs: list[Run] = runs(tokens) if kind in ("card", "iban", "national_id", "phone") else []
    if kind == "card":
        return cards(text, tokens, digit_runs)
    if kind == "iban":
        return ibans(text, tokens, digit_runs)
    if kind == "national_id":
        return national_ids(text, tokens, digit_runs)
    if kind == "phone":
        return phones(text, tokens, digit_runs, options.region)
    if kind == "email":
        return emails(text, tokens)
    if kind == "date_of_birth":
        return dates_of_birth(text, tokens)
    return addresses(text, tokens) if kind == "address" else names_in(text, options.names)


def _without_overlap(found: Iterable[Found]) -> list[Found]:
    """Overlapping finds are one, of the class that comes first in CLASSES: nothing of either is to be read."""
    joined: list[Found] = []
    for one in sorted(found, key=lambda f: (f.start, -f.end)):
        if joined and one.start < joined[-1].end:
            last = joined[-1]
            name = min(last, one, key=lambda f: CLASSES.index(f.kind))
            joined[-1] = Found(last.start, max(last.end, one.end), name.kind, name.value)
        else:
            joined.append(one)
    return joined


def tag_of(found: Found, options: RedactionOptions) -> str:
    """What stands in the place of a find."""
    name = found.kind.upper()
    if options.mode == "tag":
        return f"[{name}]"
    assert options.key is not None  # the command line has seen to it
    digest = hmac.new(options.key, f"{found.kind} {found.value}".encode(), hashlib.sha256).hexdigest()
    return f"[{name}:{digest[:HASH_DIGITS]}]"


def secrets(text: str, options: RedactionOptions) -> list[tuple[int, int, str, str]]:
    """Start, end, class and tag of all that is to be hidden in a text."""
    return [(found.start, found.end, found.kind, tag_of(found, options)) for found in find(text, options)]


def redaction_rule(options: RedactionOptions) -> Rule:
    """The replacements alone, for a text that stands alone."""

    def rule(text: str) -> list[Replacement]:
        return [Replacement(start, end, tag) for start, end, _, tag in secrets(text, options)]

    return rule
