"""Levels of sound: of short frames where the samples still are, of stretches of them later."""

import math

import numpy as np

LEVEL_FRAME_S = 0.05
LEVEL_FRAME_SAMPLES = 800
# full scale; less than the largest sample of 8 bits, so that what is clipped there counts
CLIPPED = 0.99
# the quietest twentieth of the frames is taken for noise
NOISE_QUANTILE = 0.05


def mean_squares(samples: np.ndarray) -> np.ndarray:
    """Mean square of each 50 ms of samples [n], the last frame possibly shorter: float32 [ceil(n / 800)]."""
    return _frame_means(np.square(samples, dtype=np.float64))


def clipped_fractions(samples: np.ndarray) -> np.ndarray:
    """Fraction of the samples [n] of each 50 ms that are at full scale: float32 [ceil(n / 800)]."""
    return _frame_means((np.abs(samples) >= CLIPPED).astype(np.float64))


def _frame_means(values: np.ndarray) -> np.ndarray:
    starts = np.arange(0, len(values), LEVEL_FRAME_SAMPLES)
    lengths = np.minimum(LEVEL_FRAME_SAMPLES, len(values) - starts)
    return (np.add.reduceat(values, starts) / lengths).astype(np.float32)


def mean_between(frames: np.ndarray, start_s: float, end_s: float) -> float:
    """Mean of values of frames of LEVEL_FRAME_S, from the frame of start_s to that of end_s."""
    first = min(int(start_s / LEVEL_FRAME_S), len(frames) - 1)
    return float(np.mean(frames[first : max(first + 1, math.ceil(end_s / LEVEL_FRAME_S))]))


def noise_of(squares: np.ndarray) -> float:
    """Mean square of the noise, as the quietest of frames have it."""
    return float(np.quantile(squares, NOISE_QUANTILE))


def to_db(power: float) -> float | None:
    """A power in dB; None of nothing."""
    return 10 * math.log10(power) if power > 0 else None


def snr_db(power: float, noise_power: float) -> float | None:
    """What a power has above that of the noise in it, in dB; None where there is no noise."""
    return to_db(max(power - noise_power, 1e-12) / noise_power) if noise_power > 0 else None
