"""Windows through a recogniser."""

from dataclasses import replace

import numpy as np
import pytest

from model.recognizer import Hypothesis, TimedText
from transforms.assets import Asset, WorkItem
from transforms.recognize import DoubtfulWindow, RecognizedWindow, WindowTask, recognize, recognize_again
from transforms.windows import Span, Window


class Listener:
    """Hears the level of a window, and cannot stand the number 13."""

    window_samples = 480_000
    window_lengths = (480_000,)
    multilingual = False

    def __init__(self):
        self.batches = []

    def recognize(self, waveforms, languages):
        self.batches.append(len(waveforms))
        if 13 in [row.max() for row in waveforms]:
            raise ArithmeticError("thirteen")
        return [
            Hypothesis((), f"{row.max():g}", (), 0.0, 0.0, 1.0, 0.0, language or "xx", None)
            for row, language in zip(waveforms, languages, strict=True)
        ]


def task(value, language="en"):
    span = (Span(0, 800),)
    return WindowTask(
        WorkItem(Asset(f"{value}.wav", f"{value}.wav", 1, 1), "c", 1, "key"),
        None,
        Window(0, span, span, np.full(800, value, np.float32)),
        language,
    )


def test_results_keep_order_and_identity():
    results = recognize([task(1), task(2, None)], Listener())
    assert [(r.uri, r.hypothesis.text, r.hypothesis.language) for r in results] == [
        ("1.wav", "1", "en"),
        ("2.wav", "2", "xx"),
    ]


@pytest.mark.parametrize("bad", range(8))
def test_window_that_breaks_the_model_costs_no_other_window(bad):
    results = recognize([task(13 if i == bad else i) for i in range(8)], Listener())
    assert [r.hypothesis.text if r.hypothesis else r.error for r in results] == [
        ("ArithmeticError", "thirteen") if i == bad else str(i) for i in range(8)
    ]


class Hasty(Listener):
    """Unsure of windows that are cut short; what it hears is how long they were."""

    window_lengths = (160_000, 320_000, 480_000)

    def recognize(self, waveforms, languages):
        lengths = [len(row) for row in waveforms]
        self.batches.append(lengths)
        segment = TimedText(0.0, 28.0, "all of it", ())
        sure = Hypothesis((), "", (segment,), -0.2, 0.0, 1.0, 0.0, "en", None)
        return [replace(sure, text=f"{n}", avg_logprob=-0.9 if n == 160_000 else -0.2) for n in lengths]


def long_task(uri, seconds):
    span = (Span(0, seconds * 16_000),)
    window = Window(0, span, span, np.full(seconds * 16_000, 0.5, np.float32))
    return WindowTask(WorkItem(Asset(uri, uri, 1, 1), "c", 1, "key"), None, window, "en")


def test_short_windows_are_cut_and_heard_in_full_where_they_do_not_hold():
    tasks, model = [long_task("a", 9), long_task("b", 4), long_task("c", 28)], Hasty()
    first = recognize(tasks, model)
    # with the silence after them, and that before a loud beginning
    assert model.batches == [[160_000, 320_000, 480_000]]
    assert [type(result) for result in first] == [RecognizedWindow, DoubtfulWindow, RecognizedWindow]
    (again,) = recognize_again([first[1]], model)
    assert again.hypothesis.text == "480000"
    model.multilingual = True
    assert [r.hypothesis.text for r in recognize([replace(tasks[0], language=None)], model)] == ["480000"]
