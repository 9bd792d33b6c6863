"""What training comes to: spoken digits, learnt by `train`, heard by `transcribe`, scored by `evaluate`.

    python benchmarks/digits.py --work /tmp/digits
    python benchmarks/digits.py --work /tmp/digits --architecture conformer
    python benchmarks/digits.py --work /tmp/digits --left_out all

Needs `digits.jsonl` in the folder BEAMSCRIBE_SPEECH: 3,000 clips of one digit by six speakers, of which 300 are for
testing. Scored are these, and strings of 3 to 7 of them with short pauses between. `evaluate` writes digits in a row as
one number: of strings it tells how many are not wholly right, and word errors are counted here. With --left_out a
speaker's clips are learnt in none of their splits, and the test clips of this speaker alone are scored.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jiwer
import numpy as np
import soundfile
from ours import REPOSITORY, SPEECH, read_rows, transcribe

MANIFEST = SPEECH / "digits.jsonl"
# of the commands in docs/training.md
FLAGS = ("--batch_size", "16", "--join_clips", "3", "--vocabulary_kind", "pieces", "--pieces", "64")
SHAPES = {
    "lstm": ("--depth", "2", "--width", "128", "--epochs", "14", "--learning_rate", "3e-3"),
    "conformer": ("--depth", "2", "--width", "96", "--epochs", "16", "--learning_rate", "1e-3"),
}
# words of 0.2 s between digital silence are doubtful to the speech detector
HEARING = ("--language", "en", "--beam_size", "1", "--speech_threshold", "0.2")
# of connected digits: how many strings, of how many clips, and the pauses between them
N_STRINGS, MIN_DIGITS, MAX_DIGITS, PAUSES_S = 100, 3, 7, (0.05, 0.3)
SEED = 0


class Utterance(NamedTuple):
    """A row of a manifest."""

    uri: str
    reference: str
    speaker: str
    split: str


class Scored(NamedTuple):
    """What one model came to."""

    name: str
    train_s: float
    # by name of the recordings: word errors in percent, errors of `evaluate` in percent, words
    rates: dict[str, tuple[float, float, int]]


def read_digits() -> list[Utterance]:
    if not MANIFEST.exists():
        raise SystemExit(f"{MANIFEST} is missing: name the folder of recordings in BEAMSCRIBE_SPEECH")
    rows = (json.loads(line) for line in MANIFEST.read_text(encoding="utf-8").splitlines())
    return [Utterance(str(SPEECH / r["uri"]), r["reference"], r["speaker"], r["split"]) for r in rows]


def write_manifest(path: Path, utterances: Sequence[Utterance]) -> Path:
    rows = ({"uri": u.uri, "reference": u.reference, "language": "en"} for u in utterances)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def connected(folder: Path, clips: Sequence[Utterance]) -> list[Utterance]:
    """Strings of clips of one speaker each, written as sound files."""
    random = np.random.default_rng(SEED)
    speakers = sorted({clip.speaker for clip in clips})
    folder.mkdir(parents=True, exist_ok=True)
    strings = []
    for i in range(N_STRINGS):
        own = [clip for clip in clips if clip.speaker == speakers[i % len(speakers)]]
        picked = [own[k] for k in random.integers(len(own), size=random.integers(MIN_DIGITS, MAX_DIGITS + 1))]
        parts = []
        for clip in picked:
            samples, rate_hz = soundfile.read(clip.uri, dtype="float32")
            parts += [samples, np.zeros(int(random.uniform(*PAUSES_S) * rate_hz), np.float32)]
        path = folder / f"{i:03}.wav"
        soundfile.write(path, np.concatenate(parts), rate_hz)
        strings.append(Utterance(str(path), " ".join(clip.reference for clip in picked), picked[0].speaker, "test"))
    return strings


def run(name: str, flags: Sequence[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "pipelines.cli", name, *flags], cwd=REPOSITORY, check=False)
    if done.returncode:
        raise SystemExit(f"beamscribe {name} ended with {done.returncode}: there is nothing to measure")


def train(work: Path, architecture: str, clips: Sequence[Utterance]) -> float:
    """Seconds that it took, reading included; none where an earlier run has done it."""
    manifest = write_manifest(work / "train.jsonl", clips)
    started_s = time.monotonic()
    flags = ["--manifest", str(manifest), "--output", str(work / "model"), "--architecture", architecture]
    run("train", [*flags, *SHAPES[architecture], *FLAGS])
    return time.monotonic() - started_s


def word_errors(work: Path, name: str, utterances: Sequence[Utterance]) -> tuple[float, float, int]:
    """Error rates through the commands in percent, by words as they are written and by `evaluate`; words."""
    manifest = write_manifest(work / f"{name}.jsonl", utterances)
    tables, scores = work / f"{name}-tables", work / f"{name}-scores"
    # `evaluate` adds its scores to those of earlier runs
    shutil.rmtree(scores, ignore_errors=True)
    transcribe([manifest], tables, ["--model", str(work / "model"), *HEARING])
    run("evaluate", ["--transcripts", str(tables), "--references", str(manifest), "--output", str(scores)])
    rows = read_rows(scores, "group_scores")
    [everything] = [row for row in rows if row["group_by"] == "all"]
    heard = {row["uri"]: row["text"] or "" for row in read_rows(tables, "transcripts")}
    counted = jiwer.process_words([u.reference for u in utterances], [heard.get(u.uri, "") for u in utterances])
    n_words = sum(len(u.reference.split()) for u in utterances)
    return 100 * counted.wer, 100 * everything["wer"], n_words


def score(work: Path, architecture: str, left_out: str | None) -> Scored:
    digits = read_digits()
    work.mkdir(parents=True, exist_ok=True)
    learnt = [u for u in digits if u.speaker != left_out and (left_out or u.split == "train")]
    tested = [u for u in digits if u.split == "test" and left_out in (None, u.speaker)]
    train_s = train(work, architecture, learnt)
    rates = {"digits": word_errors(work, "digits", tested)}
    if left_out is None:
        rates["connected"] = word_errors(work, "connected", connected(work / "connected", tested))
    return Scored(f"{architecture}, {left_out} left out" if left_out else architecture, train_s, rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder of models and tables")
    parser.add_argument("--architecture", choices=sorted(SHAPES), default="lstm")
    parser.add_argument("--left_out", metavar="SPEAKER", help="a speaker, or all in turn")
    options = parser.parse_args()
    speakers = sorted({u.speaker for u in read_digits()}) if options.left_out == "all" else [options.left_out]
    lines = [
        "| model | training s | recordings | words | WER % | evaluate % |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for speaker in speakers:
        found = score(options.work / f"{options.architecture}-{speaker or 'all'}", options.architecture, speaker)
        for name, (wer, evaluated, n_words) in found.rates.items():
            lines.append(f"| {found.name} | {found.train_s:.0f} | {name} | {n_words} | {wer:.2f} | {evaluated:.2f} |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
