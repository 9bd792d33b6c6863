"""Mean and deviation of features, by which a network normalises them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Statistics:
    """Of each mel bin over all frames of a training set, [n_mels] float32."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, features: Sequence[np.ndarray]) -> "Statistics":
        """Of arrays [n_frames, n_mels]; sums in float64. Bins that never change get a deviation of one."""
        n_frames = sum(len(own) for own in features)
        mean = np.sum([own.sum(axis=0, dtype=np.float64) for own in features], axis=0) / n_frames
        squares = np.sum([np.square(own - mean).sum(axis=0, dtype=np.float64) for own in features], axis=0)
        std = np.sqrt(squares / n_frames)
        return cls(mean.astype(np.float32), np.where(std > 0, std, 1.0).astype(np.float32))
