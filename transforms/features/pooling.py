"""Means and deviations of values that come in pieces."""

import numpy as np


class Moments:
    """Mean and standard deviation of columns of values, each piece merged as a whole (Chan et al. 1979)."""

    def __init__(self) -> None:
        self._n = 0
        self._mean: np.ndarray | float = 0.0
        self._squares: np.ndarray | float = 0.0

    def push(self, values: np.ndarray) -> None:
        """Adds values [..., n], worked with in float64."""
        n_new = values.shape[-1]
        if n_new == 0:
            return
        wide = values.astype(np.float64)
        mean = wide.mean(axis=-1)
        squares = np.square(wide - mean[..., None]).sum(axis=-1)
        n = self._n + n_new
        apart = mean - self._mean
        self._squares = self._squares + squares + np.square(apart) * (self._n * n_new / n)
        self._mean = self._mean + apart * (n_new / n)
        self._n = n

    @property
    def n(self) -> int:
        """How many values there were in each column."""
        return self._n

    @property
    def mean(self) -> np.ndarray | float | None:
        """[...] float64; None where there was no value."""
        return self._mean if self._n else None

    @property
    def std(self) -> np.ndarray | float | None:
        """The population's, [...] float64; None where there was no value."""
        return np.sqrt(self._squares / self._n) if self._n else None


def pooled(name: str, moments: Moments) -> dict[str, np.ndarray | float | None]:
    """The columns of a row: mean and standard deviation."""
    return {f"{name}_mean": moments.mean, f"{name}_std": moments.std}
