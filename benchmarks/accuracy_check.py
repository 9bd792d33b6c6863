"""Word error rates of Beamscribe and of faster-whisper on the same recordings with the same weights.

    python benchmarks/accuracy_check.py

Both search with a beam of 5 in float32 and are otherwise left at their defaults. The recordings are those of
BEAMSCRIBE_SPEECH, a folder with a `manifest.jsonl`; nothing is left behind.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peers import load, transcribe
from wer import Clip, Score, read_clips, read_hypotheses, score_corpora

REPOSITORY = Path(__file__).resolve().parent.parent
SPEECH = Path(os.environ.get("BEAMSCRIBE_SPEECH", REPOSITORY.parent / "shared" / "speech"))
CORPORA = ("librispeech", "telephone_8k", "hard", "longform")
BEAM_SIZE = 5
# Exit status of a run that finished and wrote its tables, although assets failed: they are scored as missing
FINISHED = (0, 3)


def hear_with_beamscribe(clips: list[Clip], model: str) -> dict[str, str]:
    """Text by uri from one run of the main job into a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder, "clips.jsonl")
        manifest.write_text("".join(json.dumps({"uri": clip.uri}) + "\n" for clip in clips))
        output = Path(folder, "out")
        flags = ["--input", str(manifest), "--output", str(output), "--model", model, "--beam_size", str(BEAM_SIZE)]
        run = subprocess.run([sys.executable, "-m", "pipelines.cli", "transcribe", *flags], cwd=REPOSITORY, check=False)
        if run.returncode not in FINISHED:
            raise SystemExit(f"beamscribe transcribe ended with {run.returncode}: nothing to score")
        return read_hypotheses(output)


def hear_with_faster_whisper(clips: list[Clip], model: str, threads: int) -> dict[str, str]:
    """Text by uri from faster-whisper's sequential transcription."""
    return transcribe(load(model, "float32", threads), clips, BEAM_SIZE)


def comparison(ours: list[Score], theirs: list[Score]) -> str:
    """Both engines' rates in a Markdown table, the difference in percentage points."""
    lines = ["| corpus | clips | Beamscribe WER % | faster-whisper WER % | difference |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {our.corpus} | {our.clips} | {100 * our.wer:.2f} | {100 * their.wer:.2f} "
        f"| {100 * (our.wer - their.wer):+.2f} |"
        for our, their in zip(ours, theirs, strict=True)
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", help=f"may be repeated (default: {' '.join(CORPORA)})")
    parser.add_argument("--model", default="tiny.en", help="tiny.en, or the folder of a CTranslate2 model")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of faster-whisper")
    options = parser.parse_args()
    manifest = SPEECH / "manifest.jsonl"
    if not manifest.exists():
        raise SystemExit(f"{manifest} is missing: name the folder of recordings in BEAMSCRIBE_SPEECH")
    clips = read_clips(manifest, options.corpus or CORPORA)
    started_s = time.monotonic()
    ours = hear_with_beamscribe(clips, options.model)
    ours_done_s = time.monotonic()
    theirs = hear_with_faster_whisper(clips, options.model, options.threads)
    print(comparison(score_corpora(clips, ours), score_corpora(clips, theirs)))
    print(f"\nBeamscribe took {ours_done_s - started_s:.0f} s, faster-whisper {time.monotonic() - ours_done_s:.0f} s")


if __name__ == "__main__":
    main()
