"""How fast a recogniser of frames is on this machine, in a few seconds."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.ctc.facts import trial_sound
from model.ctc.frame_recognizer import WINDOW_S, WINDOW_SAMPLES
from model.recognizer import Recognizer

ROUNDS = 3
N_WINDOWS = 4


@dataclass(frozen=True)
class FrameSpeed:
    """Median of a few rounds, on all processors."""

    # milliseconds of a window of 30 s, from its samples to its text
    window_ms: float

    @property
    def times_real_time(self) -> float:
        return 1e3 * WINDOW_S / self.window_ms


def measure(recognizer: Recognizer) -> FrameSpeed:
    """Has it hear windows that are full."""
    waveforms = [np.resize(trial_sound(), WINDOW_SAMPLES)] * N_WINDOWS
    return FrameSpeed(_median_ms(lambda: recognizer.recognize(waveforms, [None] * N_WINDOWS)) / N_WINDOWS)


def _median_ms(work: Callable[[], object]) -> float:
    work()
    times_s = []
    for _ in range(ROUNDS):
        started_s = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - started_s)
    return 1e3 * statistics.median(times_s)
