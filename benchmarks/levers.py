"""Where the recogniser's time goes, and what each thing that makes it faster gives.

    python benchmarks/levers.py
    python benchmarks/levers.py --set short --beam_size 5

Each variant lacks one of them and hears the set twice; printed are the seconds of the second time by stage: listening
(decoding, and finding speech), the first pass and the second. The sets are those of `benchmarks/speed.py`.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from passes import first_pass, listen_to, second_pass
from speed import SETS, clips_of

from model.recognizer import DecodeOptions
from model.registry import batch_windows_of, load_recognizer, resolve_model
from model.vad import load_detector
from model.whisper import coarse, decoding, network
from model.whisper.recognizer import WhisperRecognizer
from transforms.decoder import Decoder


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
    coarse: bool = True
    change: Callable[[WhisperRecognizer], None] = as_it_is


VARIANTS = [
    Variant("nothing"),
    Variant("bfloat16", precision="float32"),
    Variant("coarse scores", coarse=False),
    Variant("short windows", short_windows=False),
    Variant("batches of more than 12", batch_windows=12),
    Variant("batches of more than 4", batch_windows=4),
    Variant("shrinking batches", most_open=-1.0),
    Variant("two batches at once", change=one_after_another),
    Variant("any of it", "float32", False, 12, -1.0, False, one_after_another),
]


def stages(model: WhisperRecognizer, paths: list[str], batch_windows: int, decoder: Decoder) -> list[float]:
    """Seconds of each stage."""
    marks = [time.monotonic()]
    tasks = [task for path in paths for task in listen_to(path, load_detector(), decoder)]
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
    print("| set | without | listening | first pass | second pass | all |\n|---|---|---:|---:|---:|---:|")
    decoder = Decoder()
    for name in options.set or ["long", "short"]:
        paths = [clip.uri for clip in clips_of(name)]
        for variant in VARIANTS:
            decoding.MOST_OPEN = variant.most_open
            network.multiplies_integers = coarse.multiplies_integers if variant.coarse else lambda: False
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
            stages(model, paths, batch_windows, decoder)
            seconds = stages(model, paths, batch_windows, decoder)
            row = " | ".join(f"{value:.1f}" for value in [*seconds, sum(seconds)])
            print(f"| {name} | {variant.name} | {row} |", flush=True)


if __name__ == "__main__":
    main()
