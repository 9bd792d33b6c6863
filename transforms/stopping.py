"""A run that is asked to stop: it finishes the batch in hand and commits what is whole.

The request lies in a module, like the counters of `transforms.progress`: all threads of a process see it. Workers in
other processes find it in a file.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from transforms import storage

# a terminal sends the signal to all processes of a command, and a parent may pass it on
REPEATED_WITHIN_S = 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)

# between two looks at a file that says that the run is to stop: a request, on an object store
LOOK_EVERY_S = 5.0

_requested = threading.Event()
# where this process looks, and when it did last
_stop_path: str | None = None
_looked_at_s = 0.0


class Stop:
    """Which signal has asked this run to stop, if one has."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._at_s = 0.0

    @property
    def exit_status(self) -> int | None:
        """130 for SIGINT, 143 for SIGTERM, as shells count."""
        return None if self.signal is None else 128 + self.signal

    def handle(self, number: int, _: FrameType | None) -> None:
        """The first signal asks; another one, a while later, ends the process where it stands."""
        if self.signal is not None and time.monotonic() - self._at_s > REPEATED_WITHIN_S:
            raise KeyboardInterrupt
        if self.signal is None:
            self._at_s = time.monotonic()
        self.signal = number
        _requested.set()


@contextmanager
def on_signals() -> Iterator[Stop]:
    """SIGINT and SIGTERM ask the run inside the block to stop. In a thread other than the main one they cannot."""
    _requested.clear()
    stop = Stop()
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, stop.handle) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _requested.clear()


@contextmanager
def passed_on(stop_path: str | None) -> Iterator[None]:
    """Says so in a file, for workers in other processes, when the run inside the block is asked to stop."""
    if stop_path is None:
        yield
        return
    ended = threading.Event()

    def wait() -> None:
        while not ended.wait(0.2):
            if _requested.is_set():
                storage.write_whole(stop_path, b"stop\n")
                return

    teller = threading.Thread(target=wait, daemon=True, name="stop")
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def look_for(stop_path: str | None) -> None:
    """Tells this process where it is said that the run is to stop; None: in the process itself."""
    global _stop_path, _looked_at_s
    _stop_path, _looked_at_s = stop_path, 0.0


def requested() -> bool:
    """Whether the run is to come to its end."""
    global _looked_at_s
    if _requested.is_set():
        return True
    if _stop_path is None or time.monotonic() - _looked_at_s < LOOK_EVERY_S:
        return False
    _looked_at_s = time.monotonic()
    return storage.exists(_stop_path)
