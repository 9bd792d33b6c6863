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

from passes import first_pass, second_pass, windows_of
from peers import read_samples
from speed import SETS, clips_of

from model.recognizer import DecodeOptions
from model.registry import load_recognizer, resolve_model
from model.vad import load_detector
from model.whisper import decoding
from model.whisper.recognizer import WhisperRecognizer


def one_after_another(model: WhisperRecognizer) -> None:
    """No two batches at once: the operations alone are spread over the processors."""
    model._n_threads, model._pool = 1, ThreadPoolExecutor(1)


def as_it_is(model: WhisperRecognizer) -> None:
    """Changes nothing."""


# name, precision, whether windows are cut, share of open windows at which a batch shrinks, what else is done
VARIANTS: list[tuple[str, str, bool, float, Callable[[WhisperRecognizer], None]]] = [
    ("all of it", "bfloat16", True, decoding.MOST_OPEN, as_it_is),
    ("float32", "float32", True, decoding.MOST_OPEN, as_it_is),
    ("whole windows", "bfloat16", False, decoding.MOST_OPEN, as_it_is),
    ("batches that do not shrink", "bfloat16", True, -1.0, as_it_is),
    ("one batch after another", "bfloat16", True, decoding.MOST_OPEN, one_after_another),
    ("none of it", "float32", False, -1.0, one_after_another),
]


def stages(model: WhisperRecognizer, paths: list[str]) -> list[float]:
    """Seconds of each stage."""
    marks = [time.monotonic()]
    samples = [read_samples(Path(path)) for path in paths]
    marks.append(time.monotonic())
    detector = load_detector()
    tasks = [task for path, own in zip(paths, samples, strict=True) for task in windows_of(path, own, detector)]
    marks.append(time.monotonic())
    first = first_pass(tasks, model)
    marks.append(time.monotonic())
    second_pass(first, model)
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
        for label, precision, is_cut, most_open, change in VARIANTS:
            decoding.MOST_OPEN = most_open
            decode = DecodeOptions(
                beam_size=options.beam_size, word_timestamps=False, precision=precision, short_windows=is_cut
            )
            model = load_recognizer(resolve_model("tiny.en"), decode)
            assert isinstance(model, WhisperRecognizer)
            change(model)
            stages(model, paths)
            seconds = stages(model, paths)
            row = " | ".join(f"{value:.1f}" for value in [*seconds, sum(seconds)])
            print(f"| {name} | {label} | {row} |", flush=True)


if __name__ == "__main__":
    main()
