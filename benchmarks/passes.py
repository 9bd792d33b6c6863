"""Our recogniser in the benchmark's own process, without Beam: windows, pools, and both passes with all guards."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from model.recognizer import BATCH_WINDOWS, POOL_BATCHES, SAMPLE_RATE_HZ, Recognizer
from model.vad import VoiceActivityDetector
from transforms.assets import Asset, WorkItem
from transforms.decoder import Decoder
from transforms.listen import ListenOptions, listen
from transforms.recognize import (
    WINDOW_PARTS,
    DoubtfulWindow,
    RecognizedWindow,
    RecognizerHandler,
    WindowTask,
    recognize,
    recognize_again,
)
from transforms.speech import SpeechOptions
from transforms.windows import cut_windows

BLOCK_SAMPLES = 60 * SAMPLE_RATE_HZ
LISTEN = ListenOptions(channels="mix", language="en", speech=SpeechOptions())


def windows_of(path: str, samples: np.ndarray, detector: VoiceActivityDetector) -> list[WindowTask]:
    """The windows of a recording's samples [n] at SAMPLE_RATE_HZ, as the pipeline cuts them."""
    blocks = np.split(samples, range(BLOCK_SAMPLES, len(samples), BLOCK_SAMPLES))
    return [WindowTask(_item(path), None, window, "en") for window in cut_windows(blocks, detector, SpeechOptions())]


def listen_to(path: str, detector: VoiceActivityDetector, decoder: Decoder) -> list[WindowTask]:
    """The windows of a file as the pipeline finds them, with its decoder in a process beside.

    RuntimeError where something is wrong with the file.
    """
    tasks = []
    for found in listen(_item(path), LISTEN, detector, decoder):
        if isinstance(found, WindowTask):
            tasks.append(found)
        elif found.failure:
            raise RuntimeError(f"{path}: {found.failure.message}")
    return tasks


def _item(path: str) -> WorkItem:
    facts = Path(path).stat()
    return WorkItem(Asset(path, path, facts.st_size, facts.st_mtime_ns // 1000), "", 1)


def pools(tasks: Sequence[WindowTask], batch_windows: int) -> Iterator[list[WindowTask]]:
    """As the pipeline gathers them."""
    pool: list[WindowTask] = []
    size = 0
    for task in tasks:
        own = RecognizerHandler.size_of(task)
        if size + own > POOL_BATCHES * batch_windows * WINDOW_PARTS:
            yield pool
            pool, size = [], 0
        pool.append(task)
        size += own
    if pool:
        yield pool


def first_pass(
    tasks: Sequence[WindowTask], model: Recognizer, batch_windows: int = BATCH_WINDOWS
) -> list[RecognizedWindow | DoubtfulWindow]:
    """All windows, pool by pool."""
    return [result for pool in pools(tasks, batch_windows) for result in recognize(pool, model)]


def second_pass(
    first: Sequence[RecognizedWindow | DoubtfulWindow], model: Recognizer, batch_windows: int = BATCH_WINDOWS
) -> list[RecognizedWindow]:
    """What did not hold in the first pass."""
    doubtful = [result for result in first if isinstance(result, DoubtfulWindow)]
    size = POOL_BATCHES * batch_windows
    starts = range(0, len(doubtful), size)
    return [result for start in starts for result in recognize_again(doubtful[start : start + size], model)]


def texts_of(tasks: Sequence[WindowTask], model: Recognizer, batch_windows: int = BATCH_WINDOWS) -> dict[str, str]:
    """Text by uri, after both passes."""
    first = first_pass(tasks, model, batch_windows)
    done = [window for window in first if isinstance(window, RecognizedWindow)] + second_pass(
        first, model, batch_windows
    )
    texts: dict[str, list[str]] = {}
    for window in sorted(done, key=lambda w: (w.uri, w.window_index)):
        texts.setdefault(window.uri, []).append(window.hypothesis.text if window.hypothesis else "")
    return {uri: " ".join(parts) for uri, parts in texts.items()}
