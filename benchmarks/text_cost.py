"""What the rules of texts cost: their time over the wall time of the run whose texts they change.

    python benchmarks/text_cost.py longform/lj001.mp3

The recording, below the folder of real speech, is transcribed without any rule; then all rules (a vocabulary of 5,000
terms, disfluencies, casing, inverse text normalisation, profanity, all classes of redaction) are applied to its tables
five times, as `beamscribe correct` does it. Printed are the median and the share of the run's wall time.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from biasing import distractors
from ours import SPEECH

from transforms.recorrect import Correction, assets_of, corrected
from transforms.text.itn import itn_names
from transforms.text.options import TextOptions
from transforms.text.redaction.options import CLASSES, RedactionOptions
from transforms.text.vocabulary import Term

N_TERMS = 5_000
N_PASSES = 5


def everything() -> TextOptions:
    """All rules at once."""
    return TextOptions(
        vocabulary=tuple(Term(word) for word in distractors(N_TERMS)),
        removes_disfluencies=True,
        repairs_casing=True,
        itn=itn_names(),
        profanity="mask",
        redaction=RedactionOptions(classes=CLASSES, names=("Ann Example", "Bob Sample"), region="US"),
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recording", nargs="?", default="longform/lj001.mp3")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "pipelines.cli", "transcribe", "--input", str(SPEECH / args.recording)]
        subprocess.run([sys.executable, *command, "--output", folder, "--beam_size", "1"], check=True)
        (run,) = read_runs(folder)
        (part,) = Path(folder, "transcripts").rglob("*.parquet")
        paths = {
            table: str(Path(folder, table, part.relative_to(Path(folder, "transcripts"))))
            for table in ("transcripts", "segments", "words")
        }
        (tables,) = assets_of(paths)
        seconds = []
        for number in range(1 + N_PASSES):
            correction = Correction(everything(), "benchmark", "0")
            start = time.perf_counter()
            corrected(tables["transcripts"], tables["segments"], tables["words"], correction)
            seconds.append(time.perf_counter() - start)
            print(f"pass {number}: {seconds[-1]:.3f} s")
    median = statistics.median(seconds[1:])
    print(f"run: {run['audio_s']:.0f} s of audio, {len(tables['segments'])} segments, {run['wall_s']:.1f} s")
    print(f"rules: {median:.3f} s, {100 * median / run['wall_s']:.2f} % of it (with indexes {seconds[0]:.3f} s)")


def read_runs(folder: str) -> list[dict]:
    """The rows of the table of runs."""
    return [row for path in Path(folder, "runs").rglob("*.parquet") for row in pq.read_table(path).to_pylist()]


if __name__ == "__main__":
    main()
