"""How fast somebody speaks, without words: peaks of energy that sound like syllables (de Jong and Wempe 2009).

Of their method: peaks of intensity that stand out from the dips beside them, not far below the loudest. Instead of the
intensity of all sound it is that of the band in which vowels are strong, which leaves hissing consonants out; instead
of looking at the pitch under each peak, the speech detector says where to look.
"""

from collections.abc import Sequence

import numpy as np
from scipy.signal import find_peaks

from model.recognizer import SAMPLE_RATE_HZ
from transforms.features.chunks import CONTEXT_FRAMES, FRAME_SAMPLES, HOP_SAMPLES, Chunk
from transforms.speech import Region

VOWELS_HZ = (300.0, 3300.0)
# the envelope is smoothed over so many frames, 70 ms, under a Hann window
SMOOTHING_FRAMES = 7
MIN_DIP_DB = 2.0
# below the loudest hundredth of the frames
MAX_BELOW_LOUDEST_DB = 25.0


def syllables_of(chunk: Chunk) -> np.ndarray:
    """Where syllables have their peak, in samples of the recording: [n] int64."""
    samples, n_before = chunk.around(FRAME_SAMPLES // 2, CONTEXT_FRAMES)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME_SAMPLES)[::HOP_SAMPLES]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(FRAME_SAMPLES).astype(np.float32)))
    low, high = (round(hz * FRAME_SAMPLES / SAMPLE_RATE_HZ) for hz in VOWELS_HZ)
    power = np.square(spectrum[:, low : high + 1]).sum(axis=1)
    window = np.hanning(SMOOTHING_FRAMES + 2)[1:-1]
    smooth = np.convolve(np.pad(power, SMOOTHING_FRAMES // 2, mode="edge"), window / window.sum(), mode="valid")
    level_db = 10 * np.log10(np.maximum(smooth, 1e-10))
    threshold_db = np.quantile(level_db, 0.99) - MAX_BELOW_LOUDEST_DB
    peaks, _ = find_peaks(level_db, height=threshold_db, prominence=MIN_DIP_DB)
    own = peaks[(peaks >= n_before) & (peaks < n_before + chunk.n_frames)]
    return (own - n_before + chunk.first_frame) * HOP_SAMPLES


def n_inside(peaks: np.ndarray, regions: Sequence[Region]) -> int:
    """How many of the peaks, in order, are in regions of speech."""
    edges = np.searchsorted(peaks, np.array([(r.start, r.end) for r in regions], np.int64).reshape(-1, 2))
    return int((edges[:, 1] - edges[:, 0]).sum())
