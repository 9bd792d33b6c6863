"""Which assets a process was working on when it died, so that the next one can tell the asset that kills it.

The process that watches over the run (`pipelines.supervise`) names a folder in the environment. Each process that
works writes there which assets it begins; after a crash those that are not done are worked on alone, one after the
other, and what dies alone a second time is given up.
"""

import contextlib
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path

FOLDER = "BEAMSCRIBE_CRASHES"
# what a process of the folder has begun; of a process that ended well there is none
BEGUN = "begun-{pid}.jsonl"
COUNTS = "crashes.json"
MAX_CRASHES = 2
GIVEN_UP = "the process that worked on it died, and died again while it worked on nothing else"

_lock = threading.Lock()


def begin(uri: str) -> None:
    """Says that this process works on an asset from now on."""
    if folder := os.environ.get(FOLDER):
        with _lock, open(Path(folder, BEGUN.format(pid=os.getpid())), "a") as file:
            file.write(json.dumps(uri) + "\n")


def suspects() -> set[str]:
    """The assets that processes had begun which died. Empty where nobody watches, and mostly where somebody does."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return set()
    begun = (uri for path in Path(folder).glob(BEGUN.format(pid="*")) for uri in _lines(path))
    return {*begun, *_counts(Path(folder))}


def count_crashes(unfinished: Iterable[str]) -> dict[str, int]:
    """How many processes died while they worked on each of the unfinished assets. Empty where nobody watches."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return {}
    counts = _counts(Path(folder))
    waiting = set(unfinished)
    for path in Path(folder).glob(BEGUN.format(pid="*")):
        for uri in {uri for uri in _lines(path) if uri in waiting}:
            counts[uri] = counts.get(uri, 0) + 1
        path.unlink()
    Path(folder, COUNTS).write_text(json.dumps(counts))
    return {uri: count for uri, count in counts.items() if uri in waiting}


def forget() -> None:
    """What this process has begun is done: it does not count if the process dies later."""
    if folder := os.environ.get(FOLDER):
        with _lock:
            Path(folder, BEGUN.format(pid=os.getpid())).unlink(missing_ok=True)


def _counts(folder: Path) -> dict[str, int]:
    with contextlib.suppress(FileNotFoundError):
        return dict(json.loads((folder / COUNTS).read_text()))
    return {}


def _lines(path: Path) -> list[str]:
    """The whole lines of a file whose last one may be cut."""
    uris = []
    for line in path.read_text().splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            uris.append(json.loads(line))
    return uris
