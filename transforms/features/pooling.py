"""Means and deviations of values that come in pieces."""

from typing import NamedTuple

import numpy as np


class Pooled(NamedTuple):
    """What is kept of columns of n values."""

    n: int
    mean: np.ndarray | float
    # sum of the squared distances from the mean
    squares: np.ndarray | float


class Moments:
    """Mean and standard deviation of columns of values, each piece merged as a whole (Chan et al. 1979)."""

    def __init__(self) -> None:
        self._n = 0
        self._mean: np.ndarray | float = 0.0
        self._squares: np.ndarray | float = 0.0

    def push(self, values: np.ndarray) -> None:
        """Adds values [..., n], worked with in float64."""
        if values.shape[-1]:
            wide = values.astype(np.float64)
            mean = wide.mean(axis=-1)
            self.merge(Pooled(values.shape[-1], mean, np.square(wide - mean[..., None]).sum(axis=-1)))

    def merge(self, other: "Pooled") -> None:
        """Adds what was pooled of other values."""
        n = self._n + other.n
        if n:
            apart = other.mean - self._mean
            self._squares = self._squares + other.squares + np.square(apart) * (self._n * other.n / n)
            self._mean = self._mean + apart * (other.n / n)
            self._n = n

    @property
    def pooled(self) -> "Pooled":
        """All that there is to know of the values so far."""
        return Pooled(self._n, self._mean, self._squares)

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


def pooled_columns(name: str, moments: Moments) -> dict[str, np.ndarray | float | None]:
    """The columns of a row: mean and standard deviation."""
    return {f"{name}_mean": moments.mean, f"{name}_std": moments.std}
