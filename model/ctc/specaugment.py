"""What training does to its features so that a network does not learn recordings by heart. NumPy, drawn by a seed.

Masks over time and frequency are those of Park et al. 2019, "SpecAugment", section 2, without time warping, which
that paper finds to matter least. Loudness and silence around the speech vary with them.
"""

from dataclasses import dataclass

import numpy as np

# natural log of the share of its edge's power that an analysis window hears which lies one and two hops beyond: a Hann
# window of 25 ms over 15 and over 5 ms of sound
EDGE = (-0.28, -4.26)


@dataclass(frozen=True)
class Augmentation:
    """How much is changed. All zeros: nothing."""

    # masks of neighbouring mel bins, and the widest
    n_frequency_masks: int = 2
    max_frequency_mask: int = 15
    # masks of neighbouring frames, and the share of a row that one may take
    n_time_masks: int = 2
    max_time_share: float = 0.1
    # loudness is changed by up to this either way, in natural log of power: 6 dB
    max_gain: float = 1.4
    # frames of digital silence before, between and after joined clips, at most
    max_silence_frames: int = 25

    @classmethod
    def none(cls) -> "Augmentation":
        return cls(0, 0, 0, 0.0, 0.0, 0)


def mask(log_mel: np.ndarray, mean: np.ndarray, how: Augmentation, random: np.random.Generator) -> np.ndarray:
    """Features [n_frames, n_mels] with stretches of bins and of frames replaced by the mean [n_mels]."""
    masked = log_mel.copy()
    n_frames, n_mels = masked.shape
    for _ in range(how.n_frequency_masks):
        width = int(random.integers(0, min(how.max_frequency_mask, n_mels) + 1))
        start = int(random.integers(0, n_mels - width + 1))
        masked[:, start : start + width] = mean[start : start + width]
    for _ in range(how.n_time_masks):
        width = int(random.integers(0, int(how.max_time_share * n_frames) + 1))
        start = int(random.integers(0, n_frames - width + 1))
        masked[start : start + width] = mean
    return masked


def louder(log_mel: np.ndarray, silence: float, how: Augmentation, random: np.random.Generator) -> np.ndarray:
    """Features of the same sound, louder or softer; digital silence stays silent."""
    gain = np.float32(random.uniform(-how.max_gain, how.max_gain))
    return np.where(log_mel > silence, np.maximum(log_mel + gain, np.float32(silence)), log_mel).astype(np.float32)


def joined(clips: list[np.ndarray], silence: float, how: Augmentation, random: np.random.Generator) -> np.ndarray:
    """Clips [n_frames, n_mels] one after the other, with as much silence around each as is drawn."""
    parts = [_silent(clips[0].shape[1], silence, how, random)]
    for clip in clips:
        parts += [
            *(_with_edges(clip, silence) if how.max_silence_frames else [clip]),
            _silent(clip.shape[1], silence, how, random),
        ]
    return np.concatenate(parts)


def _with_edges(clip: np.ndarray, silence: float) -> list[np.ndarray]:
    """A clip, and what analysis windows hear of it that begin before it or end after it."""
    beyond = np.array(EDGE, np.float32)[:, None]
    return [np.maximum(clip[:1] + beyond[::-1], silence), clip, np.maximum(clip[-1:] + beyond, silence)]


def _silent(n_mels: int, silence: float, how: Augmentation, random: np.random.Generator) -> np.ndarray:
    return np.full((int(random.integers(0, how.max_silence_frames + 1)), n_mels), silence, np.float32)
