"""The log-mel spectrogram that recognisers of this package are trained on and hear through."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from model.mel import slaney_filters
from model.recognizer import SAMPLE_RATE_HZ


@dataclass(frozen=True)
class LogMelDefinition:
    """What the numbers are. It is part of a trained model, and of a set of examples."""

    sample_rate_hz: int = SAMPLE_RATE_HZ
    # samples of an analysis window, a Hann window: 25 ms
    n_fft: int = 400
    # samples from one window to the next: 10 ms
    hop: int = 160
    # Slaney's mel bands, triangles of unit area, from fmin_hz to fmax_hz
    n_mels: int = 80
    fmin_hz: float = 20.0
    fmax_hz: float = 7600.0
    # natural logarithm of the power, no smaller than this
    floor: float = 1e-10
    scale: str = "ln"


def log_mel(samples: np.ndarray, definition: LogMelDefinition) -> np.ndarray:
    """Of samples [n] float32: [n_frames, n_mels] float32.

    Windows lie wholly inside the samples, which are filled up with zeros to at least one: n_frames is
    1 + (max(n, n_fft) - n_fft) // hop.
    """
    filled = np.pad(samples, (0, max(0, definition.n_fft - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(filled, definition.n_fft)[:: definition.hop]
    hann = np.hanning(definition.n_fft + 1)[:-1].astype(np.float32)
    # in blocks of ten seconds: the windows of a long utterance together take a hundred times its memory
    blocks = [_power(windows[start : start + 1000] * hann) for start in range(0, len(windows), 1000)]
    power = np.concatenate(blocks) @ mel_filters(definition)
    return np.log(np.maximum(power, definition.floor)).astype(np.float32)


def _power(windows: np.ndarray) -> np.ndarray:
    return np.square(np.abs(np.fft.rfft(windows))).astype(np.float32)


@cache
def mel_filters(definition: LogMelDefinition) -> np.ndarray:
    """[n_fft // 2 + 1, n_mels] float32."""
    of = definition
    return slaney_filters(of.sample_rate_hz, of.n_fft, of.n_mels, of.fmin_hz, of.fmax_hz)
