"""What the finders find."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """Characters [start, end) of a text that are of a class."""

    start: int
    end: int
    kind: str
    # the same however it is written or said: digits, or letters and digits in lower case
    value: str


def found_in(text: str, start: int, end: int, kind: str) -> Found:
    """Characters [start, end) of a text as a find."""
    return Found(start, end, kind, canonical(text[start:end]))


def canonical(text: str) -> str:
    """Letters and digits of a text in lower case."""
    return "".join(c for c in text.casefold() if c.isalnum())
