"""Long recordings, divided."""

from pathlib import Path

import numpy as np
import pytest

from model.recognizer import DecodeOptions
from model.registry import resolve_model
from tests.conftest import REPOSITORY
from transforms import storage
from transforms.assets import Asset, StagedWindows, WorkItem
from transforms.heard import Heard
from transforms.listen import DivideIntoStretches, FindSpeech, ListenOptions
from transforms.recognize import ModelUse, WindowTask
from transforms.seal import Seal
from transforms.site import Site
from transforms.speech import SpeechOptions
from transforms.stretches import read_stretch, write_stretch
from transforms.windows import Span, Window

ITEM = WorkItem(Asset("call.wav", "caf\udce9.wav", 1000, 1, tracks=()), "c", 2, "k", StagedWindows(), None, 3)
# short enough that one sample makes several windows
SPEECH = SpeechOptions(max_window_s=5.0, max_extent_s=10.0, max_gap_s=0.6)


def as_text(task):
    return repr((task.item, task.channel, task.language, task.window.index, task.window.spans, task.window.speech))


@pytest.mark.parametrize("seal", [None, Seal(b"k" * 32)], ids=["open", "sealed"])
def test_windows_come_back_to_the_last_bit(tmp_path, seal):
    spans = (Span(5, 805), Span(1000, 1100))
    samples = np.random.default_rng(7).normal(0, 1, (3, 900)).astype(np.float32)
    samples[0, 0] = np.float32(1e-40)
    tasks = [WindowTask(ITEM, 1, Window(i + 4, spans, spans[:1], samples[i][: 900 - i]), "de") for i in range(3)]
    back = list(read_stretch(write_stretch(str(tmp_path), tasks, seal), seal))
    assert list(map(as_text, back)) == list(map(as_text, tasks))
    for task, other in zip(tasks, back, strict=True):
        np.testing.assert_array_equal(task.window.samples, other.window.samples, strict=True)


def test_sealed_stretch_is_for_who_has_the_key(tmp_path):
    spans = (Span(0, 100),)
    task = WindowTask(ITEM, None, Window(0, spans, spans, np.zeros(100, np.float32)), None)
    stretch = write_stretch(str(tmp_path), [task], Seal(b"k" * 32))
    assert ITEM.asset.uri.encode() not in Path(stretch.path).read_bytes()
    with pytest.raises(OSError, match="another key"):
        next(read_stretch(stretch, Seal(b"l" * 32)))


@pytest.fixture
def listened(tiny_en, monkeypatch, tmp_path):
    """listened(DoFn class, item, *arguments): all that the step yields."""

    def run(step_class, item, *arguments):
        options = ListenOptions("separate", "en", SPEECH)
        step = step_class(options, ModelUse(resolve_model("tiny.en"), DecodeOptions(), 4), Site(), *arguments)
        step.setup()
        try:
            return [getattr(found, "value", found) for found in step.process(item)]
        finally:
            step.teardown()

    return run


@pytest.mark.parametrize("n_windows", [1, 2, 100])
def test_stretches_hold_what_an_undivided_recording_gives(listened, monkeypatch, tmp_path, n_windows):
    monkeypatch.setattr("transforms.listen.STRETCH_WINDOWS", n_windows)
    path = str(REPOSITORY / "samples" / "support_call.mp3")
    info = storage.stat(path)
    item = WorkItem(Asset(path, path, info.size_bytes, info.modified_at_us), "c", 1, "k")
    *whole, heard = listened(FindSpeech, item)
    *stretches, heard_divided = listened(DivideIntoStretches, item, str(tmp_path))
    assert isinstance(heard, Heard)
    assert heard_divided == heard
    by_stretch = [listened(FindSpeech, stretch) for stretch in stretches]
    assert all(len({task.channel for task in tasks}) == 1 and len(tasks) <= n_windows for tasks in by_stretch)
    divided = [task for tasks in by_stretch for task in tasks]
    assert len({task.channel for task in whole}) == 2
    assert list(map(as_text, divided)) == list(map(as_text, whole))
    assert all(np.array_equal(a.window.samples, b.window.samples) for a, b in zip(whole, divided, strict=True))
