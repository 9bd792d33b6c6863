"""SIGINT and SIGTERM ask a run to stop."""

import os
import signal
import time
from pathlib import Path

import pytest

from transforms import stopping


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_asks_and_is_told_as_shells_count(number, status):
    with stopping.on_signals() as stop:
        assert (stop.exit_status, stopping.requested()) == (None, False)
        os.kill(os.getpid(), number)
        assert (stop.exit_status, stopping.requested()) == (status, True)
    assert not stopping.requested()


def test_signal_that_comes_twice_at_once_is_one(monkeypatch):
    with stopping.on_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.exit_status == 130


def test_second_signal_a_while_later_ends_at_once(monkeypatch):
    monkeypatch.setattr(stopping, "REPEATED_WITHIN_S", 0.01)
    with stopping.on_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with stopping.on_signals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_workers_elsewhere_find_it_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(stopping, "LOOK_EVERY_S", 0.0)
    path = str(tmp_path / "run" / "stop")
    stopping.look_for(path)
    try:
        with stopping.on_signals(), stopping.passed_on(path):
            assert not stopping.requested()
            assert not Path(path).exists()
            os.kill(os.getpid(), signal.SIGTERM)
            end_s = time.monotonic() + 10
            while not Path(path).exists() and time.monotonic() < end_s:
                time.sleep(0.05)
        # outside of the block the signal is forgotten, as in a process that never had it: the file tells
        assert stopping.requested()
        Path(path).unlink()
        assert not stopping.requested()
    finally:
        stopping.look_for(None)


def test_file_is_looked_for_now_and_then_only(tmp_path, monkeypatch):
    looked = []
    monkeypatch.setattr(stopping.storage, "exists", lambda path: bool(looked.append(path)))
    stopping.look_for("s3://bucket/stop")
    try:
        assert not any(stopping.requested() for _ in range(100))
    finally:
        stopping.look_for(None)
    assert looked == ["s3://bucket/stop"]
