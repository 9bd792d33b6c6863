"""Peak resident memory of a run over many files, and over one long file.

    python benchmarks/memory.py

Copies clips of BEAMSCRIBE_SPEECH to 400 files, loops its 20-minute chapter to 3 hours, transcribes each in a process of
its own, and prints the peak of each and their ratio. Takes about half an hour on two cores.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile

REPOSITORY = Path(__file__).resolve().parent.parent
SPEECH = Path(os.environ.get("BEAMSCRIBE_SPEECH", REPOSITORY.parent / "shared" / "speech"))
BLOCK_FRAMES = 10 * 44_100


def many_files(folder: Path, n_files: int) -> None:
    """Clips of the librispeech corpus, again and again under other names."""
    rows = [json.loads(line) for line in (SPEECH / "manifest.jsonl").read_text().splitlines()]
    clips = [SPEECH / row["uri"] for row in rows if row["corpus"] == "librispeech"]
    for index in range(n_files):
        shutil.copy(clips[index % len(clips)], folder / f"{index:05d}.flac")


def long_file(path: Path, hours: float) -> None:
    """The long recording, looped, block by block."""
    with soundfile.SoundFile(SPEECH / "longform" / "lj001.mp3") as source:
        rate_hz = source.samplerate
        n_left = round(hours * 3600 * rate_hz)
        with soundfile.SoundFile(path, "w", rate_hz, 1, "PCM_16") as sink:
            while n_left:
                block = source.read(min(BLOCK_FRAMES, n_left), dtype="float32", always_2d=True)
                sink.write(block[:, :1])
                n_left -= len(block)
                if len(block) == 0:
                    source.seek(0)


def peak_bytes(path: Path, output: Path, flags: list[str]) -> tuple[int, float]:
    """Peak resident memory of one run of the main job, and how long it took in seconds."""
    command = [sys.executable, "-m", "pipelines.cli", "transcribe", "--input", str(path), "--output", str(output)]
    started_s = time.monotonic()
    process = subprocess.Popen([*command, *flags], cwd=REPOSITORY, stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the run over {path} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss * 1024, time.monotonic() - started_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--hours", type=float, default=3.0)
    options, flags = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        many, long = Path(folder, "many"), Path(folder, "long.wav")
        many.mkdir()
        many_files(many, options.files)
        long_file(long, options.hours)
        of_many, many_s = peak_bytes(many, Path(folder, "out-many"), flags)
        of_long, long_s = peak_bytes(long, Path(folder, "out-long"), flags)
    print("| input | peak resident memory, GB | seconds |\n|---|---:|---:|")
    print(f"| {options.files} files | {of_many / 1e9:.2f} | {many_s:.0f} |")
    print(f"| one file of {options.hours:g} h | {of_long / 1e9:.2f} | {long_s:.0f} |")
    print(f"\nratio {of_long / of_many:.3f}")


if __name__ == "__main__":
    main()
