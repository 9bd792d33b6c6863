"""The worker's end of a decoder's process: starting it, talking to it for no longer than agreed, and how it died."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from transforms.decoder_child import EXIT_OUT_OF_MEMORY
from transforms.frames import FrameError, pack, unpack

# A process that is not ready by then never will be.
START_TIMEOUT_S = 120.0
# A wait is made of such, each counted as twice that at most: a worker that was stopped for an hour waited no hour.
_WAIT_S = 1.0
_END_TIMEOUT_S = 10.0


class OutOfTimeError(Exception):
    """The worker has waited for as long as it may."""


@dataclass(frozen=True)
class Death:
    """How a decoder's process ended."""

    # completes "the decoder ..."
    what: str
    # by no fault of the file, as far as one can tell
    from_outside: bool = False


class DecoderDiedError(Exception):
    """The process is gone."""

    def __init__(self, death: Death) -> None:
        super().__init__(death.what)
        self.death = death


class Patience:
    """How long a worker waits for the decoder of one file, in all. The time between waits does not count."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.left_s = limit_s

    @contextmanager
    def spend(self, at_most_s: float = float("inf")) -> Iterator[None]:
        """Counts the time that is spent inside. Raises OutOfTimeError if none is left, before or after."""
        self.check()
        start_s = time.monotonic()
        try:
            yield
        finally:
            self.left_s -= min(time.monotonic() - start_s, at_most_s)
        self.check()

    def check(self) -> None:
        """Raises OutOfTimeError if none is left."""
        if self.left_s <= 0:
            raise OutOfTimeError


class DecoderProcess:
    """A running decoder. Every method but `kill` raises DecoderDiedError, and those that wait OutOfTimeError."""

    def __init__(self, memory_limit_bytes: int, stuck_s: float) -> None:
        """memory_limit_bytes: above what it has at its start. stuck_s: after it, a stuck decoder without a worker ends.

        Raises OSError if no process can be started.
        """
        self._socket, theirs = socket.socketpair()
        arguments = [theirs.fileno(), os.getpid(), memory_limit_bytes, max(1, round(stuck_s))]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "transforms.decoder_child", *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_environment(),
            )
        self.pid = self._process.pid
        try:
            self.receive(Patience(START_TIMEOUT_S))
        except (DecoderDiedError, FrameError, OutOfTimeError) as error:
            self.kill()
            why = str(error) or f"is not ready after {START_TIMEOUT_S:g} s"
            raise DecoderDiedError(Death(f"cannot be started: it {why}", from_outside=True)) from error

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, header: dict[str, Any], body: bytes, patience: Patience) -> None:
        for part in (pack(header, len(body)), body):
            left = memoryview(part)
            while len(left):
                left = left[self._wait(patience, self._socket.send, left) or 0 :]

    def receive(self, patience: Patience) -> tuple[dict[str, Any], bytearray]:
        """The next message: its header, as yet unchecked, and its body. Raises FrameError too."""

        def read(size: int) -> bytearray:
            data = bytearray(size)
            left = memoryview(data)
            while len(left):
                n = self._wait(patience, self._socket.recv_into, left)
                if n == 0:
                    raise DecoderDiedError(self._death())
                left = left[n or 0 :]
            return data

        return unpack(read)

    def kill(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._socket.close()

    def _wait(self, patience: Patience, call: Any, data: memoryview) -> int | None:
        """What `call` gives; None if the time for one wait is up."""
        with patience.spend(at_most_s=2 * _WAIT_S):
            self._socket.settimeout(min(max(patience.left_s, 0.001), _WAIT_S))
            try:
                return call(data)
            except TimeoutError:
                return None
            except OSError as error:
                raise DecoderDiedError(self._death()) from error

    def _death(self) -> Death:
        try:
            status = self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            status = 0
        self.kill()
        if status == EXIT_OUT_OF_MEMORY:
            return Death("needed more memory than it may have")
        if status >= 0:
            return Death(f"ended with exit status {status}")
        return Death(f"was killed by {_signal_name(-status)}", from_outside=-status == signal.SIGKILL)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _environment() -> dict[str, str]:
    """What the process gets of the worker's environment: where its modules are, and no credentials."""
    kept = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PYTHONPATH": os.pathsep.join(filter(None, map(os.path.abspath, sys.path))),
        # threads would cost address space, and there is nothing for them to do
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
