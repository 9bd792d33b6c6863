"""What the recogniser is given of a window: its samples, with a little silence first where a recording begins loud.

A recording that was cut out of noise or of a sentence costs Whisper words all through its first window; the same after
a moment of digital silence does not (measured by benchmarks/lead.py). Later windows that begin loud gain or lose by it,
so it is only a candidate for them (`transforms.rescue`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.recognizer import SAMPLE_RATE_HZ, Hypothesis, TimedText, TimedWord
from transforms.speech import to_samples
from transforms.windows import Window

LEAD_S = 0.2
# silence that a short window is left at least: with less, Whisper goes in circles
TAIL_S = 4.0
# a recording begins loud where this much of it ...
ONSET_S = 0.1
# ... is less than this below the level of its first window
LOUD_ONSET_DB = -25.0


@dataclass(frozen=True)
class Take:
    """A stretch of audio for the recogniser."""

    # [n] float32 at SAMPLE_RATE_HZ
    samples: np.ndarray
    # zeros to put before them
    n_lead: int

    @property
    def lead_s(self) -> float:
        return self.n_lead / SAMPLE_RATE_HZ

    def padded(self, n_samples: int) -> np.ndarray:
        """[n_samples] float32, zeros after the samples too."""
        n_after = n_samples - self.n_lead - len(self.samples)
        return np.pad(self.samples, (self.n_lead, n_after)).astype(np.float32, copy=False)


def take_of(window: Window, window_samples: int) -> Take:
    """The samples of a window, at most `window_samples`, as they are recognised first."""
    if is_first(window) and begins_loud(window.samples):
        return take_with_lead(window, window_samples)
    return Take(window.samples, 0)


def take_with_lead(window: Window, window_samples: int) -> Take:
    """The samples of a window after LEAD_S of silence, or as much of it as there is room for."""
    return Take(window.samples, min(to_samples(LEAD_S), window_samples - len(window.samples)))


def cut_length(take: Take, window_lengths: Sequence[int]) -> int:
    """The shortest of the lengths, in samples and ascending, that leaves a take its tail; else the last."""
    needed = take.n_lead + len(take.samples) + to_samples(TAIL_S)
    return next((length for length in window_lengths if length >= needed), window_lengths[-1])


def is_first(window: Window) -> bool:
    """Whether a window begins where its recording does, to ONSET_S."""
    return window.spans[0].asset_start_s <= ONSET_S


def begins_loud(samples: np.ndarray) -> bool:
    """Whether samples [n] set in without a moment of silence."""
    onset = samples[: to_samples(ONSET_S)]
    threshold = 10 ** (LOUD_ONSET_DB / 10)
    return len(samples) > 0 and _mean_square(onset) > threshold * _mean_square(samples)


def _mean_square(samples: np.ndarray) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def waveforms_of(takes: Sequence[Take], window_samples: int) -> list[np.ndarray]:
    """[window_samples] float32 each."""
    return [take.padded(window_samples) for take in takes]


def moved(hypothesis: Hypothesis, by_s: float) -> Hypothesis:
    """A hypothesis with all its times later by `by_s`, or earlier, but none before 0."""
    return (
        replace(hypothesis, segments=tuple(_moved_segment(s, by_s) for s in hypothesis.segments))
        if by_s
        else hypothesis
    )


def _moved_segment(segment: TimedText, by_s: float) -> TimedText:
    words = tuple(_moved_word(word, by_s) for word in segment.words)
    return replace(segment, start_s=_moved_s(segment.start_s, by_s), end_s=_moved_s(segment.end_s, by_s), words=words)


def _moved_word(word: TimedWord, by_s: float) -> TimedWord:
    if word.start_s is None or word.end_s is None:
        return word
    return replace(word, start_s=_moved_s(word.start_s, by_s), end_s=_moved_s(word.end_s, by_s))


def _moved_s(time_s: float, by_s: float) -> float:
    return max(0.0, time_s + by_s)
