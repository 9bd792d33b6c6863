"""What share of a whole job is recognition, and what Beam, decoding and writing cost beside it.

    python benchmarks/shares.py
    python benchmarks/shares.py --hours 2 --beam_size 5

One run of the main job in this process, over --hours of files of all kinds. Its wall time is divided by what goes on:
at least one thread recognises; none does but one looks for speech (decoding included); the model is loaded; the rest,
which is planning, Beam, and the tables. Imports come before and are printed apart.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

started_s = time.monotonic()

from ours import FINISHED  # noqa: E402
from speed import mixed_hours  # noqa: E402

from pipelines import transcribe  # noqa: E402
from transforms import listen, recognize  # noqa: E402

Interval = tuple[float, float]


def timed(owner: Any, name: str, into: list[Interval]) -> None:
    """Notes when a function or method of `owner` runs; of a generator, until it is read to its end."""
    original: Callable[..., Any] = getattr(owner, name)

    def run(*args: Any, **kwargs: Any) -> Any:
        begun_s = time.monotonic()
        result = original(*args, **kwargs)
        if hasattr(result, "__next__"):
            result = iter(list(result))
        into.append((begun_s, time.monotonic()))
        return result

    setattr(owner, name, run)


def covered_s(intervals: Sequence[Interval]) -> float:
    """Seconds in at least one of the intervals."""
    total_s, end_s = 0.0, 0.0
    for begun_s, ended_s in sorted(intervals):
        total_s += max(0.0, ended_s - max(begun_s, end_s))
        end_s = max(end_s, ended_s)
    return total_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--beam_size", type=int, default=1)
    options = parser.parse_args()
    recognising: list[Interval] = []
    looking: list[Interval] = []
    loading: list[Interval] = []
    timed(recognize.RecognizerHandler, "run_inference", recognising)
    timed(recognize.RescueHandler, "run_inference", recognising)
    timed(listen, "cut_windows", looking)
    timed(recognize, "load_once", loading)
    with tempfile.TemporaryDirectory() as folder:
        paths = mixed_hours(Path(folder), options.hours)
        flags = ["--model=tiny.en", f"--beam_size={options.beam_size}", "--word_timestamps=false"]
        begun_s = time.monotonic()
        status = transcribe.command(["--input", *paths, "--output", str(Path(folder, "out")), *flags])
        wall_s = time.monotonic() - begun_s
    if status not in FINISHED:
        sys.exit(f"the run ended with {status}: there is nothing to measure")
    recognised_s = covered_s(recognising)
    looked_s = covered_s([*recognising, *looking]) - recognised_s
    loaded_s = covered_s([*recognising, *looking, *loading]) - recognised_s - looked_s
    shares = {
        "recognition": recognised_s,
        "finding speech, decoding": looked_s,
        "loading the model": loaded_s,
        "planning, Beam, tables": wall_s - recognised_s - looked_s - loaded_s,
    }
    print(
        f"imports {begun_s - started_s:.1f} s, then {wall_s:.1f} s\n\n| what goes on | seconds | % |\n|---|---:|---:|"
    )
    for name, seconds in shares.items():
        print(f"| {name} | {seconds:.1f} | {100 * seconds / wall_s:.1f} |")


if __name__ == "__main__":
    main()
