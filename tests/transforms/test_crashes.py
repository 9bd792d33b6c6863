"""Which asset kills the process that works on it."""

import os

import pytest

from transforms import crashes


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(crashes.FOLDER, str(tmp_path))
    return tmp_path


def test_nobody_counts_where_nobody_watches(monkeypatch):
    monkeypatch.delenv(crashes.FOLDER, raising=False)
    crashes.begin("a.wav")
    assert crashes.count_crashes(["a.wav"]) == {}
    assert crashes.suspects() == set()


def test_what_was_begun_and_is_not_done_is_counted(folder):
    for uri in ("a.wav", "b\n☎.wav", "done.wav"):
        crashes.begin(uri)
    assert crashes.suspects() == {"a.wav", "b\n☎.wav", "done.wav"}
    assert crashes.count_crashes(["a.wav", "b\n☎.wav", "not begun.wav"]) == {"a.wav": 1, "b\n☎.wav": 1}
    assert crashes.count_crashes(["a.wav"]) == {"a.wav": 1}
    crashes.begin("a.wav")
    assert crashes.count_crashes(["a.wav", "b\n☎.wav"]) == {"a.wav": 2, "b\n☎.wav": 1}


def test_line_that_was_cut_by_the_crash_counts_for_nothing(folder):
    crashes.begin("a.wav")
    path = folder / crashes.BEGUN.format(pid=os.getpid())
    path.write_text(path.read_text() + '"b.w')
    assert crashes.count_crashes(["a.wav", "b.wav"]) == {"a.wav": 1}


def test_process_that_ended_well_is_forgotten(folder):
    crashes.begin("a.wav")
    crashes.forget()
    assert crashes.count_crashes(["a.wav"]) == {}
