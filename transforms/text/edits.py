"""Changes to a text, on record: what a rule replaces, and how rules follow one another."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Replacement:
    """Characters [start, end) of a text, and what stands in their place."""

    start: int
    end: int
    after: str


@dataclass(frozen=True)
class Edit:
    """A replacement that was made: in characters of the text as the edits before it had left it."""

    rule: str
    start: int
    end: int
    # what stood there; None where that must not be told
    before: str | None
    after: str


# A rule looks at a whole text and says what to replace: in order, not overlapping, nothing where it changes nothing.
Rule = Callable[[str], list[Replacement]]


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text after the edits, one after another."""
    for edit in edits:
        text = text[: edit.start] + edit.after + text[edit.end :]
    return text


def made(rule: str, text: str, replacements: Sequence[Replacement]) -> list[Edit]:
    """The replacements of one rule as edits that can be applied one after another, from the left."""
    edits: list[Edit] = []
    moved = reached = 0
    for start, end, after in ((r.start, r.end, r.after) for r in replacements):
        if not reached <= start <= end <= len(text):
            raise ValueError(f"{rule}: [{start}, {end}) overlaps what is before it, or is outside the text")
        reached = end
        if text[start:end] != after:
            edits.append(Edit(rule, start + moved, end + moved, text[start:end], after))
            moved += len(after) - (end - start)
    return edits


def run_rules(text: str, rules: Iterable[tuple[str, Rule]]) -> tuple[str, list[Edit]]:
    """The text after all rules, in their order, and every edit that they made."""
    edits: list[Edit] = []
    for name, rule in rules:
        new = made(name, text, rule(text))
        text = apply_edits(text, new)
        edits += new
    return text, edits
