"""How far a run has come: a bar on a terminal, a log line a minute elsewhere."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any, TextIO

from tqdm import tqdm

from transforms import progress
from transforms.estimates import length_text

log = logging.getLogger(__name__)

BAR_EVERY_S = 0.5
LINE_EVERY_S = 60.0


@contextmanager
def watch(n_assets: int, n_bytes: int, elsewhere: str | None = None) -> Iterator[None]:
    """Reports on the run inside the block, from a thread of its own.

    elsewhere: the runner, where its workers are other processes: what they have done is not known here.
    """
    progress.reset()
    finished = threading.Event()
    terminal = sys.stderr
    target: Callable[..., None] = _lines
    args: tuple[Any, ...] = ()
    if elsewhere:
        target, args = _runs_elsewhere, (elsewhere,)
    elif terminal.isatty():
        target, args = _bar, (terminal,)
    reporter = threading.Thread(target=target, args=(n_assets, n_bytes, finished, *args), daemon=True, name="progress")
    reporter.start()
    try:
        with workers_muted():
            yield
    finally:
        finished.set()
        reporter.join()


@contextmanager
def workers_muted() -> Iterator[None]:
    """Beam's workers print the traceback of a failed bundle to standard error; it is told of once, in one line."""
    if log.isEnabledFor(logging.DEBUG):
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        yield


def _bar(n_assets: int, n_bytes: int, finished: threading.Event, terminal: TextIO) -> None:
    started = time.monotonic()
    with tqdm(total=n_bytes, bar_format="{l_bar}{bar}| {postfix}", leave=False, file=terminal) as bar:
        while not finished.wait(BAR_EVERY_S):
            now = progress.snapshot()
            bar.n = round(share_done(now, n_bytes) * n_bytes)
            bar.set_postfix_str(describe(now, n_assets, n_bytes, time.monotonic() - started))


def _lines(n_assets: int, n_bytes: int, finished: threading.Event) -> None:
    started = time.monotonic()
    while not finished.wait(LINE_EVERY_S):
        log.info(describe(progress.snapshot(), n_assets, n_bytes, time.monotonic() - started))


def _runs_elsewhere(n_assets: int, n_bytes: int, finished: threading.Event, runner: str) -> None:
    started = time.monotonic()
    log.info("%d assets, %.2f GB, are with %s; its own page tells how far it is", n_assets, n_bytes / 1e9, runner)
    while not finished.wait(LINE_EVERY_S):
        log.info("%s has been at work for %.0f min", runner, (time.monotonic() - started) / 60)


def share_done(now: progress.Progress, n_bytes: int) -> float:
    """How much of a run is done: bytes read, less what of them still waits to be recognised."""
    read = min(1.0, now.bytes_done / n_bytes) if n_bytes else 0.0
    return read * now.windows_done / now.windows_found if now.windows_found else read


def describe(now: progress.Progress, n_assets: int, n_bytes: int, elapsed_s: float) -> str:
    """Hours done and in all (extrapolated by bytes), speed as a multiple of real time, time to go."""
    parts = [f"{now.assets_done} of {n_assets} assets read"]
    share = share_done(now, n_bytes)
    if share and now.audio_s:
        all_s = now.audio_s * n_bytes / now.bytes_done
        to_go_s = elapsed_s * (1 - share) / share
        parts.append(f"{length_text(share * all_s)} of about {length_text(all_s)}")
        parts.append(f"{share * all_s / elapsed_s:.1f} times real time")
        parts.append(f"about {to_go_s / 60:.0f} min to go" if to_go_s >= 90 else f"about {to_go_s:.0f} s to go")
    elif now.recognized_s:
        # no file was read to its end yet: nothing tells how much there is
        parts.append(f"{length_text(now.recognized_s)} of speech, {now.recognized_s / elapsed_s:.1f} times real time")
    return ", ".join(parts)
