"""Where the recogniser's time goes, and what each thing that makes it faster gives.

    python benchmarks/levers.py
    python benchmarks/levers.py --set short --beam_size 5

Each variant lacks one of them and hears the set twice; printed are the seconds of the second time by stage: decoding
the files, finding speech, the first pass and the second. The sets are those of `benchmarks/speed.py`.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from passes import first_pass, second_pass, windows_of
from peers import read_samples
from speed import SETS, clips_of

from model.recognizer import DecodeOptions
from model.registry import batch_windows_of, load_recognizer, resolve_model
from model.vad import load_detector
from model.whisper import decoding
from model.whisper.recognizer import WhisperRecognizer


def one_after_another(model: WhisperRecognizer) -> None:
    """No two batches at once: the operations alone are spread over the processors."""
    model._n_threads, model._pool = 1, ThreadPoolExecutor(1)


def as_it_is(model: WhisperRecognizer) -> None:
    """Changes nothing."""


class Variant(NamedTuple):
    """A recogniser that lacks something."""

    name: str
    precision: str = "bfloat16"
    short_windows: bool = True
    # None: as many as a run takes
    batch_windows: int | None = None
    # share of open windows at which a batch shrinks
    most_open: float = decoding.MOST_OPEN
    change: Callable[[WhisperRecognizer], None] = as_it_is


VARIANTS = [
    Variant("nothing"),
    Variant("bfloat16", precision="float32"),
    Variant("short windows", short_windows=False),
    Variant("batches of more than 12", batch_windows=12),
    Variant("batches of more than 4", batch_windows=4),
    Variant("shrinking batches", most_open=-1.0),
    Variant("two batches at once", change=one_after_another),
    Variant("any of it", "float32", False, 12, -1.0, one_after_another),
]


def stages(model: WhisperRecognizer, paths: list[str], batch_windows: int) -> list[float]:
    """Seconds of each stage."""
    marks = [time.monotonic()]
    samples = [read_samples(Path(path)) for path in paths]
    marks.append(time.monotonic())
    detector = load_detector()
    tasks = [task for path, own in zip(paths, samples, strict=True) for task in windows_of(path, own, detector)]
    marks.append(time.monotonic())
    first = first_pass(tasks, model, batch_windows)
    marks.append(time.monotonic())
    second_pass(first, model, batch_windows)
    marks.append(time.monotonic())
    return [after - before for before, after in itertools.pairwise(marks)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", choices=SETS, help="may be repeated (default: long and short)")
    parser.add_argument("--beam_size", type=int, default=1)
    options = parser.parse_args()
    print("| set | without | decoding | finding | first pass | second pass | all |\n|---|---|---:|---:|---:|---:|---:|")
    for name in options.set or ["long", "short"]:
        paths = [clip.uri for clip in clips_of(name)]
        for variant in VARIANTS:
            decoding.MOST_OPEN = variant.most_open
            decode = DecodeOptions(
                beam_size=options.beam_size,
                word_timestamps=False,
                precision=variant.precision,
                short_windows=variant.short_windows,
            )
            files = resolve_model("tiny.en")
            batch_windows = variant.batch_windows or batch_windows_of(files, decode, None)
            model = load_recognizer(files, decode, batch_windows)
            assert isinstance(model, WhisperRecognizer)
            variant.change(model)
            stages(model, paths, batch_windows)
            seconds = stages(model, paths, batch_windows)
            row = " | ".join(f"{value:.1f}" for value in [*seconds, sum(seconds)])
            print(f"| {name} | {variant.name} | {row} |", flush=True)


if __name__ == "__main__":
    main()
