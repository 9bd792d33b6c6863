"""One run at a time writes an output: who does says so in it, and says it again while it lives.

Every run that wants to write puts a lease of its own below `OUTPUT/_beamscribe/leases/` and then looks for others. If
there is a live one it takes its own back: of two that come at once, both may go, and never both stay, on any store
whose listings show what was written before (local disks, S3, GCS and Azure do). A lease that was not renewed for
EXPIRES_S is stale, and at once where its process is known to be gone.
"""

import contextlib
import json
import logging
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path

from model.errors import BeamscribeError
from transforms import storage
from transforms.layout import LEASES, STAGING

log = logging.getLogger(__name__)

RENEW_EVERY_S = 20.0
EXPIRES_S = 120.0
# two that come at once both step back, for a while that differs
N_TRIES = 3
MAX_WAIT_S = 1.0


@dataclass(frozen=True)
class Holder:
    """A run that writes an output."""

    lease_id: str
    user: str
    host: str
    # of this start of the machine; processes of another are gone
    boot_id: str
    pid: int
    # in clock ticks since the machine started: numbers of processes are used again
    process_started: str
    since_s: float
    renewed_s: float

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since_s, UTC)
        seen_s = max(0.0, time.time() - self.renewed_s)
        return (
            f"{self.user}@{self.host} (process {self.pid}) since {since:%Y-%m-%d %H:%M:%S} UTC, seen {seen_s:.0f} s ago"
        )

    @property
    def is_stale(self) -> bool:
        """Whether it will never come back."""
        if self.boot_id and (self.host, self.boot_id) == (socket.gethostname(), _boot_id()):
            return _process_started(self.pid) != self.process_started
        return time.time() - self.renewed_s > EXPIRES_S


class LeaseLostError(Exception):
    """Another run has taken the output over, because this one was not heard of for too long."""


class Lease:
    """The right to write an output, renewed by a thread of its own until it is given back."""

    def __init__(self, output: str, holder: Holder) -> None:
        self._path = _path(output, holder.lease_id)
        self._holder = holder
        self._renewed_s = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True, name="lease")
        self._thread.start()

    def check(self) -> None:
        """Raises LeaseLostError where the output may no longer be written."""
        if time.monotonic() - self._renewed_s > EXPIRES_S or storage.stat(self._path) is None:
            raise LeaseLostError("another run has taken the output over; nothing was committed")

    def give_back(self) -> None:
        self._ended.set()
        self._thread.join()
        # where the store is away, the lease expires
        with contextlib.suppress(OSError):
            storage.delete([self._path])

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_EVERY_S):
            # a store that is away for a moment: the next time, or `check`, tells
            with contextlib.suppress(OSError):
                if storage.stat(self._path) is not None:
                    _write(self._path, replace(self._holder, renewed_s=time.time()))
                    self._renewed_s = time.monotonic()


@contextlib.contextmanager
def hold(output: str) -> Iterator[Lease]:
    """The right to write an output while the block runs. BeamscribeError names who holds it. May raise OSError."""
    lease = Lease(output, _claim(output))
    try:
        yield lease
    finally:
        lease.give_back()


def _claim(output: str) -> Holder:
    for number in range(N_TRIES):
        mine = _myself()
        path = _path(output, mine.lease_id)
        _write(path, mine)
        others = [other for other in _holders(output) if other.lease_id != mine.lease_id]
        live = [other for other in others if not other.is_stale]
        if not live:
            storage.delete(_path(output, other.lease_id) for other in others)
            return mine
        storage.delete([path])
        if number < N_TRIES - 1:
            time.sleep(random.uniform(0, MAX_WAIT_S))
    raise BeamscribeError(
        f"--output {output} is being written by {live[0]}; wait for that run to end, or choose another output "
        f"(a run that is gone is forgotten after {EXPIRES_S:.0f} s)"
    )


def _holders(output: str) -> list[Holder]:
    holders = []
    for info in storage.list_files(storage.join(output, STAGING, LEASES)):
        # given back since it was listed, or of a run that died while it wrote: no claim
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
            holders.append(Holder(**json.loads(storage.read_whole(info.path))))
    return holders


def _path(output: str, lease_id: str) -> str:
    return storage.join(output, STAGING, LEASES, f"{lease_id}.json")


def _write(path: str, holder: Holder) -> None:
    storage.write_whole(path, json.dumps(asdict(holder)).encode())


def _myself() -> Holder:
    now_s = time.time()
    return Holder(
        lease_id=f"{os.getpid()}-{random.getrandbits(64):016x}",
        user=_user(),
        host=socket.gethostname(),
        boot_id=_boot_id(),
        pid=os.getpid(),
        process_started=_process_started(os.getpid()),
        since_s=now_s,
        renewed_s=now_s,
    )


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError):  # a container's user without a name
        return str(os.getuid())


def _boot_id() -> str:
    """Empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _process_started(pid: int) -> str:
    """Empty where there is no such process. See proc(5), fields 3 and 22 of stat; the name before may hold spaces."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in ("Z", "X") else fields[18]
