"""Which language is spoken in a recording: asked of several of its windows, decided by the sum of their answers."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from model.recognizer import Recognizer
from transforms.assets import Track
from transforms.takes import take_of, waveforms_of
from transforms.windows import Window

# as many windows at a recording's start are asked: up to two minutes of speech
N_ASKED = 4


class Spoken(NamedTuple):
    """A language and its probability. No code: each window is left to itself. No probability: it was given."""

    code: str | None
    probability: float | None


Identify = Callable[[Sequence[Window]], Spoken]


def identify_language(windows: Sequence[Window], model: Recognizer) -> Spoken:
    """The language with the highest mean probability over the windows, each counted by its length."""
    takes = [take_of(window, model.window_samples) for window in windows]
    waveforms = waveforms_of(takes, model.window_samples)
    lengths = [len(window.samples) for window in windows]
    sums: dict[str, float] = {}
    for length, probabilities in zip(lengths, model.identify(waveforms), strict=True):
        for code, probability in probabilities.items():
            sums[code] = sums.get(code, 0.0) + length * probability
    best = max(sorted(sums), key=lambda code: sums[code])
    return Spoken(best, sums[best] / sum(lengths))


def language_of(windows: Iterator[Window], track: Track, identify: Identify | None) -> tuple[Spoken, Iterator[Window]]:
    """The language of a channel, and its windows again. A lone window is left to itself: it is asked anyway."""
    if track.language or identify is None:
        return Spoken(track.language, None), windows
    first = list(itertools.islice(windows, N_ASKED))
    spoken = identify(first) if len(first) > 1 else Spoken(None, None)
    return spoken, itertools.chain(first, windows)
