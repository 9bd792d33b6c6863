"""Names from a list, said or spelled."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from model.errors import BeamscribeError
from transforms import storage
from transforms.text.redaction.found import Found, canonical


def read_names(path: str) -> list[str]:
    """The names of a text file, one a line; `#` begins a comment. Raises BeamscribeError."""
    path = storage.normalise(path)
    try:
        text = storage.read_whole(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BeamscribeError(f"the names in {path} cannot be read ({error}); give a text file in UTF-8") from error
    names = [" ".join(line.split("#")[0].split()) for line in text.splitlines()]
    names = [name for name in dict.fromkeys(names) if any(c.isalnum() for c in name)]
    if not names:
        raise BeamscribeError(f"{path} holds no name: write one a line")
    return names


def names_in(text: str, names: Sequence[str]) -> Iterator[Found]:
    """Whole words in any case; a possessive ending stays. Spelled: single letters with spaces, stops or hyphens."""
    if names:
        for match in _pattern(tuple(names)).finditer(text):
            yield Found(match.start(), match.end(), "name", canonical(match[0]))


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
