"""Channels: mixed into one, or found to carry the same sound, or sounds that have nothing in common."""

from collections.abc import Iterable, Iterator

import numpy as np

_WINDOW_SAMPLES = 4096
# The same sound, coded twice, differs by rounding and dither: 60 dB below the sound, or -80 dBFS where it is faint.
_MAX_RELATIVE_POWER = 1e-6
_MAX_POWER = 1e-8
# A channel 30 dB below another adds nothing to a mix; spaced microphones before one speaker correlate well above 0.2
_MIN_RELATIVE_POWER = 1e-3
_MIN_CORRELATION = 0.2


def mix(block: np.ndarray) -> np.ndarray:
    """The mean over the channels: [n, channels] -> [n] float32."""
    return block.mean(axis=1, dtype=np.float32)


class Likeness:
    """Whether channels, as their blocks [n, channels] are pushed, are alike enough to be mixed into one.

    Microphones of one room hear the same; the two sides of a call do not, and speak over each other in a mix.
    """

    def __init__(self) -> None:
        self._products: np.ndarray | None = None

    def push(self, block: np.ndarray) -> None:
        """Adds a block, all of one number of channels."""
        wide = block.astype(np.float64)
        products = wide.T @ wide
        self._products = products if self._products is None else self._products + products

    @property
    def unlike(self) -> bool:
        """Whether some channel that is not much weaker than the loudest has little in common with it."""
        if self._products is None or len(self._products) < 2:
            return False
        power = np.diag(self._products)
        loudest = int(power.argmax())
        heard = power > power[loudest] * _MIN_RELATIVE_POWER
        correlation = np.abs(self._products[loudest]) / np.sqrt(np.maximum(power * power[loudest], 1e-30))
        return bool((heard & (correlation < _MIN_CORRELATION)).any())


def same_channels(blocks: Iterable[np.ndarray]) -> bool:
    """Whether all channels of a stream of blocks [n, channels] carry one sound ("dual mono").

    Reads no further than it takes to be sure that they differ. Silence does not decide: silent channels are the same
    if nothing else follows, while a silent channel beside one with speech differs from it.
    """
    return not any(_differ(window) for window in _windows(blocks))


def _windows(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The stream in windows of one length, so that the verdict does not depend on the blocks."""
    rest: np.ndarray | None = None
    for block in blocks:
        rest = block if rest is None else np.concatenate((rest, block))
        n_whole = len(rest) - len(rest) % _WINDOW_SAMPLES
        yield from (rest[start : start + _WINDOW_SAMPLES] for start in range(0, n_whole, _WINDOW_SAMPLES))
        rest = rest[n_whole:]
    if rest is not None and len(rest):
        yield rest


def _differ(window: np.ndarray) -> bool:
    power = np.square(window).mean(axis=0)
    difference = np.square(window[:, 1:] - window[:, :1]).mean(axis=0)
    loudest = np.maximum(power[1:], power[0])
    return bool((difference > np.maximum(loudest * _MAX_RELATIVE_POWER, _MAX_POWER)).any())
