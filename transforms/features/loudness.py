"""Loudness of speech for a listener (EBU R 128): ITU-R BS.1770-4 with its gates, EBU Tech 3341 and 3342.

Measured on the sound that everything else is worked out of, one channel at 16 kHz: what is above 8 kHz does not count.
"""

import math
from array import array
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from model.recognizer import SAMPLE_RATE_HZ
from transforms.resample import Resampler

# windows move on by this much
STEP_S = 0.1
STEP_SAMPLES = round(STEP_S * SAMPLE_RATE_HZ)
MOMENTARY_STEPS, SHORT_TERM_STEPS = 4, 30  # 400 ms, 3 s
OFFSET_DB = -0.691
ABSOLUTE_GATE_LUFS = -70.0
# below the mean of what passes the absolute gate: of the integrated loudness, and of the range
RELATIVE_GATE_LU, RANGE_GATE_LU = -10.0, -20.0
RANGE_QUANTILES = (0.10, 0.95)
# BS.1770-4, annex 2
TRUE_PEAK_OVERSAMPLING = 4


@dataclass(frozen=True)
class Loudness:
    """None where the recording is shorter than the window, or no window passes the gates."""

    # integrated over the whole
    integrated_lufs: float | None
    # how far soft and loud passages are apart
    range_lu: float | None
    # the loudest 400 ms, and the loudest 3 s
    max_momentary_lufs: float | None
    max_short_term_lufs: float | None
    # highest value between the samples
    true_peak_dbtp: float | None


def k_weighting(rate_hz: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The two filters of BS.1770-4 (b, a), head and low cut, at any rate.

    The standard gives coefficients at 48 kHz alone; the analog filters behind them, brought to other rates by the
    bilinear transform, are those of Mansbridge, Finn and Reiss (2012).
    """
    gain, head_hz, head_q = 3.999843853973347, 1681.974450955533, 0.7071752369554196
    cut_hz, cut_q = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * head_hz / rate_hz)
    high = 10 ** (gain / 20)
    middle = high**0.4996667741545416
    norm = 1 + k / head_q + k * k
    head_b = np.array([high + middle * k / head_q + k * k, 2 * (k * k - high), high - middle * k / head_q + k * k])
    head_a = np.array([norm, 2 * (k * k - 1), 1 - k / head_q + k * k])
    k = math.tan(math.pi * cut_hz / rate_hz)
    cut_a = np.array([1 + k / cut_q + k * k, 2 * (k * k - 1), 1 - k / cut_q + k * k])
    return [(head_b / norm, head_a / norm), (np.array([1.0, -2.0, 1.0]), cut_a / cut_a[0])]


class LoudnessMeter:
    """Loudness of one channel, block by block; keeps one number for every 100 ms."""

    def __init__(self) -> None:
        self._filters = k_weighting(SAMPLE_RATE_HZ)
        self._states = [np.zeros(2) for _ in self._filters]
        self._rest = np.zeros(0)
        # sums of squares of each step
        self._steps = array("d")
        self._oversampler = Resampler(SAMPLE_RATE_HZ, TRUE_PEAK_OVERSAMPLING * SAMPLE_RATE_HZ)
        self._peak = 0.0

    def push(self, samples: np.ndarray) -> None:
        """Adds samples [n] float32."""
        self._peak = max(self._peak, *map(_peak_of, (samples, self._oversampler.push(samples[:, None]))))
        weighted = samples.astype(np.float64)
        for number, (b, a) in enumerate(self._filters):
            weighted, self._states[number] = lfilter(b, a, weighted, zi=self._states[number])
        weighted = np.concatenate([self._rest, weighted])
        n_whole = len(weighted) - len(weighted) % STEP_SAMPLES
        self._steps.extend(np.square(weighted[:n_whole]).reshape(-1, STEP_SAMPLES).sum(axis=1))
        self._rest = weighted[n_whole:]

    def finish(self) -> Loudness:
        self._peak = max(self._peak, _peak_of(self._oversampler.flush()))
        momentary, short_term = self._powers(MOMENTARY_STEPS), self._powers(SHORT_TERM_STEPS)
        return Loudness(
            integrated_lufs=_lufs(_gate(momentary, RELATIVE_GATE_LU)),
            range_lu=_range_lu(short_term),
            max_momentary_lufs=_lufs(momentary.max(keepdims=True, initial=0)),
            max_short_term_lufs=_lufs(short_term.max(keepdims=True, initial=0)),
            true_peak_dbtp=20 * math.log10(self._peak) if self._peak > 0 else None,
        )

    def _powers(self, n_steps: int) -> np.ndarray:
        """Mean square of each window of n_steps: [n]."""
        sums = np.concatenate([[0.0], np.cumsum(np.frombuffer(self._steps))]) if self._steps else np.zeros(1)
        return np.maximum(sums[n_steps:] - sums[:-n_steps], 0) / (n_steps * STEP_SAMPLES)


def _peak_of(samples: np.ndarray) -> float:
    return float(np.abs(samples).max(initial=0))


def _gate(powers: np.ndarray, relative_lu: float) -> np.ndarray:
    """The windows above the absolute gate and above that relative to their mean."""
    loud = powers[powers > 10 ** ((ABSOLUTE_GATE_LUFS - OFFSET_DB) / 10)]
    return loud[loud > loud.mean() * 10 ** (relative_lu / 10)] if len(loud) else loud


def _lufs(powers: np.ndarray) -> float | None:
    """Loudness of the mean of powers [n]; None of nothing."""
    power = float(powers.mean()) if len(powers) else 0.0
    return OFFSET_DB + 10 * math.log10(power) if power > 0 else None


def _range_lu(short_term: np.ndarray) -> float | None:
    heard = _gate(short_term, RANGE_GATE_LU)
    if not len(heard):
        return None
    low, high = np.quantile(10 * np.log10(heard), RANGE_QUANTILES)
    return float(high - low)
