"""One run at a time writes an output."""

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from model.errors import BeamscribeError
from transforms import lease
from transforms.lease import LeaseLostError, hold


def files(output):
    return [path for path in Path(output).rglob("*") if path.is_file()]


def test_second_run_is_told_who_holds_the_output_and_since_when(tmp_path):
    with hold(str(tmp_path)), pytest.raises(BeamscribeError) as refused, hold(str(tmp_path)):
        pass
    line = str(refused.value)
    assert f"(process {os.getpid()}) since 20" in line
    assert "UTC" in line
    assert str(tmp_path) in line
    assert "\n" not in line


def test_output_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with hold(str(tmp_path)) as held:
            held.check()
            assert len(files(tmp_path)) == 1
        assert files(tmp_path) == []


def _hold_until_killed(output, ready):
    with hold(output):
        ready.set()
        time.sleep(60)


def test_lease_of_a_process_that_was_killed_is_stale_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold_until_killed, args=(str(tmp_path), ready))
    process.start()
    assert ready.wait(60)
    with pytest.raises(BeamscribeError, match=f"process {process.pid}"), hold(str(tmp_path)):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with hold(str(tmp_path)) as held:
        held.check()
        assert len(files(tmp_path)) == 1


def test_lease_of_another_machine_expires(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(lease, "_boot_id", lambda: "another")
        other = lease._myself()
        path = lease._path(str(tmp_path), other.lease_id)
        lease._write(path, other)
    with pytest.raises(BeamscribeError, match="is being written by"), hold(str(tmp_path)):
        pass
    lease._write(path, replace(other, renewed_s=time.time() - lease.EXPIRES_S - 1))
    with hold(str(tmp_path)):
        assert not Path(path).exists()


def test_process_number_that_is_used_again_is_not_the_holder(tmp_path):
    mine = lease._myself()
    assert not mine.is_stale
    assert replace(mine, process_started="1").is_stale


def test_lease_that_was_taken_over_does_not_commit(tmp_path):
    with hold(str(tmp_path)) as held:
        for path in files(tmp_path):
            path.unlink()
        with pytest.raises(LeaseLostError, match="nothing was committed"):
            held.check()


def test_lease_is_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.02)
    with hold(str(tmp_path)):
        (path,) = files(tmp_path)
        first = path.read_text()
        deadline = time.monotonic() + 30
        while path.read_text() == first and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path.read_text() != first


def _try_to_hold(output, start, inside, clashes, held):
    start.wait()
    for _ in range(20):
        try:
            with hold(output):
                with inside.get_lock():
                    inside.value += 1
                    clashes.value += inside.value > 1
                held.value += 1
                time.sleep(0.002)
                with inside.get_lock():
                    inside.value -= 1
        except BeamscribeError:
            pass


def test_never_two_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    start, inside, clashes, held = context.Event(), context.Value("i", 0), context.Value("i", 0), context.Value("i", 0)
    processes = [
        context.Process(target=_try_to_hold, args=(str(tmp_path), start, inside, clashes, held)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join()
    assert clashes.value == 0
    assert held.value > 0
