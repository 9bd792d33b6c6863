"""Watches over a run on this machine: where its process is killed, another one goes on.

The process that works is forked from one that does nothing but wait, before TensorFlow and Beam are loaded. What was
done is in the staged results; on which assets the process died is in a folder (`transforms.crashes`).
"""

import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from transforms import crashes

# the default, and Beam's own name for what it comes to
LOCAL_RUNNERS = ("FnApiRunner", "DirectRunner")
# an asset that kills is given up after two deaths; a machine without memory kills with every asset
MAX_DEATHS = 50
# deaths in a row before any asset was begun: it is not an asset that kills
MAX_IDLE_DEATHS = 2
# linux/prctl.h
PR_SET_PDEATHSIG = 1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def is_local(argv: Sequence[str]) -> bool:
    """Whether a command line asks for a run in processes of this machine."""
    for flag, value in zip(argv, [*argv[1:], ""], strict=True):
        if flag == "--runner":
            return value in LOCAL_RUNNERS
        if flag.startswith("--runner="):
            return flag.removeprefix("--runner=") in LOCAL_RUNNERS
    return True


def watch_over(work: Callable[[], int]) -> int:
    """Runs `work` in a forked process, again where that is killed. Returns the exit status of the last."""
    with tempfile.TemporaryDirectory(prefix="beamscribe-") as folder:
        os.environ[crashes.FOLDER] = folder
        n_idle = 0
        for _ in range(MAX_DEATHS):
            asked, status = _fork(work)
            if status >= 0:
                return status
            if asked:
                return 128 + asked
            n_idle = 0 if any(Path(folder).glob(crashes.BEGUN.format(pid="*"))) else n_idle + 1
            killed_by = signal.Signals(-status).name
            if n_idle == MAX_IDLE_DEATHS:
                break
            print(f"beamscribe: the working process was killed by {killed_by}; another one goes on", file=sys.stderr)
    print(
        f"beamscribe: the working process was killed by {killed_by} again and again; give the machine more memory, or "
        "say with --max_memory what there is; nothing is lost, run again",
        file=sys.stderr,
    )
    return 1


def _fork(work: Callable[[], int]) -> tuple[int, int]:
    """The signal that asked this process to stop, or 0, and the status of the other: negative where it was killed."""
    asked = [0]
    child = os.fork()
    if child == 0:
        _work_and_leave(work)

    def pass_on(number: int, _: FrameType | None) -> None:
        asked[0] = number
        os.kill(child, number)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    _, status = os.waitpid(child, 0)
    for number, handler in before.items():
        signal.signal(number, handler)
    return asked[0], os.waitstatus_to_exitcode(status)


def _work_and_leave(work: Callable[[], int]) -> None:
    _stop_with_parent()
    status = 1
    try:
        status = work()
    except SystemExit as ended:  # --help
        status = ended.code if isinstance(ended.code, int) else 0
    except Exception:  # noqa: BLE001 - the process ends here, and says why as any other would
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _stop_with_parent() -> None:
    """Asks this process to stop when the one that watches over it is gone: nobody would know that it still works."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):  # Linux
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
