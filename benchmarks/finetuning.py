"""What fine-tuning gives and what it costs: tiny.en tuned on 20 sentences by telephone, scored on 10 others.

    python benchmarks/finetuning.py --work /tmp/tuned
    python benchmarks/finetuning.py --work /tmp/tuned --variants all

The recordings `telephone_8k` have each sentence clean, at 10 dB and at 0 dB of noise. Sentences 1-20 are trained on,
and 21-30 scored; `librispeech` shows what was forgotten. Anchors are what tiny.en itself writes of the recording
`longform`, cut at its segments: no reference is used. Noises are what is left of the noisy recordings of sentences 1-20
where the clean ones are subtracted. All of it runs as the commands `finetune` and `transcribe`; seeds are fixed.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import soundfile
from ours import FINISHED, REPOSITORY, SPEECH, read_rows, speech_manifest, transcribe
from peers import read_samples
from wer import Clip, Score, read_clips, read_hypotheses, score

MODEL = "tiny.en"
LAST_TRAINED = 20
LEVELS = ("clean", "sn10", "sn0")
# the shortest window that is recognised: anchors that fit into it are cheap
ANCHOR_S = 9.5


class Variant(NamedTuple):
    """A way to tune."""

    name: str
    flags: tuple[str, ...]
    anchors: bool = True
    noise: bool = True


ALL_PRODUCTS = ("--adapt", "query,value,out,mlp")
ANCHORED = ("--anchor_weight", "4")
BLENDED = ("--share", "0.7")
COMMON = ("--epochs", "24", "--patience", "24", "--augment_probability", "0.8")
VARIANTS = [
    Variant("adapters, 0.7 of the way", (*ALL_PRODUCTS, *ANCHORED, *BLENDED)),
    Variant("adapters", (*ALL_PRODUCTS, *ANCHORED)),
    Variant("adapters of queries and values", ANCHORED),
    Variant("adapters of the encoder", (*ALL_PRODUCTS, *ANCHORED, "--sides", "encoder")),
    Variant("adapters, noise made up alone", (*ALL_PRODUCTS, *ANCHORED), noise=False),
    Variant("adapters, no anchors", ALL_PRODUCTS, anchors=False),
    Variant("decoder", ("--tune", "decoder", *ANCHORED)),
    Variant("all", ("--tune", "all", *ANCHORED)),
]


class Result(NamedTuple):
    """What a model makes of the recordings that it was not tuned on."""

    name: str
    minutes: float | None
    telephone: Score
    by_level: tuple[Score, ...]
    librispeech: Score


def sentence_of(clip: Clip) -> int:
    """The number of the sentence that is read."""
    found = re.search(r"/sp(\d\d)", clip.uri)
    assert found is not None
    return int(found[1])


def level_of(clip: Clip) -> str:
    """How much noise there is, of LEVELS."""
    return Path(clip.uri).parent.name


def write_manifest(path: Path, clips: Iterable[Clip]) -> Path:
    """References and languages of clips."""
    rows = [{"uri": clip.uri, "reference": clip.reference, "language": clip.language} for clip in clips]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_noises(folder: Path, clips: Sequence[Clip]) -> Path:
    """What the noisy recordings have and the clean ones have not."""
    folder.mkdir()
    clean = {sentence_of(clip): read_samples(Path(clip.uri)) for clip in clips if level_of(clip) == "clean"}
    for clip in clips:
        if level_of(clip) != "clean":
            noisy, quiet = read_samples(Path(clip.uri)), clean[sentence_of(clip)]
            n = min(len(noisy), len(quiet))
            soundfile.write(folder / Path(clip.uri).name, noisy[:n] - quiet[:n], 16_000)
    return folder


def write_anchors(folder: Path, clips: Sequence[Clip]) -> Path:
    """The segments of a long recording, with what the untuned model writes."""
    transcribe([Path(clip.uri) for clip in clips], folder / "longform", ["--model", MODEL])
    rows = [
        {"uri": row["uri"], "start_s": row["start_s"], "end_s": row["end_s"], "reference": row["text"]}
        for row in sorted(read_rows(folder / "longform", "segments"), key=lambda row: row["start_s"])
        if row["text"] and row["end_s"] - row["start_s"] < ANCHOR_S
    ]
    path = folder / "anchors.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tune(variant: Variant, folder: Path, inputs: dict[str, Path]) -> float:
    """Minutes that it took."""
    flags = ["--model", MODEL, "--manifest", str(inputs["train"]), "--output", str(folder), *COMMON, *variant.flags]
    flags += ["--anchors", str(inputs["anchors"])] if variant.anchors else []
    flags += ["--noise", str(inputs["noises"])] if variant.noise else []
    started_s = time.monotonic()
    run = subprocess.run([sys.executable, "-m", "pipelines.cli", "finetune", *flags], cwd=REPOSITORY, check=False)
    if run.returncode not in FINISHED:
        raise SystemExit(f"beamscribe finetune ended with {run.returncode}: there is nothing to measure")
    return (time.monotonic() - started_s) / 60


def hear(model: str, clips: Sequence[Clip], folder: Path) -> dict[str, str]:
    """Texts by uri."""
    folder.mkdir(parents=True)
    manifest = folder / "clips.jsonl"
    manifest.write_text("".join(json.dumps({"uri": c.uri, "language": c.language}) + "\n" for c in clips))
    transcribe([manifest], folder / "out", ["--model", model, "--word_timestamps=false"])
    return read_hypotheses(folder / "out", "/")


def measure(
    name: str, model: str, minutes: float | None, test: Sequence[Clip], kept: Sequence[Clip], folder: Path
) -> Result:
    """Scores a model on both sets."""
    texts = hear(model, [*test, *kept], folder)
    levels = tuple(score([clip for clip in test if level_of(clip) == level], texts) for level in LEVELS)
    return Result(name, minutes, score(list(test), texts), levels, score(list(kept), texts))


def markdown(results: Sequence[Result]) -> str:
    """The results as a table; the first is the untuned model's."""
    untuned = results[0]
    lines = [
        f"| tuned | minutes | telephone WER % | {' | '.join(LEVELS)} | change | librispeech WER % | moved |",
        "|---|---:|---:|" + "---:|" * len(LEVELS) + "---:|---:|---:|",
    ]
    for result in results:
        levels = " | ".join(f"{100 * level.wer:.1f}" for level in result.by_level)
        change = 100 * (result.telephone.wer / untuned.telephone.wer - 1)
        moved = 100 * (result.librispeech.wer - untuned.librispeech.wer)
        minutes = "" if result.minutes is None else f"{result.minutes:.0f}"
        lines.append(
            f"| {result.name} | {minutes} | {100 * result.telephone.wer:.2f} | {levels} | {change:+.1f} % "
            f"| {100 * result.librispeech.wer:.2f} | {moved:+.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", choices=("first", "all"), default="first", help="how many ways to try")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="new folder of models and tables")
    options = parser.parse_args()
    options.work.mkdir(parents=True)
    work = options.work.resolve()
    telephone, kept, longform = (
        read_clips(speech_manifest(), str(SPEECH), [corpus]) for corpus in ("telephone_8k", "librispeech", "longform")
    )
    train, test = (
        [clip for clip in telephone if (sentence_of(clip) <= LAST_TRAINED) == is_train] for is_train in (True, False)
    )
    inputs = {
        "train": write_manifest(work / "train.jsonl", train),
        "noises": write_noises(work / "noises", train),
        "anchors": write_anchors(work, longform),
    }
    results = [measure("untuned", MODEL, None, test, kept, work / "untuned")]
    print(markdown(results))
    for number, variant in enumerate(VARIANTS if options.variants == "all" else VARIANTS[:1]):
        model = work / f"model{number}"
        minutes = tune(variant, model, inputs)
        results.append(measure(variant.name, str(model), minutes, test, kept, work / f"heard{number}"))
        print(markdown(results), flush=True)


if __name__ == "__main__":
    main()
