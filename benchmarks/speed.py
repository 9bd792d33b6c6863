"""How fast Beamscribe is beside other engines on processors: same weights, same decoding, same threads, one run.

    python benchmarks/speed.py --csv docs/speed.csv
    python benchmarks/speed.py --set short --beam_size 1 --rounds 3
    python benchmarks/speed.py --job 2

Every engine lives in a process of its own (`speed_child.py`), loads once, hears each set once unmeasured, and then in
turn with the others, so that what else the machine does is shared. The sets are made of BEAMSCRIBE_SPEECH. Peers are
run in an environment that --peers names and this script builds: what they need does not belong into ours. A peer that
does not install is left out, and the table says so. --job compares whole jobs instead, each a command started cold.
"""

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import soundfile
from cores import cut
from ours import REPOSITORY, SPEECH, command, speech_manifest
from speed_child import ENGINES
from wer import Clip, read_clips, score

from model.precision import fastest_precision
from model.processors import n_processors
from model.registry import resolve_model

CHILD = Path(__file__).with_name("speed_child.py")
PEER_PACKAGES = ("pywhispercpp", "openai-whisper")
SETS = {
    "short": "LibriSpeech clips of 2 to 20 s",
    "long": "one chapter of 20 minutes",
    "telephone": "noisy telephone clips of 3 s",
    "mixed": "clips of all kinds",
}


@dataclass
class Engine:
    """A running engine and what it has been measured at, by set."""

    name: str
    process: subprocess.Popen[str]
    load_s: float
    seconds: dict[str, list[float]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    peak_mb: float = 0.0

    def hear(self, paths: Sequence[str]) -> tuple[float, list[str]]:
        """How long the engine takes over the files, and what it hears."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(list(paths)) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.peak_mb = answer["peak_mb"]
        return answer["seconds"], answer["texts"]


def start(name: str, beam_size: int, threads: int, python: str) -> Engine | None:
    """The engine, loaded; None where it does not load."""
    folder = str(resolve_model("tiny.en").folder)
    process = subprocess.Popen(
        [python, str(CHILD), name, str(beam_size), str(threads), folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert process.stdout
    line = process.stdout.readline()
    return Engine(name, process, json.loads(line)["load_s"]) if line else None


def peer_python(folder: Path) -> str:
    """The interpreter of an environment with the peers and all of ours, built where it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        ours = [path for path in sys.path if path.endswith("site-packages")]
        next(folder.glob("lib/python*/site-packages")).joinpath("ours.pth").write_text("\n".join(ours) + "\n")
        for package in PEER_PACKAGES:
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", package], check=False)
    return str(python)


def clips_of(name: str) -> list[Clip]:
    """The recordings of a set."""

    def of(corpus: str, count: int | None = None) -> list[Clip]:
        return read_clips(speech_manifest(), str(SPEECH), [corpus])[:count]

    if name == "short":
        return of("librispeech", 60)
    if name == "long":
        return of("longform")
    if name == "telephone":
        return of("telephone_8k", 45)
    return [*of("librispeech", 20), *of("telephone_8k", 20), *of("hard", 12)]


def duration_s(clip: Clip) -> float:
    """Seconds of audio."""
    return float(soundfile.info(clip.uri).duration)


def measure(engines: Sequence[Engine], sets: Sequence[str], rounds: int) -> dict[str, list[Clip]]:
    """Lets the engines hear the sets in turn."""
    clips = {name: clips_of(name) for name in sets}
    for name in sets:
        paths = [clip.uri for clip in clips[name]]
        for number in range(rounds + 1):
            for engine in engines:
                seconds, texts = engine.hear(paths)
                # the first is not measured: it traces, allocates and fills caches
                if number:
                    engine.seconds.setdefault(name, []).append(seconds)
                engine.texts[name] = texts
                print(f"{name}, round {number}: {engine.name} {seconds:.1f} s", file=sys.stderr, flush=True)
    return clips


def rows_of(engines: Sequence[Engine], clips: dict[str, list[Clip]], beam_size: int) -> list[dict[str, object]]:
    """A row for each set and engine."""
    rows: list[dict[str, object]] = []
    for name, heard in clips.items():
        uris, audio_s = [clip.uri for clip in heard], sum(map(duration_s, heard))
        speeds = {engine.name: audio_s / statistics.median(engine.seconds[name]) for engine in engines}
        best_peer = max(
            (speed for engine, speed in speeds.items() if not engine.startswith("Beamscribe")), default=None
        )
        for engine in engines:
            each = [audio_s / seconds for seconds in engine.seconds[name]]
            rows.append(
                {
                    "set": name,
                    "beam": beam_size,
                    "engine": engine.name,
                    "times real time": f"{speeds[engine.name]:.1f}",
                    "range": f"{min(each):.1f}-{max(each):.1f}",
                    "of the best peer": f"{speeds[engine.name] / best_peer:.2f}" if best_peer else "",
                    "WER %": f"{100 * score(heard, dict(zip(uris, engine.texts[name], strict=True))).wer:.2f}",
                    "peak MB": f"{engine.peak_mb:.0f}",
                }
            )
    return rows


def markdown(rows: Sequence[dict[str, object]]) -> str:
    """A table of rows that have the same keys."""
    keys = list(rows[0])
    lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    return "\n".join([*lines, *("| " + " | ".join(str(row[key]) for key in keys) + " |" for row in rows)])


def run_cold(args: Sequence[str]) -> float:
    """Seconds of a command from its start to its end."""
    started_s = time.monotonic()
    subprocess.run(args, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - started_s


PLAIN_LOOP = """
import json, sys
from faster_whisper import BatchedInferencePipeline, WhisperModel
beam, threads, folder, batch, out, *paths = sys.argv[1:]
model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=int(threads), local_files_only=True)
engine = BatchedInferencePipeline(model)
with open(out, "w") as sink:
    for path in paths:
        found, _ = engine.transcribe(path, beam_size=int(beam), language="en", batch_size=int(batch))
        sink.write(json.dumps({"uri": path, "text": " ".join(s.text.strip() for s in found)}) + "\\n")
"""


def job_rows(hours: float, beam_size: int, rounds: int, threads: int) -> list[dict[str, object]]:
    """Whole jobs, each started cold: ours to committed tables, faster-whisper's in a plain loop to a file.

    hours: of audio; 0 is one clip of 10 s.
    """
    folder = str(resolve_model("tiny.en").folder)
    with tempfile.TemporaryDirectory() as name:
        if not hours:
            paths = [f"{name}/ten.wav"]
            cut(Path(paths[0]), minutes=10 / 60)
        else:
            paths = mixed_hours(Path(name), hours)
        audio_s = sum(duration_s(Clip(path, "", "en", "")) for path in paths)
        flags = ["--beam_size", str(beam_size), "--word_timestamps=false", "--language", "en"]
        loop = [
            sys.executable,
            "-c",
            PLAIN_LOOP,
            str(beam_size),
            str(threads),
            folder,
            "16",
            f"{name}/out.jsonl",
            *paths,
        ]
        seconds: dict[str, list[float]] = {"Beamscribe": [], "faster-whisper batched 16, int8": []}
        for number in range(rounds):
            ours = command([Path(path) for path in paths], Path(name, f"out-{number}"), flags)
            seconds["Beamscribe"].append(run_cold(ours))
            seconds["faster-whisper batched 16, int8"].append(run_cold(loop))
            print({engine: each[-1] for engine, each in seconds.items()}, file=sys.stderr, flush=True)
        theirs = statistics.median(seconds["faster-whisper batched 16, int8"])
        return [
            {
                "job": f"{audio_s / 3600:.2f} h, {len(paths)} files",
                "beam": beam_size,
                "engine": engine,
                "seconds": f"{statistics.median(each):.1f}",
                "range": f"{min(each):.1f}-{max(each):.1f}",
                "times real time": f"{audio_s / statistics.median(each):.1f}",
                "speed beside faster-whisper": f"{theirs / statistics.median(each):.2f}",
            }
            for engine, each in seconds.items()
        ]


def mixed_hours(folder: Path, hours: float) -> list[str]:
    """Files of all corpora, each under several names, up to this much audio; the chapter is a third of it."""
    kinds = [read_clips(speech_manifest(), str(SPEECH), [c]) for c in ("librispeech", "telephone_8k", "hard")]
    short = [clip for clips in kinds for clip in clips]
    chapter = read_clips(speech_manifest(), str(SPEECH), ["longform"])[0]
    paths: list[str] = []
    left_s = hours * 3600

    def add(clip: Clip) -> None:
        nonlocal left_s
        source = Path(clip.uri)
        path = folder / f"{len(paths):05d}{source.suffix}"
        path.symlink_to(source)
        paths.append(str(path))
        left_s -= duration_s(clip)

    while left_s > 0:
        add(chapter)
        started_s = left_s
        index = 0
        while left_s > 0 and started_s - left_s < 2 * duration_s(chapter):
            add(short[index % len(short)])
            index += 1
    return paths


def machine() -> str:
    """What was measured on, and what."""
    names = [
        line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    packages = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "faster-whisper", "ctranslate2"))
    return (
        f"{len(names)} cores of {names[0]}, {platform.system()}, Python {platform.python_version()}, {packages}; "
        f"precision auto is {fastest_precision()} here."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", choices=SETS, help="may be repeated (default: all)")
    parser.add_argument("--beam_size", action="append", type=int, help="may be repeated (default: 1 and 5)")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="may be repeated (default: all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=n_processors())
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir(), "speed-peers"), metavar="FOLDER")
    parser.add_argument("--job", type=float, metavar="HOURS", help="whole jobs over so much audio; 0: one clip of 10 s")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="add the rows to this file too")
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for beam_size in options.beam_size or [1, 5]:
        if options.job is not None:
            rows += job_rows(options.job, beam_size, options.rounds, options.threads)
            continue
        python = peer_python(options.peers)
        engines = []
        for name in options.engine or ENGINES:
            engine = start(name, beam_size, options.threads, python)
            if engine:
                engines.append(engine)
            else:
                print(f"{name} does not load here and is left out")
        clips = measure(engines, options.set or list(SETS), options.rounds)
        rows += rows_of(engines, clips, beam_size)
        for engine in engines:
            engine.process.kill()
    print(markdown(rows))
    print("\n" + machine())
    if options.csv:
        is_new = not options.csv.exists()
        with options.csv.open("a", newline="") as sink:
            writer = csv.DictWriter(sink, list(rows[0]))
            if is_new:
                writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
