"""How fast one core is, by model: what docs/scaling.md and `benchmarks/scaling.py` start from.

    python benchmarks/cores.py
    python benchmarks/cores.py --model tiny.en --model /models/base --beam_size 5

Transcribes one minute and then --minutes of the long recording of BEAMSCRIBE_SPEECH on one core with one worker; the
difference of both is without what a start takes. `finding` is the same for an hour of silence: decoding and the search
for speech alone. Other flags go to the main job.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from ours import REPOSITORY, SPEECH, command


def cut(path: Path, minutes: float) -> None:
    """The first minutes of the long recording."""
    with soundfile.SoundFile(SPEECH / "longform" / "lj001.mp3") as source:
        samples = source.read(round(60 * minutes * source.samplerate), dtype="float32", always_2d=True)
        soundfile.write(path, samples, source.samplerate)


def seconds(path: Path, output: Path, flags: list[str]) -> float:
    """How long a run takes on one core."""
    core = min(os.sched_getaffinity(0))
    started_s = time.monotonic()
    run = subprocess.run(
        command([path], output, [*flags, "--runner=FnApiRunner", "--direct_num_workers=1"]),
        cwd=REPOSITORY,
        stdout=sys.stderr,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    if run.returncode:
        raise SystemExit(f"the run ended with {run.returncode}: there is nothing to measure")
    return time.monotonic() - started_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--model", action="append", help="may be repeated (default: tiny.en)")
    parser.add_argument("--beam_size", action="append", help="may be repeated (default: 1 and 5)")
    options, flags = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        short, long, silent = (Path(folder, f"{name}.wav") for name in ("short", "long", "silent"))
        cut(short, 1.0)
        cut(long, options.minutes)
        soundfile.write(silent, np.zeros(3600 * 16_000, np.int16), 16_000)
        print("| model | beam | start, s | times real time, one core |\n|---|---:|---:|---:|", flush=True)
        for model in options.model or ["tiny.en"]:
            for size in options.beam_size or ["1", "5"]:
                out = Path(folder, f"out-{Path(model).name}-{size}")
                of_model = [*flags, "--model", model, "--beam_size", size, "--language", "en"]
                first_s, second_s = (seconds(path, out / path.stem, of_model) for path in (short, long))
                each_s = (second_s - first_s) / (60 * (options.minutes - 1))
                print(f"| {Path(model).name} | {size} | {first_s - 60 * each_s:.0f} | {1 / each_s:.1f} |", flush=True)
                if size == (options.beam_size or ["1"])[0]:
                    quiet_s = seconds(silent, out / "silent", of_model) - (first_s - 60 * each_s)
                    print(f"| finding speech in silence | | | {3600 / max(quiet_s, 0.1):.0f} |", flush=True)


if __name__ == "__main__":
    main()
