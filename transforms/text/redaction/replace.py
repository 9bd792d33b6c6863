"""What is found, as spans that do not overlap, and what stands in their place."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator

from transforms.text.redaction.births import dates_of_birth
from transforms.text.redaction.found import Found
from transforms.text.redaction.internet import emails
from transforms.text.redaction.names import names_in
from transforms.text.redaction.numbers import cards, ibans, national_ids, phones
from transforms.text.redaction.options import CLASSES, RedactionOptions
from transforms.text.redaction.places import addresses
from transforms.text.redaction.reading import Reading
from transforms.text.talk import TAG, Secret

HASH_DIGITS = 12
# of the classes that need no options
FINDERS = {
    "iban": ibans,
    "card": cards,
    "national_id": national_ids,
    "email": emails,
    "date_of_birth": dates_of_birth,
    "address": addresses,
}


def find(text: str, options: RedactionOptions) -> list[Found]:
    """All that is to be hidden in a text, in order and without overlap; what is a tag already is left alone."""
    tags = [match.span() for match in TAG.finditer(text)]
    # what is hidden already divides what is around it as any other word does
    reading = Reading(TAG.sub(lambda match: "x" * len(match[0]), text))
    found = [
        one
        for kind in options.classes
        for one in _of_class(kind, reading, options)
        if not any(one.start < end and start < one.end for start, end in tags)
    ]
    return _without_overlap(found)


def _of_class(kind: str, reading: Reading, options: RedactionOptions) -> Iterator[Found]:
    if kind == "phone":
        return phones(reading, options.region)
    return names_in(reading.text, options.names) if kind == "name" else FINDERS[kind](reading)


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


def secrets(text: str, options: RedactionOptions) -> list[Secret]:
    """All that is to be hidden in a text, and what stands in its place."""
    return [Secret(found.start, found.end, found.kind, tag_of(found, options)) for found in find(text, options)]
