"""A run that is asked to stop: it finishes the batch in hand and commits what is whole.

The request lies in a module, like the counters of `transforms.progress`: all threads of a process see it.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# a terminal sends the signal to all processes of a command, and a parent may pass it on
REPEATED_WITHIN_S = 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)

_requested = threading.Event()


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


def requested() -> bool:
    """Whether the run is to come to its end."""
    return _requested.is_set()
