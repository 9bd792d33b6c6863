"""What the samples themselves tell: level, peak, clipping, offset, silence, noise, zero crossings.

All on the sound that everything else is worked out of: the chosen channel, at 16 kHz.
"""

import math
from dataclasses import dataclass

import librosa
import numpy as np

from transforms.features.chunks import FRAME_SAMPLES, HOP_SAMPLES, Chunk
from transforms.levels import CLIPPED, NOISE_QUANTILE, snr_db, to_db

# the loudest twentieth of the frames is taken for the level of the voice
VOICE_QUANTILE = 0.95
# frames so far below the voice are silence
SILENCE_DB = 35.0
# levels are counted in tenths of a decibel, and below this they are digital silence
STEP_DB, FLOOR_DB = 0.1, -120.0


def frame_rms(chunk: Chunk) -> np.ndarray:
    """Root mean square of each frame: [n_frames] float32."""
    samples, _ = chunk.around(FRAME_SAMPLES // 2)
    return librosa.feature.rms(y=samples, frame_length=FRAME_SAMPLES, hop_length=HOP_SAMPLES, center=False)[0]


def zero_crossing_rate(chunk: Chunk) -> np.ndarray:
    """Changes of sign in each frame, over its samples: [n_frames] float64."""
    samples, _ = chunk.around(FRAME_SAMPLES // 2, repeats_ends=True)
    return librosa.feature.zero_crossing_rate(
        samples, frame_length=FRAME_SAMPLES, hop_length=HOP_SAMPLES, center=False
    )[0]


@dataclass(frozen=True)
class Levels:
    """What `LevelMeter` has measured; None where there is nothing but digital silence."""

    rms_dbfs: float | None
    peak_dbfs: float | None
    crest_factor_db: float | None
    # fraction of samples at full scale
    clipping: float
    # mean sample, of full scale
    dc_offset: float
    # fraction of frames more than SILENCE_DB below the voice
    silence_ratio: float
    # mean level over that of the noise; an estimate
    snr_db: float | None


class LevelMeter:
    """Levels of a recording, chunk by chunk; quantiles are of a histogram, whatever the length."""

    def __init__(self) -> None:
        self._n_samples = self._n_clipped = 0
        self._sum = self._sum_of_squares = self._peak = 0.0
        self._counts = np.zeros(2 + round(-FLOOR_DB / STEP_DB), np.int64)

    def push(self, samples: np.ndarray, rms: np.ndarray) -> None:
        """Adds samples [n] and the root mean squares of the frames around them."""
        if len(samples):
            size = np.abs(samples)
            self._n_samples += len(samples)
            self._n_clipped += int(np.count_nonzero(size >= CLIPPED))
            self._peak = max(self._peak, float(size.max()))
            self._sum += float(samples.sum(dtype=np.float64))
            self._sum_of_squares += float(np.square(samples, dtype=np.float64).sum())
        levels = 20 * np.log10(np.maximum(rms.astype(np.float64), 1e-9))
        # 0 is digital silence; the last is full scale and above
        steps = np.clip(np.floor((levels - FLOOR_DB) / STEP_DB) + 1, 0, len(self._counts) - 1).astype(np.int64)
        self._counts += np.bincount(steps, minlength=len(self._counts))

    def finish(self) -> Levels:
        n = max(1, self._n_samples)
        power = self._sum_of_squares / n
        rms_dbfs, peak_dbfs = to_db(power), to_db(self._peak**2)
        noise_db, voice_db = self._quantile_db(NOISE_QUANTILE), self._quantile_db(VOICE_QUANTILE)
        return Levels(
            rms_dbfs=rms_dbfs,
            peak_dbfs=peak_dbfs,
            crest_factor_db=None if rms_dbfs is None or peak_dbfs is None else peak_dbfs - rms_dbfs,
            clipping=self._n_clipped / n,
            dc_offset=self._sum / n,
            silence_ratio=1.0 if voice_db is None else self._below(voice_db - SILENCE_DB),
            snr_db=None if noise_db is None else snr_db(power, 10 ** (noise_db / 10)),
        )

    def _quantile_db(self, quantile: float) -> float | None:
        """The level that this part of the frames does not exceed; None: digital silence."""
        step = int(np.searchsorted(np.cumsum(self._counts), quantile * self._counts.sum()))
        return None if step == 0 else FLOOR_DB + (step - 0.5) * STEP_DB

    def _below(self, level_db: float) -> float:
        n_steps = max(1, math.floor((level_db - FLOOR_DB) / STEP_DB) + 1)
        return float(self._counts[:n_steps].sum() / self._counts.sum())
