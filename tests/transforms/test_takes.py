"""What the recogniser is given of a window."""

import numpy as np
import pytest

from model.recognizer import Hypothesis, TimedText, TimedWord
from transforms.takes import LEAD_S, begins_loud, moved, take_of
from transforms.windows import Span, Window

WINDOW = 480_000
LEAD = round(LEAD_S * 16_000)


def window(length, onset, start=0):
    """A window of samples of level 1 after 0.1 s of level `onset`."""
    samples = np.concatenate([np.full(1_600, onset, np.float32), np.ones(length - 1_600, np.float32)])
    return Window(0, (Span(start, start + length),), (), samples)


@pytest.mark.parametrize(
    ("length", "onset", "n_lead"),
    [
        (16_000, 1.0, LEAD),
        (16_000, 0.06, LEAD),
        (16_000, 0.05, 0),
        (16_000, 0.0, 0),
        (WINDOW - 100, 1.0, 100),
        (WINDOW, 1.0, 0),
    ],
)
def test_recordings_that_begin_loud_get_a_moment_of_silence(length, onset, n_lead):
    samples = window(length, onset).samples
    take = take_of(window(length, onset), WINDOW)
    waveform = take.padded(WINDOW)
    assert (take.n_lead, waveform.shape, waveform.dtype) == (n_lead, (WINDOW,), np.float32)
    np.testing.assert_array_equal(waveform, np.pad(samples, (n_lead, WINDOW - n_lead - length)))


def test_later_windows_and_silence_get_none():
    assert take_of(window(16_000, 1.0, start=1_700), WINDOW).n_lead == 0
    assert not begins_loud(np.zeros(16_000, np.float32))
    assert not begins_loud(np.zeros(0, np.float32))


def test_what_is_heard_is_moved_back():
    words = (TimedWord("so", 0.1, 0.5, 0.9), TimedWord("on", None, None, None))
    heard = Hypothesis((1,), "so on", (TimedText(0.1, 1.0, "so on", (1,), (), words),), 0, 0, 1, 0, "en", None)
    (segment,) = moved(heard, -0.2).segments
    assert (segment.start_s, segment.end_s) == (0.0, pytest.approx(0.8))
    assert [(word.start_s, word.end_s) for word in segment.words] == [(0.0, pytest.approx(0.3)), (None, None)]
    assert moved(heard, 0.0) is heard
