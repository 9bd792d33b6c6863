"""Slaney's mel filter bank (Slaney 1998, Auditory Toolbox), as librosa makes it.

Not librosa's own, which brings scipy.signal and numba: they take longer to import than many a run has work.
"""

import numpy as np

# the scale is linear below, and logarithmic above
CORNER_HZ, CORNER_MEL = 1000.0, 15.0
# mel from the corner to 6.4 times its frequency
LOG_MEL, LOG_RATIO = 27.0, np.log(6.4)


def slaney_filters(
    sample_rate_hz: int, n_fft: int, n_mels: int, fmin_hz: float = 0.0, fmax_hz: float | None = None
) -> np.ndarray:
    """[n_fft // 2 + 1, n_mels] float32: triangles of unit area, evenly spaced in mel from fmin_hz to fmax_hz."""
    highest_hz = sample_rate_hz / 2 if fmax_hz is None else fmax_hz
    edges_hz = _to_hz(np.linspace(_to_mel(fmin_hz), _to_mel(highest_hz), n_mels + 2))
    lower, centre, upper = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    bins_hz = np.fft.rfftfreq(n_fft, 1 / sample_rate_hz)[:, None]
    rising, falling = (bins_hz - lower) / (centre - lower), (upper - bins_hz) / (upper - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * 2 / (upper - lower)).astype(np.float32)


def _to_mel(hz: float) -> float:
    if hz < CORNER_HZ:
        return hz * CORNER_MEL / CORNER_HZ
    return CORNER_MEL + LOG_MEL * np.log(hz / CORNER_HZ) / LOG_RATIO


def _to_hz(mel: np.ndarray) -> np.ndarray:
    above = CORNER_HZ * np.exp(LOG_RATIO * (mel - CORNER_MEL) / LOG_MEL)
    return np.where(mel < CORNER_MEL, mel * CORNER_HZ / CORNER_MEL, above)
