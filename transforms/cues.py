"""From segments to cues: lines that fit a screen, and the times at which they are said."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from transforms.spoken import Segment
from transforms.word_times import Stretch, plain, stretch_times

# Han and kana break between any two characters, but closing marks stay with what they close, opening ones with what
# they open; everything else breaks at white space
_WIDE = "\u3040-\u30fa\u30fd-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_OPENING, _CLOSING = "「『（【〈《", "、。，．！？：；」』）】〉》…・ー々"
UNIT = re.compile(rf"[{_OPENING}]*[{_WIDE}][{_CLOSING}]*|[^\s{_WIDE}]+")
ZERO_WIDTH_JOINER = "\u200d"


@dataclass(frozen=True)
class CueOptions:
    """How much text is on the screen at once."""

    # characters, the label of the channel among them; 42 is what broadcasters allow for Latin script
    max_line_width: int = 42
    max_lines: int = 2


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines that are shown together."""

    start_ms: int
    # after start_ms, not after the next cue of the channel
    end_ms: int
    channel: int | None
    lines: tuple[str, ...]


def channel_cues(segments: Iterable[Segment], options: CueOptions, label_width: int = 0) -> Iterator[Cue]:
    """The cues of the segments of one channel, in order, without overlap, each at least 1 ms long.

    label_width: characters to leave free in the first line of each cue.
    """
    last_ms = 0
    for segment in segments:
        for start_s, end_s, lines in cut_segment(segment, options, label_width):
            start_ms = max(last_ms, round(start_s * 1000))
            last_ms = max(start_ms + 1, round(end_s * 1000))
            yield Cue(start_ms, last_ms, segment.channel, lines)


def cut_segment(
    segment: Segment, options: CueOptions, label_width: int = 0
) -> list[tuple[float, float, tuple[str, ...]]]:
    """Start, end (in seconds) and lines of the cues of one segment; none where it has no text."""
    text = plain(segment.text)
    if not text:
        return []
    lines = wrap(text, options, label_width)
    cues = [lines[i : i + options.max_lines] for i in range(0, len(lines), options.max_lines)]
    starts, ends = stretch_times(segment, text, [(cue[0][0], cue[-1][1]) for cue in cues])
    return [
        (start_s, end_s, tuple(text[a:b] for a, b in cue))
        for start_s, end_s, cue in zip(starts, ends, cues, strict=True)
    ]


def wrap(text: str, options: CueOptions, label_width: int) -> list[Stretch]:
    """The lines of a text: as few as fit, as even as that allows, broken at words.

    text: plain. A word that no line can hold is broken within.
    """
    units = list(_units(text, longest=max(1, options.max_line_width - label_width)))
    n_lines = len(_fill(units, options.max_line_width, options.max_lines, label_width))
    widths = range(label_width + max(end - start for start, end in units), options.max_line_width)
    narrowest = bisect_left(widths, -n_lines, key=lambda w: -len(_fill(units, w, options.max_lines, label_width)))
    width = widths[narrowest] if narrowest < len(widths) else options.max_line_width
    return _fill(units, width, options.max_lines, label_width)


def _units(text: str, longest: int) -> Iterator[Stretch]:
    """What is not broken, or had to be."""
    for match in UNIT.finditer(text):
        start, end = match.span()
        while end - start > longest:
            cut = _cut_before(text, start, start + longest)
            yield start, cut
            start = cut
        yield start, end


def _cut_before(text: str, start: int, cut: int) -> int:
    """The last place up to `cut` that does not part an accent from its letter, or a joined sign from its half."""
    for place in range(cut, start, -1):
        joined = ZERO_WIDTH_JOINER in text[place - 1 : place + 1]
        if not joined and unicodedata.category(text[place])[0] != "M":
            return place
    return cut


def _fill(units: Sequence[Stretch], width: int, max_lines: int, label_width: int) -> list[Stretch]:
    lines: list[Stretch] = []
    for start, end in units:
        first_of_cue = (len(lines) - 1) % max_lines == 0
        if lines and end - lines[-1][0] <= width - label_width * first_of_cue:
            lines[-1] = (lines[-1][0], end)
        else:
            lines.append((start, end))
    return lines
