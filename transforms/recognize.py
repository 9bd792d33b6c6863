"""Recognition: a Beam model handler over any of our recognisers, and what it makes of windows."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler

from model.errors import BeamscribeError
from model.memory import give_back
from model.recognizer import POOL_BATCHES, SAMPLE_RATE_HZ, DecodeOptions, Hypothesis, Recognizer
from model.registry import ModelFiles, batch_windows_of, load_recognizer, resolve_model
from transforms import progress
from transforms.assets import WorkItem
from transforms.guards import Scene, scene_of
from transforms.levels import clipped_fractions, mean_squares
from transforms.recognized import RecognizedWindow
from transforms.rescue import Rescued, misses_silence, needs_rescue, rescue
from transforms.results import ResultStore, StagedFile, window_record
from transforms.site import Site
from transforms.takes import cut_length, moved, take_of
from transforms.windows import Window

log = logging.getLogger(__name__)

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class WindowTask:
    """A window to recognise, and whose it is."""

    item: WorkItem
    channel: int | None
    window: Window
    # None: the model identifies it
    language: str | None


@dataclass(frozen=True)
class DoubtfulWindow:
    """A window whose first hypothesis does not hold, with its audio, to be tried again."""

    task: WindowTask
    first: Hypothesis
    # whether it was heard without the silence that fills it up
    was_cut: bool


FULL_WINDOW_S, WINDOW_PARTS = 30, 4


def in_halves(tasks: Sequence[Task], attempt: Callable[[Sequence[Task]], Sequence[Result]]) -> list[Result | Exception]:
    """Attempts all tasks as one batch. Where that raises, the batch is halved until the bad task is alone."""
    try:
        return list(attempt(tasks))
    except Exception as error:  # noqa: BLE001 - one bad window must not cost the others; it is reported in its row
        if len(tasks) == 1:
            return [error]
        half = len(tasks) // 2
        return in_halves(tasks[:half], attempt) + in_halves(tasks[half:], attempt)


def recognize(
    tasks: Sequence[WindowTask], model: Recognizer, prompt: str = ""
) -> list[RecognizedWindow | DoubtfulWindow]:
    """Recognises a pool of windows; those whose hypothesis does not hold come back with their audio.

    prompt: what the model was told to expect; its text is no evidence.
    """
    takes = [take_of(task.window, model.window_samples) for task in tasks]
    # the language is told best from a whole window
    lengths = [
        model.window_samples if model.multilingual and task.language is None else cut_length(take, model.window_lengths)
        for task, take in zip(tasks, takes, strict=True)
    ]

    def attempt(rows: Sequence[int]) -> Sequence[Hypothesis]:
        heard = model.recognize([takes[i].padded(lengths[i]) for i in rows], [tasks[i].language for i in rows])
        return [moved(hypothesis, -takes[i].lead_s) for hypothesis, i in zip(heard, rows, strict=True)]

    # in a batch those that are about as long
    rows = sorted(range(len(tasks)), key=lambda i: len(takes[i].samples))
    found = dict(zip(rows, in_halves(rows, attempt), strict=True))
    cuts_s = [length / SAMPLE_RATE_HZ if length < model.window_samples else None for length in lengths]
    return [_first_result(task, found[i], cuts_s[i], prompt) for i, task in enumerate(tasks)]


def _first_result(
    task: WindowTask, heard: Hypothesis | Exception, cut_s: float | None, prompt: str
) -> RecognizedWindow | DoubtfulWindow:
    if isinstance(heard, Hypothesis):
        scene = _scene(task.window, prompt)
        if needs_rescue(task.window, heard, scene) or (cut_s is not None and misses_silence(heard, cut_s)):
            return DoubtfulWindow(task, heard, cut_s is not None)
    return _recognized(task, heard)


def recognize_again(doubtful: Sequence[DoubtfulWindow], model: Recognizer, prompt: str = "") -> list[RecognizedWindow]:
    """The second pass. Where the model fails in it, the first hypothesis stays."""

    def attempt(doubtful: Sequence[DoubtfulWindow]) -> Sequence[Rescued]:
        windows = [d.task.window for d in doubtful]
        scenes = [_scene(window, prompt) for window in windows]
        return rescue(windows, scenes, [d.first for d in doubtful], model, [d.was_cut for d in doubtful])

    started_s = time.perf_counter()
    tried = in_halves(doubtful, attempt)
    share_s = (time.perf_counter() - started_s) / len(doubtful)
    results = []
    for window, rescued in zip(doubtful, tried, strict=True):
        kept = Rescued(window.first, ("rescue_failed",)) if isinstance(rescued, Exception) else rescued
        results.append(_recognized(window.task, kept.hypothesis, kept.flags, share_s))
    return results


def _scene(window: Window, prompt: str) -> Scene:
    return scene_of(window.spans, window.speech, prompt)


def _recognized(
    task: WindowTask, heard: Hypothesis | Exception, flags: tuple[str, ...] = (), rescue_s: float | None = None
) -> RecognizedWindow:
    window = task.window
    hypothesis, error = (heard, None) if isinstance(heard, Hypothesis) else (None, (type(heard).__name__, str(heard)))
    return RecognizedWindow(
        uri=task.item.asset.uri,
        channel=task.channel,
        window_index=window.index,
        spans=window.spans,
        speech=window.speech,
        mean_squares=mean_squares(window.samples),
        clipped=clipped_fractions(window.samples),
        hypothesis=hypothesis,
        flags=flags,
        rescue_s=rescue_s,
        error=error,
    )


@dataclass(frozen=True)
class ModelUse:
    """A model as a run uses it."""

    files: ModelFiles
    options: DecodeOptions
    # windows that are decoded together
    batch_windows: int
    # gigabytes that a process may take; None: any
    max_memory_gb: float | None = None


_loading = threading.Lock()
_loaded: dict[tuple[str, DecodeOptions, int], Recognizer] = {}


def load_once(use: ModelUse) -> Recognizer:
    """The recogniser, from this machine's own files, kept for the next pipeline of this process.

    Raises BeamscribeError where the name leads here to other weights than where the run was planned.
    """
    planned = use.files
    key = (planned.sha256, use.options, use.batch_windows)
    with _loading:
        if key not in _loaded:
            recognizer = load_recognizer(
                on_this_worker(planned), use.options, _batch_windows_here(use), keeps_graphs=True
            )
            # the first call traces and compiles: done here, it is not counted as inference
            recognizer.warm_up()
            _loaded.clear()
            _loaded[key] = recognizer
            log.info("%s is loaded in process %d", planned.name, os.getpid())
        return _loaded[key]


def on_this_worker(planned: ModelFiles) -> ModelFiles:
    """The model's own files of this machine.

    Raises BeamscribeError where the name leads here to other weights than where the run was planned.
    """
    here = resolve_model(planned.name)
    if here.sha256 != planned.sha256:
        raise BeamscribeError(
            f"model {planned.name} has sha256 {here.sha256} on this worker and {planned.sha256} where the run "
            "was planned; install the same weights, or pin a revision"
        )
    return here


def _batch_windows_here(use: ModelUse) -> int:
    """What was planned, or less where this machine has more processors than that on which it was planned."""
    if use.max_memory_gb is None:
        return use.batch_windows
    fitting = batch_windows_of(use.files, use.options, use.max_memory_gb)
    return min(use.batch_windows, fitting)


class RecognizerHandler(ModelHandler[Any, StagedFile | DoubtfulWindow, Recognizer]):
    """Loads a recogniser once a process and gives it pools of windows, mixed from all files of a bundle.

    What holds is staged before it is handed on: a run that is killed loses no more than the pool in hand.
    """

    def __init__(self, use: ModelUse, store: ResultStore, site: Site) -> None:
        size = POOL_BATCHES * use.batch_windows * WINDOW_PARTS
        super().__init__(min_batch_size=size, max_batch_size=size, element_size_fn=self.size_of)
        self._use = use
        self._store = store
        self._site = site

    @staticmethod
    def size_of(task: Any) -> int:
        """What a window adds to a pool, in parts of one of full length: there are more of short ones."""
        return min(WINDOW_PARTS, 1 + len(task.window.samples) * WINDOW_PARTS // (FULL_WINDOW_S * SAMPLE_RATE_HZ))

    def load_model(self) -> Recognizer:
        self._site.enter()
        return load_once(self._use)

    def run_inference(
        self, batch: Sequence[Any], model: Recognizer, inference_args: dict[str, Any] | None = None
    ) -> Iterable[StagedFile | DoubtfulWindow]:
        results = recognize(batch, model, self._use.options.prompt)
        give_back()
        progress.windows_done(sum(len(task.window.samples) for task in batch), len(batch))
        doubtful = [result for result in results if isinstance(result, DoubtfulWindow)]
        held = [(r, task.item) for r, task in zip(results, batch, strict=True) if isinstance(r, RecognizedWindow)]
        return [*doubtful, *self._staged(held)]

    def get_num_bytes(self, batch: Sequence[Any]) -> int:
        return sum(task.window.samples.nbytes for task in batch)

    def _staged(self, windows: Sequence[tuple[RecognizedWindow, WorkItem]]) -> list[StagedFile]:
        if not windows:
            return []
        path = self._store.write([window_record(window, item.key) for window, item in windows])
        return [StagedFile(path, tuple(sorted({item.shard for _, item in windows})))]


class RescueHandler(RecognizerHandler):
    """The same model for the second pass, which hears every window at its full length."""

    @staticmethod
    def size_of(task: Any) -> int:
        """All count alike."""
        return WINDOW_PARTS

    def run_inference(
        self, batch: Sequence[Any], model: Recognizer, inference_args: dict[str, Any] | None = None
    ) -> Iterable[StagedFile | DoubtfulWindow]:
        results = recognize_again(batch, model, self._use.options.prompt)
        give_back()
        return self._staged([(r, doubtful.task.item) for r, doubtful in zip(results, batch, strict=True)])

    def get_num_bytes(self, batch: Sequence[Any]) -> int:
        return sum(doubtful.task.window.samples.nbytes for doubtful in batch)


class SplitDoubtful(beam.DoFn):
    """Sends windows that are to be tried again to the output DOUBTFUL."""

    DOUBTFUL = "doubtful"

    def process(self, window: StagedFile | DoubtfulWindow) -> Iterator[Any]:
        yield beam.pvalue.TaggedOutput(self.DOUBTFUL, window) if isinstance(window, DoubtfulWindow) else window
