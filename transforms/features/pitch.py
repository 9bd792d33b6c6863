"""Pitch of the voice by probabilistic YIN (Mauch and Dixon 2014), as librosa does it."""

from typing import NamedTuple

import librosa
import numpy as np

from model.recognizer import SAMPLE_RATE_HZ
from transforms.features.chunks import CONTEXT_FRAMES, HOP_SAMPLES, Chunk

# from low voices to children's
MIN_HZ, MAX_HZ = 60.0, 500.0
WINDOW_SAMPLES = 1024  # 64 ms
# pitches are told apart by 20 cents: librosa's own 10 take four times as long
RESOLUTION_SEMITONES = 0.2


class Pitch(NamedTuple):
    """Of each frame: [n_frames]."""

    # NaN where the voice is silent or has no pitch
    f0_hz: np.ndarray
    is_voiced: np.ndarray
    voiced_probability: np.ndarray


def pitch_of(chunk: Chunk) -> Pitch:
    """Pitch of each frame of a chunk. The path through the pitches is found with a second more on each side.

    A recording of one chunk has the numbers of `librosa.pyin`.
    """
    samples, _ = chunk.around(WINDOW_SAMPLES // 2, CONTEXT_FRAMES)
    found = librosa.pyin(
        samples,
        fmin=MIN_HZ,
        fmax=MAX_HZ,
        sr=SAMPLE_RATE_HZ,
        frame_length=WINDOW_SAMPLES,
        hop_length=HOP_SAMPLES,
        resolution=RESOLUTION_SEMITONES,
        center=False,
    )
    return Pitch(*(chunk.own(values, CONTEXT_FRAMES) for values in found))
