"""Peak resident memory of a run over many files, and over one long file.

    python benchmarks/memory.py
    python benchmarks/memory.py --hours 1 --hours 10

Copies clips of BEAMSCRIBE_SPEECH to 400 files, loops its 20-minute chapter to 3 hours, transcribes each in a process of
its own, and prints the peak of each and its ratio to the first. Takes about half an hour on two cores. With --hours
given more than once, the files of these lengths are compared with each other; --pause_minutes makes them quicker to
transcribe and no shorter. Other flags go to the main job.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from ours import REPOSITORY, SPEECH, command, speech_manifest

BLOCK_FRAMES = 10 * 44_100


def many_files(folder: Path, n_files: int) -> None:
    """Clips of the librispeech corpus, again and again under other names."""
    rows = [json.loads(line) for line in speech_manifest().read_text().splitlines()]
    clips = [SPEECH / row["uri"] for row in rows if row["corpus"] == "librispeech"]
    for index in range(n_files):
        shutil.copy(clips[index % len(clips)], folder / f"{index:05d}.flac")


def long_file(path: Path, hours: float, pause_minutes: float) -> None:
    """The long recording, looped, with silence between the loops, block by block."""
    with soundfile.SoundFile(SPEECH / "longform" / "lj001.mp3") as source:
        rate_hz = source.samplerate
        n_left = round(hours * 3600 * rate_hz)
        with soundfile.SoundFile(path, "w", rate_hz, 1, "PCM_16") as sink:
            n_pause = 0
            while n_left:
                if n_pause:
                    block = np.zeros((min(BLOCK_FRAMES, n_left, n_pause), 1), np.float32)
                    n_pause -= len(block)
                else:
                    block = source.read(min(BLOCK_FRAMES, n_left), dtype="float32", always_2d=True)
                    if len(block) == 0:
                        source.seek(0)
                        n_pause = round(pause_minutes * 60 * rate_hz)
                sink.write(block[:, :1])
                n_left -= len(block)


def peak_bytes(path: Path, output: Path, flags: list[str]) -> tuple[int, float]:
    """Peak resident memory of one run of the main job, and how long it took in seconds."""
    started_s = time.monotonic()
    process = subprocess.Popen(command([path], output, flags), cwd=REPOSITORY, stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the run over {path} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss * 1024, time.monotonic() - started_s


def make_inputs(folder: Path, n_files: int, hours: list[float], pause_minutes: float) -> Iterator[tuple[str, Path]]:
    """Each input by name, made when it is asked for: ten hours are more than a gigabyte."""
    if len(hours) == 1:
        many = folder / "many"
        many.mkdir()
        many_files(many, n_files)
        yield f"{n_files} files", many
    for length in hours:
        long = folder / "long.wav"
        long_file(long, length, pause_minutes)
        yield f"one file of {length:g} h", long


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--hours", type=float, action="append", help="may be repeated (default: 3)")
    parser.add_argument("--pause_minutes", type=float, default=0.0, help="silence after each loop (default: 0)")
    options, flags = parser.parse_known_args()
    first = 0
    print("| input | peak resident memory, GB | of the first | seconds |\n|---|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = make_inputs(folder, options.files, options.hours or [3.0], options.pause_minutes)
        for number, (what, path) in enumerate(inputs):
            peak, seconds = peak_bytes(path, folder / f"out-{number}", flags)
            first = first or peak
            print(f"| {what} | {peak / 1e9:.2f} | {peak / first:.3f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
