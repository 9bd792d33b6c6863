"""Texts that go round in circles: how to find a loop, and what is left when it is taken out.

The units are words, or characters where a language is written without spaces between words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from model.recognizer import UNSPACED_LANGUAGES

# people do say a thing three times; a list of digits repeats one of them oftener, but not for as long as this
MIN_REPEATS = 4
MIN_LOOP_UNITS = 8


class Unit(NamedTuple):
    """A word or character as it is compared, and where it stands in its text."""

    said: str
    start: int
    end: int


@dataclass(frozen=True)
class Loop:
    """The same `n_units` units `n_repeats` times in a row, from unit `start` on."""

    start: int
    n_units: int
    n_repeats: int

    @property
    def end(self) -> int:
        return self.start + self.n_units * self.n_repeats


def units_of(text: str, language: str) -> list[Unit]:
    """The words (or characters) of a text without case and punctuation."""
    pattern = r"\w" if language in UNSPACED_LANGUAGES else r"\w+(?:['’]\w+)*"
    return [Unit(match[0].casefold(), *match.span()) for match in re.finditer(pattern, text)]


def find_loop(said: Sequence[str]) -> Loop | None:
    """The longest loop in a row of units; of equally long ones the one with the shortest part."""
    best: Loop | None = None
    for n_units in range(1, len(said) // MIN_REPEATS + 1):
        run = 0
        for i in range(len(said) - n_units):
            run = run + 1 if said[i] == said[i + n_units] else 0
            loop = Loop(i + 1 - run, n_units, run // n_units + 1)
            length = n_units * loop.n_repeats
            if loop.n_repeats < MIN_REPEATS or length < MIN_LOOP_UNITS:
                continue
            if best is None or length > best.end - best.start:
                best = loop
    return best


def repeats_cut(texts: Sequence[str], language: str) -> list[list[tuple[int, int]]]:
    """What of the texts, read one after another, only repeats: character ranges [start, end) of each, in order.

    Of every loop the first time it is said stays, and all that is between two repeats goes with the second.
    """
    left = [(i, unit) for i, text in enumerate(texts) for unit in units_of(text, language)]
    cut: list[set[Unit]] = [set() for _ in texts]
    while loop := find_loop([unit.said for _, unit in left]):
        for i, unit in left[loop.start + loop.n_units : loop.end]:
            cut[i].add(unit)
        left = left[: loop.start + loop.n_units] + left[loop.end :]
    return [_ranges(text, units_of(text, language), cut[i]) for i, text in enumerate(texts)]


def _ranges(text: str, units: Sequence[Unit], cut: set[Unit]) -> list[tuple[int, int]]:
    """Unbroken runs of units as character ranges, so that what stays keeps its spaces and its punctuation."""
    ranges = []
    kept_until: int | None = None
    for is_cut, run in groupby(units, lambda unit: unit in cut):
        last = list(run)[-1]
        if is_cut:
            following = next((unit.start for unit in units if unit.start >= last.end), len(text))
            ranges.append((0, following) if kept_until is None else (kept_until, last.end))
        kept_until = last.end
    return ranges
