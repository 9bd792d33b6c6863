"""Words with their places in a text, kept in step with what rules do to it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from model.recognizer import TimedWord
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


def placed(text: str, words: Iterable[TimedWord]) -> Iterator[PlacedWord]:
    """Each word, in its place in the text; words come in order and make up the text."""
    at = 0
    for timed in words:
        at = max(at, text.find(timed.word, at))
        end = min(at + len(timed.word), len(text))
        yield PlacedWord(min(at, end), end, timed.word, timed.start_s, timed.end_s, timed.probability)
        at = end


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


def before_edits(edits: Sequence[Edit], start: int, end: int) -> tuple[int, int]:
    """Characters [start, end) of a text in those of the text before the edits: rather more than less."""
    for edit in reversed(edits):
        new_end = edit.start + len(edit.after)
        moved = new_end - edit.end
        start = start if start < edit.start else edit.start if start < new_end else start - moved
        end = end if end <= edit.start else edit.end if end <= new_end else end - moved
    return start, end


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
