"""Change of the sample rate, in blocks."""

import math

import numpy as np
import soxr


class Resampler:
    """Resamples a stream by the engine and quality of librosa's "soxr_hq", to the same samples and length.

    The blocks may be of any size; the output does not depend on it.
    """

    def __init__(self, source_rate_hz: int, target_rate_hz: int = 16_000, channels: int = 1) -> None:
        self._ratio = float(target_rate_hz) / source_rate_hz
        self._channels = channels
        self._n_in = self._n_out = 0
        self._soxr = None
        if source_rate_hz != target_rate_hz:
            self._soxr = soxr.ResampleStream(source_rate_hz, target_rate_hz, channels, dtype="float32", quality="HQ")

    def push(self, block: np.ndarray) -> np.ndarray:
        """float32 [n, channels] at the source rate -> what is ready, [m, channels] at the target rate."""
        if self._soxr is None:
            return block
        self._n_in += len(block)
        return self._counted(self._soxr.resample_chunk(np.ascontiguousarray(block, np.float32)))

    def flush(self) -> np.ndarray:
        """The rest, after which there are ceil(samples pushed x ratio) in all; the stream ends here."""
        rest = np.zeros((0, self._channels), np.float32)
        if self._soxr is None or self._n_in == 0:
            return rest
        # the float product as in librosa, whose ceiling may be one above that of the exact one
        n_left = math.ceil(self._n_in * self._ratio) - self._n_out
        rest = self._counted(self._soxr.resample_chunk(rest, last=True))[:n_left]
        return np.pad(rest, ((0, n_left - len(rest)), (0, 0)))

    def _counted(self, samples: np.ndarray) -> np.ndarray:
        samples = samples.reshape(-1, self._channels)
        self._n_out += len(samples)
        return samples
