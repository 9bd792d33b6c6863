"""Log-mel spectrogram as Whisper was trained on it (Radford et al. 2022, section 2.2), in the TensorFlow graph."""

from functools import cache

import numpy as np
import tensorflow as tf

from model.mel import slaney_filters
from model.recognizer import SAMPLE_RATE_HZ

N_FFT = 400  # samples of an analysis window: 25 ms
HOP_SAMPLES = 160  # 10 ms: 3000 frames in a 30 s window
# quieter than this below the loudest point of the window is cut off, in powers of ten (80 dB)
DYNAMIC_RANGE = 8.0


def log_mel(waveforms: tf.Tensor, n_mels: int) -> tf.Tensor:
    """Waveforms [..., n_samples] at 16 kHz -> [..., n_mels, n_samples // HOP_SAMPLES], around -1 to 1.

    The loudness of each window is relative to its own loudest point, its zero-padding included.
    """
    spectrum = _power_spectrum(waveforms)
    mel = tf.matmul(spectrum, _mel_filters(n_mels))
    log = tf.math.log(tf.maximum(mel, 1e-10)) / np.log(10.0).astype(np.float32)
    log = tf.maximum(log, tf.reduce_max(log, axis=[-2, -1], keepdims=True) - DYNAMIC_RANGE)
    return tf.linalg.matrix_transpose((log + 4.0) / 4.0)


def _power_spectrum(waveforms: tf.Tensor) -> tf.Tensor:
    """[..., n_samples] -> [..., n_frames, N_FFT // 2 + 1]; frames are centred on multiples of the hop."""
    edges = [[0, 0]] * (len(waveforms.shape) - 1) + [[N_FFT // 2, N_FFT // 2]]
    padded = tf.pad(waveforms, edges, mode="REFLECT")
    # the frame centred on the very end is one more than the network takes
    return tf.square(tf.abs(tf.signal.stft(padded, N_FFT, HOP_SAMPLES, N_FFT)[..., :-1, :]))


@cache
def _mel_filters(n_mels: int) -> np.ndarray:
    """Slaney's mel filter bank [N_FFT // 2 + 1, n_mels]."""
    return slaney_filters(SAMPLE_RATE_HZ, N_FFT, n_mels)
