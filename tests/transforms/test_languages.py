"""One language for a recording, from several of its windows."""

import numpy as np
import pytest

from transforms.assets import Track
from transforms.languages import N_ASKED, Spoken, identify_language, language_of
from transforms.windows import Span, Window


def window(index, length_s=1.0):
    samples = np.zeros(round(length_s * 16_000), np.float32)
    return Window(index, (Span(0, len(samples)),), (), samples)


class Model:
    window_samples = 480_000
    window_lengths = (480_000,)
    multilingual = False

    def __init__(self, *answers):
        self.answers = answers

    def identify(self, waveforms):
        assert [len(row) for row in waveforms] == [self.window_samples] * len(self.answers)
        return list(self.answers)


def test_majority_is_by_probability_and_length():
    model = Model({"de": 0.9, "nl": 0.1}, {"de": 0.3, "nl": 0.7}, {"de": 0.4, "nl": 0.6})
    assert identify_language([window(0), window(1), window(2)], model) == Spoken("de", pytest.approx(1.6 / 3))
    spoken = identify_language([window(0, 1.0), window(1, 2.0), window(2, 1.0)], model)
    assert spoken == Spoken("nl", pytest.approx(2.1 / 4))


@pytest.mark.parametrize("n_windows", [0, 1, 2, N_ASKED, N_ASKED + 3])
def test_first_windows_are_asked_and_none_is_lost(n_windows):
    asked = []

    def identify(windows):
        asked.append([w.index for w in windows])
        return Spoken("fr", 0.8)

    spoken, windows = language_of(iter([window(i) for i in range(n_windows)]), Track(None, None), identify)
    assert [w.index for w in windows] == list(range(n_windows))
    assert asked == ([list(range(min(n_windows, N_ASKED)))] if n_windows > 1 else [])
    assert spoken == (Spoken("fr", 0.8) if n_windows > 1 else Spoken(None, None))


def test_given_language_is_not_asked_for():
    spoken, windows = language_of(iter([window(0), window(1)]), Track(None, "it"), lambda _: pytest.fail("asked"))
    assert (spoken, len(list(windows))) == (Spoken("it", None), 2)
