"""How far a run has come: a bar on a terminal, a log line a minute elsewhere."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from transforms import progress

log = logging.getLogger(__name__)

BAR_EVERY_S = 0.5
LINE_EVERY_S = 60.0


@contextmanager
def watch(n_assets: int, n_bytes: int) -> Iterator[None]:
    """Reports on the run inside the block, from a thread of its own."""
    progress.reset()
    finished = threading.Event()
    on_terminal = sys.stderr.isatty()
    reporter = threading.Thread(
        target=_bar if on_terminal else _lines, args=(n_assets, n_bytes, finished), daemon=True, name="progress"
    )
    reporter.start()
    try:
        yield
    finally:
        finished.set()
        reporter.join()


def _bar(n_assets: int, n_bytes: int, finished: threading.Event) -> None:
    started = time.monotonic()
    with tqdm(total=n_bytes, unit="B", unit_scale=True, bar_format="{l_bar}{bar}| {postfix}", leave=False) as bar:
        while not finished.wait(BAR_EVERY_S):
            now = progress.snapshot()
            bar.n = min(now.bytes_done, n_bytes)
            bar.set_postfix_str(describe(now, n_assets, n_bytes, time.monotonic() - started))


def _lines(n_assets: int, n_bytes: int, finished: threading.Event) -> None:
    started = time.monotonic()
    while not finished.wait(LINE_EVERY_S):
        log.info(describe(progress.snapshot(), n_assets, n_bytes, time.monotonic() - started))


def describe(now: progress.Progress, n_assets: int, n_bytes: int, elapsed_s: float) -> str:
    """Hours done and in all (extrapolated by bytes), speed as a multiple of real time, time to go."""
    parts = [f"{now.assets_done} of {n_assets} assets", f"{now.audio_s / 3600:.2f} h"]
    if now.bytes_done and now.audio_s:
        share = min(1.0, now.bytes_done / n_bytes)
        to_go_s = elapsed_s * (1 - share) / share
        parts[-1] += f" of about {now.audio_s / share / 3600:.2f} h"
        parts.append(f"{now.audio_s / elapsed_s:.1f} times real time")
        parts.append(f"about {to_go_s / 60:.0f} min to go" if to_go_s >= 90 else f"about {to_go_s:.0f} s to go")
    return ", ".join(parts)
