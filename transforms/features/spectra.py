"""Spectral features, as librosa 0.11 defines them (McFee et al. 2015), of magnitudes [n_bins, n_frames].

Two of librosa's defaults make the number of one frame depend on all others, and are off here: the floor 80 dB below the
loudest frame (`top_db`), and the estimate of how instruments are tuned. Nothing else differs.
"""

import itertools
from functools import cache

import librosa
import numpy as np
from librosa.filters import mel
from scipy.ndimage import convolve1d
from scipy.signal import savgol_coeffs
from scipy.sparse import csr_array

from model.recognizer import SAMPLE_RATE_HZ
from transforms.features.chunks import FRAME_SAMPLES, HOP_SAMPLES
from transforms.features.options import N_MELS, N_MFCC

# librosa's width of 9 frames: four on each side
DELTA_WIDTH = 9
# below 40 Hz apart, semitones of speech would share bins: chroma looks at 128 ms
CHROMA_SAMPLES = 2048
# octaves above 200 Hz, and what is below: 7 bands
CONTRAST_FIRST_HZ, CONTRAST_OCTAVES = 200.0, 6
CONTRAST_QUANTILE = 0.02


def log_mel_db(magnitudes: np.ndarray) -> np.ndarray:
    """Power in N_MELS mel bands (Slaney's, of unit area), in dB, no lower than -100: [N_MELS, n]."""
    return librosa.power_to_db(_mel_filters() @ np.square(magnitudes), top_db=None)


@cache
def _mel_filters() -> csr_array:
    """librosa's mel filters [N_MELS, n_bins]. One weight in forty is not zero: a product of all of them is most of the
    work there is, and BLAS adds threads to those of the workers."""
    return csr_array(mel(sr=SAMPLE_RATE_HZ, n_fft=FRAME_SAMPLES, n_mels=N_MELS))


def mfcc(log_mel: np.ndarray) -> np.ndarray:
    """Mel-frequency cepstral coefficients (Davis and Mermelstein 1980): orthonormal DCT-II, [N_MFCC, n]."""
    return librosa.feature.mfcc(S=log_mel, n_mfcc=N_MFCC)


def delta(frames: np.ndarray, order: int) -> np.ndarray:
    """How values change from frame to frame: Savitzky-Golay over DELTA_WIDTH frames, ends repeated; [d, n]."""
    return convolve1d(frames, _slope(order), mode="nearest").astype(frames.dtype)


@cache
def _slope(order: int) -> np.ndarray:
    """The weights of `delta`: scipy fits a polynomial for them every time that librosa asks."""
    return savgol_coeffs(DELTA_WIDTH, order, deriv=order)


def centroid_hz(magnitudes: np.ndarray) -> np.ndarray:
    """Mean frequency, weighted by magnitude; 0 in digital silence: [n]."""
    return librosa.feature.spectral_centroid(S=magnitudes, sr=SAMPLE_RATE_HZ)[0]


def bandwidth_hz(magnitudes: np.ndarray, centroids_hz: np.ndarray) -> np.ndarray:
    """Standard deviation of frequency around the centroid [n], weighted by magnitude: [n]."""
    return librosa.feature.spectral_bandwidth(S=magnitudes, sr=SAMPLE_RATE_HZ, centroid=centroids_hz[None])[0]


def rolloff_hz(magnitudes: np.ndarray) -> np.ndarray:
    """Frequency below which 85 % of the magnitude is: [n]."""
    return librosa.feature.spectral_rolloff(S=magnitudes, sr=SAMPLE_RATE_HZ)[0]


def flatness(magnitudes: np.ndarray) -> np.ndarray:
    """Geometric over arithmetic mean of the power, near 0 for a tone, 1 for white noise and digital silence: [n]."""
    return librosa.feature.spectral_flatness(S=magnitudes)[0]


def contrast_db(magnitudes: np.ndarray) -> np.ndarray:
    """How far the strongest 2 % of each octave are above its weakest 2 % (Jiang et al. 2002): [7, n].

    librosa's `spectral_contrast` without its floor below the loudest frame.
    """
    hz = librosa.fft_frequencies(sr=SAMPLE_RATE_HZ, n_fft=2 * (len(magnitudes) - 1))
    edges = np.concatenate([[0.0], CONTRAST_FIRST_HZ * 2.0 ** np.arange(CONTRAST_OCTAVES + 1)])
    bands = []
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = np.flatnonzero((hz >= low) & (hz <= high))
        # a band begins at the bin below it, and ends before its own last one, but for the highest
        start = inside[0] - (number > 0)
        is_last = number == CONTRAST_OCTAVES
        end = len(hz) if is_last else inside[-1] + 1
        n_ends = max(1, round(CONTRAST_QUANTILE * (end - start)))
        band = np.sort(magnitudes[start : end - (not is_last)], axis=0)
        valley, peak = band[:n_ends].mean(axis=0), band[-n_ends:].mean(axis=0)
        bands.append(librosa.power_to_db(peak, top_db=None) - librosa.power_to_db(valley, top_db=None))
    return np.stack(bands)


def chroma(samples: np.ndarray) -> np.ndarray:
    """How much each pitch class has, the strongest 1, from C: [12, n]. samples: see `Chunk.around`."""
    spectrum = librosa.stft(samples, n_fft=CHROMA_SAMPLES, hop_length=HOP_SAMPLES, center=False)
    return librosa.feature.chroma_stft(S=np.square(np.abs(spectrum)), sr=SAMPLE_RATE_HZ, tuning=0.0)
