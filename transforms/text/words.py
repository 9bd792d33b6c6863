"""Words with their places in a text, kept in step with what rules do to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from transforms.text.edits import Edit


@dataclass(frozen=True)
class PlacedWord:
    """A word at characters [start, end) of a text, and when it is said: None where that is not known."""

    start: int
    end: int
    word: str
    start_s: float | None
    end_s: float | None
    # mean over its tokens; None: unknown
    probability: float | None


def follow(words: Sequence[PlacedWord], edit: Edit, text: str) -> list[PlacedWord]:
    """The words after an edit. text: with the edit made.

    Words that it touches become one, from the start of the first to the end of the last; none where nothing is left.
    """
    moved = len(edit.after) - (edit.end - edit.start)
    first, last = _touched(words, edit)
    left, right = list(words[:first]), [replace(w, start=w.start + moved, end=w.end + moved) for w in words[last:]]
    touched = words[first:last]
    if not touched:
        return left + right
    start, end = min(touched[0].start, edit.start), max(touched[-1].end, edit.end) + moved
    word = text[start:end].strip()
    if not word:
        return left + right
    start = text.index(word, start)
    return [*left, _joined(touched, start, word), *right]


def before_edits(words: Sequence[PlacedWord], edits: Sequence[Edit]) -> list[PlacedWord]:
    """Words of a text in characters of the text before the edits; they keep how they are spelled."""
    placed = []
    for word in words:
        start, end = word.start, word.end
        for edit in reversed(edits):
            start, end = before_edit(edit.start, edit.end, len(edit.after), start, end)
        placed.append(replace(word, start=start, end=end))
    return placed


def before_edit(at: int, old_end: int, n_after: int, start: int, end: int) -> tuple[int, int]:
    """A stretch of a text in characters of the text before [at, old_end) of it became n_after characters."""
    moved, new_end = n_after - (old_end - at), at + n_after
    first = start if start < at else at if start < new_end else start - moved
    last = end if end <= at else old_end if end <= new_end else end - moved
    return first, last


def _touched(words: Sequence[PlacedWord], edit: Edit) -> tuple[int, int]:
    """The words [first, last) that an edit reaches into; of an insertion that it stands against, rather before it."""
    inside = [i for i, w in enumerate(words) if w.start < edit.end and w.end > edit.start]
    if not inside and edit.start == edit.end:
        inside = [i for i, w in enumerate(words) if edit.start in (w.start, w.end)][:1]
    if not inside:
        first = sum(w.start < edit.end for w in words)
        return first, first
    return inside[0], inside[-1] + 1


def _joined(words: Sequence[PlacedWord], start: int, word: str) -> PlacedWord:
    """Words as one. Its probability is their mean, unknown where one is."""
    timed = [w for w in words if w.start_s is not None and w.end_s is not None]
    probabilities = [w.probability for w in words if w.probability is not None]
    return PlacedWord(
        start,
        start + len(word),
        word,
        timed[0].start_s if timed else None,
        timed[-1].end_s if timed else None,
        sum(probabilities) / len(words) if len(probabilities) == len(words) else None,
    )
