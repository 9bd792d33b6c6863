"""When the parts of a segment's text are said: by its words where their times are known, by characters elsewhere.

The text leads: rules may have changed it since the model said the words, and then only the words that it still has
tell the time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np

from transforms.spoken import Segment, Word

# a longer silence between two words parts what is said before from what is said after
PAUSE_S = 1.0
# characters [start, end) of a text
Stretch = tuple[int, int]


def plain(text: str) -> str:
    """A text with single spaces for white space."""
    return " ".join(text.split())


def split_at_pauses(segment: Segment) -> list[Segment]:
    """A segment as the stretches between its pauses, each from its first word to its last.

    As it is where it has no words: a segment's own times may hold the silence around it.
    """
    words = segment.words
    if not words:
        return [segment]
    text = plain(segment.text)
    breaks = [
        (i, start)
        for i, start, _ in _place_words(text, words)
        if text[:start].endswith(" ") and _follows_pause(words, i)
    ]
    stretches = []
    for (i, a), (j, b) in pairwise([(0, 0), *breaks, (len(words), len(text))]):
        start_s, end_s = words[i].start_s, words[j - 1].end_s
        stretches.append(
            replace(
                segment,
                start_s=segment.start_s if start_s is None else start_s,
                end_s=segment.end_s if end_s is None else end_s,
                text=text[a:b].strip(),
                words=words[i:j],
            )
        )
    return _in_order(segment, stretches)


def _follows_pause(words: Sequence[Word], i: int) -> bool:
    start_s, before_s = words[i].start_s, words[i - 1].end_s
    return i > 0 and start_s is not None and before_s is not None and start_s - before_s > PAUSE_S


def _in_order(segment: Segment, stretches: Sequence[Segment]) -> list[Segment]:
    """Stretches inside their segment and without overlap, whatever the times of words say."""
    times = [time for stretch in stretches for time in (stretch.start_s, stretch.end_s)]
    times = np.maximum.accumulate(np.clip(times, segment.start_s, segment.end_s)).tolist()
    return [
        replace(stretch, start_s=start_s, end_s=end_s)
        for stretch, start_s, end_s in zip(stretches, times[::2], times[1::2], strict=True)
    ]


def stretch_times(segment: Segment, text: str, stretches: Sequence[Stretch]) -> tuple[list[float], list[float]]:
    """When stretches of the text of a segment start and end, in seconds, in order and without overlap.

    text: the segment's, plain. The first stretch starts with the segment, the last one ends with it.
    """
    start_at, end_at = {0: segment.start_s}, {0: segment.start_s}
    if len(stretches) > 1:
        for i, start, end in _place_words(text, segment.words):
            start_s, end_s = segment.words[i].start_s, segment.words[i].end_s
            if start_s is not None and start > 0:
                start_at[start] = start_s
            if end_s is not None:
                end_at[end] = end_s
    start_at[len(text)] = end_at[len(text)] = segment.end_s
    starts = _interpolate([start for start, _ in stretches], start_at, segment)
    ends = _interpolate([end for _, end in stretches], end_at, segment)
    nexts = [*starts[1:], segment.end_s]
    return starts, [max(start, min(end, after)) for start, end, after in zip(starts, ends, nexts, strict=True)]


def _interpolate(offsets: Sequence[int], time_at: dict[int, float], segment: Segment) -> list[float]:
    times = np.maximum.accumulate(np.clip(list(time_at.values()), segment.start_s, segment.end_s))
    return np.interp(offsets, list(time_at), times).tolist()


def _place_words(text: str, words: Sequence[Word]) -> Iterator[tuple[int, int, int]]:
    """Numbers of the words that a plain text still has, with their characters [start, end) in it."""
    offsets = [i for i, character in enumerate(text) if character != " "]
    shown = text.replace(" ", "")
    pieces = ["".join(word.word.split()) for word in words]
    said = "".join(pieces)
    blocks = [(0, 0, len(said))] if said == shown else _common(said, shown)
    start = 0
    for number, piece in enumerate(pieces):
        end = start + len(piece)
        for said_at, shown_at, size in blocks:
            if piece and said_at <= start and end <= said_at + size:
                first = shown_at + start - said_at
                yield number, offsets[first], offsets[first + len(piece) - 1] + 1
        start = end


def _common(said: str, shown: str) -> list[tuple[int, int, int]]:
    return [(m.a, m.b, m.size) for m in SequenceMatcher(None, said, shown, autojunk=False).get_matching_blocks()]
