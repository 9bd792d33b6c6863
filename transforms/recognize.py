"""Recognition: a Beam model handler over any of our recognisers, and what it makes of windows."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from apache_beam.ml.inference.base import ModelHandler

from model.errors import BeamscribeError
from model.recognizer import DecodeOptions, Hypothesis, Recognizer
from model.registry import ModelFiles, load_recognizer, resolve_model
from transforms import progress
from transforms.windows import Span, Window


@dataclass(frozen=True)
class WindowTask:
    """A window to recognise, and whose it is."""

    uri: str
    channel: int | None
    window: Window
    # None: the model identifies it
    language: str | None


@dataclass(frozen=True)
class RecognizedWindow:
    """What the model heard in one window. Small: the audio is gone."""

    uri: str
    channel: int | None
    window_index: int
    spans: tuple[Span, ...]
    # mean square of each LEVEL_FRAME_S of the window's audio
    mean_squares: np.ndarray
    # None where the model failed on this window
    hypothesis: Hypothesis | None
    # type and message of what the model raised
    error: tuple[str, str] | None = None


LEVEL_FRAME_S = 0.05
LEVEL_FRAME_SAMPLES = 800


def mean_squares(samples: np.ndarray) -> np.ndarray:
    """Mean square of each 50 ms of samples [n], the last frame possibly shorter: float32 [ceil(n / 800)]."""
    starts = np.arange(0, len(samples), LEVEL_FRAME_SAMPLES)
    lengths = np.minimum(LEVEL_FRAME_SAMPLES, len(samples) - starts)
    return (np.add.reduceat(np.square(samples, dtype=np.float64), starts) / lengths).astype(np.float32)


def recognize(tasks: Sequence[WindowTask], model: Recognizer) -> list[RecognizedWindow]:
    """Recognises windows in one batch. Where the model raises, the batch is halved until the bad window is alone."""
    waveforms = np.zeros((len(tasks), model.window_samples), np.float32)
    for row, task in zip(waveforms, tasks, strict=True):
        row[: len(task.window.samples)] = task.window.samples
    try:
        hypotheses = model.recognize(waveforms, [task.language for task in tasks])
    except Exception as error:  # noqa: BLE001 - one bad window must not cost the others; it is reported in its row
        if len(tasks) > 1:
            half = len(tasks) // 2
            return recognize(tasks[:half], model) + recognize(tasks[half:], model)
        return [_recognized(tasks[0], None, (type(error).__name__, str(error)))]
    return [_recognized(task, hypothesis, None) for task, hypothesis in zip(tasks, hypotheses, strict=True)]


def _recognized(task: WindowTask, hypothesis: Hypothesis | None, error: tuple[str, str] | None) -> RecognizedWindow:
    window = task.window
    levels = mean_squares(window.samples)
    return RecognizedWindow(task.uri, task.channel, window.index, window.spans, levels, hypothesis, error)


_loading = threading.Lock()
_loaded: dict[tuple[str, DecodeOptions, int], Recognizer] = {}


def load_once(planned: ModelFiles, options: DecodeOptions, batch_windows: int) -> Recognizer:
    """The recogniser, from this machine's own files, kept for the next pipeline of this process.

    Raises BeamscribeError where the name leads here to other weights than where the run was planned.
    """
    key = (planned.sha256, options, batch_windows)
    with _loading:
        if key not in _loaded:
            here = resolve_model(planned.name)
            if here.sha256 != planned.sha256:
                raise BeamscribeError(
                    f"model {planned.name} has sha256 {here.sha256} on this worker and {planned.sha256} where the run "
                    "was planned; install the same weights, or pin a revision"
                )
            recognizer = load_recognizer(here, options, batch_windows)
            # the first call traces and compiles: done here, it is not counted as inference
            recognizer.warm_up()
            _loaded.clear()
            _loaded[key] = recognizer
        return _loaded[key]


class RecognizerHandler(ModelHandler[WindowTask, RecognizedWindow, Recognizer]):
    """Loads a recogniser once a process and gives it batches of one shape, mixed from all files of a bundle."""

    def __init__(self, files: ModelFiles, options: DecodeOptions, batch_windows: int) -> None:
        super().__init__(min_batch_size=batch_windows, max_batch_size=batch_windows)
        self._files = files
        self._options = options
        self._batch_windows = batch_windows

    def load_model(self) -> Recognizer:
        return load_once(self._files, self._options, self._batch_windows)

    def run_inference(
        self, batch: Sequence[WindowTask], model: Recognizer, inference_args: dict[str, Any] | None = None
    ) -> Iterable[RecognizedWindow]:
        results = recognize(batch, model)
        progress.windows_done(sum(len(task.window.samples) for task in batch), len(batch))
        return results

    def get_num_bytes(self, batch: Sequence[WindowTask]) -> int:
        return sum(task.window.samples.nbytes for task in batch)
