"""One run on all cores of a machine, beside as many runs at once on a core each, over the same clips.

    python benchmarks/halves.py --rounds 3 --beam_size 1

The clips are LibriSpeech's of BEAMSCRIBE_SPEECH, dealt out in turn. Whole commands, started cold, the two ways in turn.
Other flags go to the main job.
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

from ours import REPOSITORY, SPEECH, command, speech_manifest
from wer import read_clips


def seconds(shares: Sequence[tuple[list[Path], set[int]]], folder: Path, flags: list[str]) -> float:
    """How long runs take that are started at once, each over its clips on its cores."""
    started_s = time.monotonic()
    runs = [
        subprocess.Popen(
            command(clips, folder / str(number), flags),
            cwd=REPOSITORY,
            stdout=sys.stderr,
            preexec_fn=lambda cores=cores: os.sched_setaffinity(0, cores),
        )
        for number, (clips, cores) in enumerate(shares)
    ]
    statuses = [run.wait() for run in runs]
    if any(statuses):
        raise SystemExit("a run failed: there is nothing to measure")
    return time.monotonic() - started_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    options, flags = parser.parse_known_args()
    clips = [Path(clip.uri) for clip in read_clips(speech_manifest(), str(SPEECH), ["librispeech"])]
    cores = sorted(os.sched_getaffinity(0))
    ways = {
        f"one run, {len(cores)} cores": [(clips, set(cores))],
        f"{len(cores)} runs at once, one core each": [
            (clips[number :: len(cores)], {core}) for number, core in enumerate(cores)
        ],
    }
    measured: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for at, (way, shares) in enumerate(ways.items()):
                measured[way].append(seconds(shares, Path(folder, f"{number}-{at}"), flags))
    print("| way | seconds | range |\n|---|---:|---:|")
    for way, each in measured.items():
        print(f"| {way} | {statistics.median(each):.1f} | {min(each):.1f}-{max(each):.1f} |")


if __name__ == "__main__":
    main()
