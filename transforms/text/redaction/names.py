"""Names from a list, said or spelled."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from transforms.text.redaction.found import Found, found_in


def names_in(text: str, names: Sequence[str]) -> Iterator[Found]:
    """Whole words in any case; a possessive ending stays. Spelled: single letters with spaces, stops or hyphens."""
    if names:
        for match in _pattern(tuple(names)).finditer(text):
            yield found_in(text, *match.span(), "name")


@lru_cache(8)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    # the longest first: of "Ann" and "Ann Lee" the whole goes
    ways = []
    for name in sorted(names, key=len, reverse=True):
        ways.append(r"[\s,.-]+".join(map(re.escape, name.split())))
    for name in sorted(names, key=len, reverse=True):
        letters = [c for c in name if c.isalnum()]
        if len(letters) > 2:
            ways.append(r"[\s.,-]+".join(map(re.escape, letters)))
    return re.compile(rf"(?<!\w)(?:{'|'.join(ways)})(?!\w)", re.IGNORECASE)
