"""Windows: the speech of a recording, packed for the recogniser, and the way back to the recording's times.

A window holds one or more spans of the recording, end to end. Speech regions join a window while they fit; a full one
is cut at a long pause. Pauses of up to `max_gap_s` stay in it as they are; of longer ones only `pad_s` on each side is
kept, and a new span begins.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from model.recognizer import SAMPLE_RATE_HZ
from transforms.speech import (
    Detector,
    Region,
    RegionFinder,
    SpeechOptions,
    frame_rms,
    stream_probabilities,
    to_samples,
)

# a window that could be no longer is cut at a pause after this share of its length
LEAST_FILLED = 0.6


@dataclass(frozen=True)
class Span:
    """A stretch of a recording, in its samples at SAMPLE_RATE_HZ."""

    start_sample: int
    end_sample: int

    @property
    def asset_start_s(self) -> float:
        return self.start_sample / SAMPLE_RATE_HZ

    @property
    def asset_end_s(self) -> float:
        return self.end_sample / SAMPLE_RATE_HZ

    @property
    def n_samples(self) -> int:
        return self.end_sample - self.start_sample


@dataclass(frozen=True)
class Window:
    """Audio for the recogniser."""

    index: int
    # in order, without overlap
    spans: tuple[Span, ...]
    # where in the recording the detector heard speech, inside the spans
    speech: tuple[Span, ...]
    # the audio of the spans, end to end: [<= max_window_s] float32, not padded
    samples: np.ndarray


@dataclass
class Totals:
    """What `cut_windows` has seen so far."""

    n_samples: int = 0
    # of the regions that were detected, without their padding
    speech_samples: int = 0

    @property
    def duration_s(self) -> float:
        return self.n_samples / SAMPLE_RATE_HZ

    @property
    def speech_s(self) -> float:
        return self.speech_samples / SAMPLE_RATE_HZ


def spans_samples(spans: Iterable[Span]) -> int:
    return sum(span.n_samples for span in spans)


def to_asset_s(spans: Sequence[Span], window_s: float, *, at_end: bool) -> float:
    """A time in a window as a time in the recording; times outside the window become its ends.

    Where two spans meet, the end of something is the end of the earlier, its start the start of the later.
    """
    offset = max(0, to_samples(window_s))
    for span in spans:
        if offset < span.n_samples or (at_end and offset == span.n_samples):
            return (span.start_sample + offset) / SAMPLE_RATE_HZ
        offset -= span.n_samples
    return spans[-1].asset_end_s


def to_window_s(spans: Sequence[Span], sample: int) -> float:
    """A sample of the recording as a time in the window; what lies in a gap or outside becomes the nearest edge."""
    offset = 0
    for span in spans:
        if sample < span.end_sample:
            return (offset + max(0, sample - span.start_sample)) / SAMPLE_RATE_HZ
        offset += span.n_samples
    return offset / SAMPLE_RATE_HZ


def cut_windows(
    blocks: Iterable[np.ndarray], detector: Detector, options: SpeechOptions, totals: Totals | None = None
) -> Iterator[Window]:
    """Blocks [n] float32 of one recording at SAMPLE_RATE_HZ -> its windows, in order.

    They depend on the samples alone, not on the sizes of the blocks. Holds `max_extent_s` of audio and about a minute
    more. `totals` counts along, and is complete when the windows end.
    """
    held = HeldAudio()
    packed = _pack(blocks, detector, options, held, Totals() if totals is None else totals)
    for index, (spans, speech) in enumerate(packed):
        samples = np.concatenate([held.between(span.start_sample, span.end_sample) for span in spans])
        yield Window(index, spans, speech, samples)


def _pack(
    blocks: Iterable[np.ndarray], detector: Detector, options: SpeechOptions, held: "HeldAudio", totals: Totals
) -> Iterator["Packed"]:
    """Each window while its audio is held."""
    finder = RegionFinder(options, detector.frame_samples)
    packer = Packer(options)

    def add(regions: Iterable[Region]) -> Iterator[Packed]:
        for region in regions:
            totals.speech_samples += region.end - region.start
            yield from packer.add(region)

    for samples, probabilities in stream_probabilities(blocks, detector):
        held.append(samples)
        totals.n_samples += len(samples)
        yield from add(finder.push(probabilities, frame_rms(samples, detector.frame_samples)))
        settled = min(finder.settled_samples, totals.n_samples)
        yield from packer.settle(settled)
        held.drop_before(packer.needed_from(settled))
    yield from add(finder.finish(totals.n_samples))
    yield from packer.close(totals.n_samples)


class HeldAudio:
    """The end of a recording that has been read so far."""

    def __init__(self) -> None:
        self._first_sample = 0
        self._samples = np.zeros(0, np.float32)

    def append(self, samples: np.ndarray) -> None:
        self._samples = np.concatenate([self._samples, samples])

    def between(self, start: int, end: int) -> np.ndarray:
        return self._samples[start - self._first_sample : end - self._first_sample]

    def drop_before(self, sample: int) -> None:
        n_dropped = max(0, sample - self._first_sample)
        self._samples = self._samples[n_dropped:].copy()
        self._first_sample += n_dropped


class Packed(NamedTuple):
    """A window without its audio."""

    spans: tuple[Span, ...]
    speech: tuple[Span, ...]


class Packer:
    """Joins regions, as they come in order, into the spans of windows.

    A region that would make the open window longer than `max_window_s`, or have it reach over more than `max_extent_s`
    of the recording, closes it. The cut is made at the longest pause of its later part, which is likely to be the end
    of a sentence; what follows opens the next window. Windows that meet in a pause shorter than two paddings share it
    half and half.
    """

    def __init__(self, options: SpeechOptions) -> None:
        self._pad = to_samples(options.pad_s)
        self._max_gap = to_samples(options.max_gap_s)
        self._max_window = to_samples(options.max_window_s)
        self._max_extent = to_samples(options.max_extent_s)
        self._joins_over_pauses = options.joins_over_pauses
        # of the open window
        self._regions: list[Region] = []
        # the end of the window before
        self._taken = 0

    def add(self, region: Region) -> Iterator[Packed]:
        """Takes the next region; the windows that it closes, if it does."""
        longer = [*self._regions, region]
        if self._fits(longer):
            self._regions = longer
            return
        n_kept = self._best_cut(longer)
        later = longer[n_kept:]
        self._regions = longer[:n_kept]
        pause = later[0].start - self._regions[-1].end
        yield from self.close(later[0].start - (pause + 1) // 2)
        for rest in later:
            yield from self.add(rest)

    def settle(self, sample: int) -> Iterator[Packed]:
        """Told that no more regions start before `sample`; the window that this completes, if it does."""
        if self._regions:
            is_too_far = sample - self._start() > self._max_extent
            if is_too_far and sample - self._regions[-1].end >= 2 * self._pad:
                yield from self.close(sample)

    def close(self, limit: int) -> Iterator[Packed]:
        """The open window, if there is one, with its last padding, which ends at `limit` at the latest."""
        if self._regions:
            *before, last = self._spans(self._regions)
            self._taken = min(last.end_sample + self._pad, limit)
            speech = tuple(Span(*region) for region in self._regions)
            yield Packed((*before, Span(last.start_sample, self._taken)), speech)
            self._regions = []

    def needed_from(self, settled: int) -> int:
        """The first sample that a window may still hold, where no more regions start before `settled`."""
        return self._start() if self._regions else max(self._taken, settled - self._pad)

    def _start(self) -> int:
        return max(self._taken, self._regions[0].start - self._pad)

    def _spans(self, regions: Sequence[Region]) -> list[Span]:
        """Of a window of these regions; the last lacks the padding at its end until it is known what follows."""
        first, *others = regions
        spans = [Span(max(self._taken, first.start - self._pad), first.end)]
        for region in others:
            last = spans[-1]
            if region.start - last.end_sample <= self._max_gap:
                spans[-1] = Span(last.start_sample, region.end)
            else:
                spans[-1] = Span(last.start_sample, last.end_sample + self._pad)
                spans.append(Span(region.start - self._pad, region.end))
        return spans

    def _fits(self, regions: Sequence[Region]) -> bool:
        """Whether regions may be one window; a single one always may."""
        if len(regions) == 1:
            return True
        spans = self._spans(regions)
        if len(spans) > 1 and not self._joins_over_pauses:
            return False
        extent = spans[-1].end_sample - spans[0].start_sample
        return extent <= self._max_extent and self._length(regions) <= self._max_window

    def _length(self, regions: Sequence[Region]) -> int:
        return spans_samples(self._spans(regions)) + self._pad

    def _best_cut(self, regions: Sequence[Region]) -> int:
        """How many of too many regions are kept in this window, at least one and not all."""
        last = len(regions) - 1
        least = LEAST_FILLED * self._max_window
        cuts = [n for n in range(1, last) if self._length(regions[:n]) >= least]
        # of equal pauses the last
        return max([*cuts, last], key=lambda n: (regions[n].start - regions[n - 1].end, n))
