"""The groups of features: each takes chunks in order, gives values of frames, and at the end columns of a row.

Values of frames and columns are named as in `transforms.features.rows`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from transforms.features import spectra
from transforms.features.chunks import DELTA_FRAMES, Chunk
from transforms.features.loudness import LoudnessMeter
from transforms.features.pitch import pitch_of
from transforms.features.pooling import Moments, pooled_columns
from transforms.features.time_domain import LevelMeter, frame_rms, zero_crossing_rate

# of one frame a row, or [d, n_frames]
Frames = dict[str, np.ndarray]


class Group(Protocol):
    """One group of features of one recording."""

    def push(self, chunk: Chunk) -> Frames:
        """Takes the next chunk; values of its frames [n_frames] or [d, n_frames], where the group has any."""

    def finish(self) -> dict[str, Any]:
        """The columns of the row; None where there is nothing to measure."""


class FrameGroup:
    """Features of frames, of which a row has mean and standard deviation."""

    def __init__(self, frames_of: Callable[[Chunk], Frames]) -> None:
        self._frames_of = frames_of
        self._moments: dict[str, Moments] = {}

    def push(self, chunk: Chunk) -> Frames:
        frames = self._frames_of(chunk)
        for name, values in frames.items():
            self._moments.setdefault(name, Moments()).push(values)
        return frames

    def finish(self) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for name, moments in self._moments.items():
            columns |= pooled_columns(name, moments)
        return columns


def log_mel_frames(chunk: Chunk) -> Frames:
    return {"log_mel_db": spectra.log_mel_db(chunk.own_magnitudes)}


def mfcc_frames(chunk: Chunk) -> Frames:
    coefficients = spectra.mfcc(spectra.log_mel_db(chunk.magnitudes))
    changes = {"mfcc_delta": spectra.delta(coefficients, 1), "mfcc_delta2": spectra.delta(coefficients, 2)}
    return {name: chunk.own(values, DELTA_FRAMES) for name, values in ({"mfcc": coefficients} | changes).items()}


def spectral_frames(chunk: Chunk) -> Frames:
    magnitudes = chunk.own_magnitudes
    centroids_hz = spectra.centroid_hz(magnitudes)
    return {
        "centroid_hz": centroids_hz,
        "bandwidth_hz": spectra.bandwidth_hz(magnitudes, centroids_hz),
        "rolloff_hz": spectra.rolloff_hz(magnitudes),
        "flatness": spectra.flatness(magnitudes),
        "contrast_db": spectra.contrast_db(magnitudes),
    }


def chroma_frames(chunk: Chunk) -> Frames:
    samples, _ = chunk.around(spectra.CHROMA_SAMPLES // 2)
    return {"chroma": spectra.chroma(samples)}


def time_frames(chunk: Chunk) -> Frames:
    return {"rms": frame_rms(chunk), "zero_crossing_rate": zero_crossing_rate(chunk)}


class TimeGroup(FrameGroup):
    """`time`: levels besides what frames have."""

    def __init__(self) -> None:
        super().__init__(time_frames)
        self._meter = LevelMeter()

    def push(self, chunk: Chunk) -> Frames:
        frames = super().push(chunk)
        self._meter.push(chunk.own_samples, frames["rms"])
        return frames

    def finish(self) -> dict[str, Any]:
        return super().finish() | vars(self._meter.finish())


class LoudnessGroup:
    """`loudness`: of the whole alone."""

    def __init__(self) -> None:
        self._meter = LoudnessMeter()

    def push(self, chunk: Chunk) -> Frames:
        self._meter.push(chunk.own_samples)
        return {}

    def finish(self) -> dict[str, Any]:
        found = self._meter.finish()
        return {
            "loudness_lufs": found.integrated_lufs,
            "loudness_range_lu": found.range_lu,
            "max_momentary_lufs": found.max_momentary_lufs,
            "max_short_term_lufs": found.max_short_term_lufs,
            "true_peak_dbtp": found.true_peak_dbtp,
        }


class PitchGroup:
    """`pitch`: mean and deviation over voiced frames."""

    def __init__(self) -> None:
        self._moments = Moments()
        self._n_frames = 0

    def push(self, chunk: Chunk) -> Frames:
        pitch = pitch_of(chunk)
        self._n_frames += chunk.n_frames
        self._moments.push(pitch.f0_hz[pitch.is_voiced])
        return {"f0_hz": pitch.f0_hz, "voiced_probability": pitch.voiced_probability}

    def finish(self) -> dict[str, Any]:
        return {"voiced_ratio": self._moments.n / max(1, self._n_frames)} | pooled_columns("f0_hz", self._moments)


# those that need nothing but the samples
SAMPLE_GROUPS: Mapping[str, Callable[[], Group]] = {
    "time": TimeGroup,
    "loudness": LoudnessGroup,
    "log_mel": lambda: FrameGroup(log_mel_frames),
    "mfcc": lambda: FrameGroup(mfcc_frames),
    "spectral": lambda: FrameGroup(spectral_frames),
    "chroma": lambda: FrameGroup(chroma_frames),
    "pitch": PitchGroup,
}
