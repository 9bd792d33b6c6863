"""SIGINT and SIGTERM ask a run to stop."""

import os
import signal
import time

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
