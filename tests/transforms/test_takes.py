"""What the recogniser is given of a window."""

import numpy as np
import pytest

from model.recognizer import Hypothesis, TimedText, TimedWord
from transforms.guards import Scene
from transforms.takes import LEAD_S, moved, take_of

WINDOW = 480_000
LEAD = round(LEAD_S * 16_000)


@pytest.mark.parametrize(
    ("length", "speech", "n_lead"),
    [
        (16_000, ((0.0, 1.0),), LEAD),
        (16_000, ((0.15, 1.0),), LEAD - 2_400),
        (16_000, ((0.2, 1.0),), 0),
        (16_000, (), 0),
        (WINDOW - 100, ((0.0, 29.0),), 100),
        (WINDOW, ((0.0, 30.0),), 0),
    ],
)
def test_speech_does_not_begin_with_the_first_sample(length, speech, n_lead):
    samples = np.ones(length, np.float32)
    take = take_of(samples, Scene(length / 16_000, speech), WINDOW)
    waveform = take.padded(WINDOW)
    assert (take.n_lead, waveform.shape, waveform.dtype) == (n_lead, (WINDOW,), np.float32)
    assert np.flatnonzero(waveform).tolist() == list(range(n_lead, n_lead + length))


def test_what_is_heard_is_moved_back():
    words = (TimedWord("so", 0.1, 0.5, 0.9), TimedWord("on", None, None, None))
    heard = Hypothesis((1,), "so on", (TimedText(0.1, 1.0, "so on", (1,), (), words),), 0, 0, 1, 0, "en", None)
    (segment,) = moved(heard, -0.2).segments
    assert (segment.start_s, segment.end_s) == (0.0, pytest.approx(0.8))
    assert [(word.start_s, word.end_s) for word in segment.words] == [(0.0, pytest.approx(0.3)), (None, None)]
    assert moved(heard, 0.0) is heard
