"""What is to be hidden, and how."""

import difflib
from dataclasses import dataclass, field

from model.errors import BeamscribeError

# in the order in which they win where they overlap
CLASSES = ("iban", "card", "national_id", "phone", "email", "date_of_birth", "address", "name")


@dataclass(frozen=True)
class RedactionOptions:
    """Which classes are hidden, and what stands in their place."""

    classes: tuple[str, ...]
    # that the class `name` hides
    names: tuple[str, ...] = field(default=(), repr=False)
    # country (ISO 3166-1) of phone numbers without a country code
    region: str = "US"
    # "tag": [CARD]; "hash": [CARD:9f2c…], the same for the same value under the same key
    mode: str = "tag"
    key: bytes | None = field(default=None, repr=False)


def parse_classes(text: str) -> tuple[str, ...]:
    """Names separated by commas, or `all`. Raises BeamscribeError."""
    asked = {name.strip() for name in text.split(",")}
    if asked == {"all"}:
        return CLASSES
    for name in sorted(asked):
        if name not in CLASSES:
            near = difflib.get_close_matches(name, CLASSES, 1)
            hint = f"did you mean {near[0]}?" if near else f"give all, or some of {','.join(CLASSES)}"
            raise BeamscribeError(f"there is no class {name!r} to redact; {hint}")
    return tuple(kind for kind in CLASSES if kind in asked)
