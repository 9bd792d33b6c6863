"""How fast a recogniser of frames is on this machine, in a few seconds."""

from dataclasses import dataclass

import numpy as np

from model.ctc.facts import trial_sound
from model.ctc.frame_recognizer import WINDOW_S, WINDOW_SAMPLES
from model.recognizer import Recognizer
from model.stopwatch import median_ms

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
    return FrameSpeed(median_ms(lambda: recognizer.recognize(waveforms, [None] * N_WINDOWS)) / N_WINDOWS)
