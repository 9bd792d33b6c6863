"""How fast `beamscribe features` works out the features that it does by default, over many short clips.

    python benchmarks/features.py
    python benchmarks/features.py --clips 5000 --set digits --features all

Links to clips of BEAMSCRIBE_SPEECH, each name another asset; every run is a command of its own, started cold, into a
new folder. What a run of one clip takes is start-up. Where others use the machine, seconds of its processors tell more
than those of the clock. Other flags go to the job.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ours import REPOSITORY, SPEECH, read_rows

SETS = {"librispeech": "librispeech/*.flac", "digits": "digits/*.wav"}


def link_clips(folder: Path, pattern: str, n_clips: int) -> Path:
    """Names for so many clips, each recording as often as it takes."""
    found = sorted(SPEECH.glob(pattern))
    if not found:
        raise SystemExit(f"{SPEECH / pattern} is missing: name the folder of recordings in BEAMSCRIBE_SPEECH")
    folder.mkdir()
    for number in range(n_clips):
        clip = found[number % len(found)]
        (folder / f"{number:06d}-{clip.name}").symlink_to(clip)
    return folder


def seconds_of(inputs: Path, output: Path, flags: Sequence[str]) -> tuple[float, float]:
    """How long the command takes, from its start to its end, and its processes on processors."""
    command = [sys.executable, "-m", "pipelines.cli", "features", "--input", str(inputs), "--output", str(output)]
    started_s, before = time.monotonic(), os.times()
    subprocess.run([*command, *flags], cwd=REPOSITORY, check=True, capture_output=True)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - started_s, cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1_000)
    parser.add_argument("--set", choices=SETS, action="append", help="may be repeated (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    options, flags = parser.parse_known_args()
    print("| clips | hours | seconds | start-up, s | times real time | without start-up | of a processor, without it |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        for which in options.set or SETS:
            one, many = (link_clips(Path(name, f"{which}-{n}"), SETS[which], n) for n in (1, options.clips))
            outputs = [Path(name, f"{which}-out-{number}") for number in range(options.rounds)]
            runs = [(*seconds_of(one, Path(f"{out}-one"), flags), *seconds_of(many, out, flags)) for out in outputs]
            start_s, start_cpu_s, whole_s, cpu_s = (statistics.median(times) for times in zip(*runs, strict=True))
            audio_s = sum(row["duration_s"] for row in read_rows(outputs[0], "features"))
            speeds = [audio_s / seconds for seconds in (whole_s, whole_s - start_s, cpu_s - start_cpu_s)]
            cells = [f"{audio_s / 3600:.2f}", f"{whole_s:.1f}", f"{start_s:.1f}", *(f"{speed:.0f}" for speed in speeds)]
            print(f"| {options.clips} of {which} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
