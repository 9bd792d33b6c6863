"""What the recogniser is given of a window: its samples, with a little silence first where speech would begin at once.

Whisper misses words that begin with the first sample (benchmarks/lead.py): its training cut recordings at any place.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.recognizer import SAMPLE_RATE_HZ, Hypothesis, TimedText, TimedWord
from transforms.guards import Scene

# silence, or what the recording has, before the first speech
LEAD_S = 0.2


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


def take_of(samples: np.ndarray, scene: Scene, window_samples: int) -> Take:
    """Samples [n <= window_samples] of a window or a part of it, with as much of the lead as there is room for."""
    before_s = scene.speech[0][0] if scene.speech else LEAD_S
    n_missing = round(max(0.0, LEAD_S - before_s) * SAMPLE_RATE_HZ)
    return Take(samples, min(n_missing, window_samples - len(samples)))


def waveforms_of(takes: Sequence[Take], window_samples: int) -> np.ndarray:
    """[n_takes, window_samples] float32."""
    return np.stack([take.padded(window_samples) for take in takes])


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
