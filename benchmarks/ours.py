"""Beamscribe as the benchmarks run it: the command line, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

REPOSITORY = Path(__file__).resolve().parent.parent
SPEECH = Path(os.environ.get("BEAMSCRIBE_SPEECH", REPOSITORY.parent / "shared" / "speech")).resolve()
# Exit status of a run that finished and wrote its tables, although assets failed
FINISHED = (0, 3)


def speech_manifest() -> Path:
    """The manifest of the recordings; SystemExit says what to do where there is none."""
    manifest = SPEECH / "manifest.jsonl"
    if not manifest.exists():
        raise SystemExit(f"{manifest} is missing: name the folder of recordings in BEAMSCRIBE_SPEECH")
    return manifest


def command(inputs: Sequence[Path], output: Path, flags: Sequence[str]) -> list[str]:
    """One run of the main job, to be started in the repository."""
    paths = [str(path) for path in inputs]
    return [sys.executable, "-m", "pipelines.cli", "transcribe", "--input", *paths, "--output", str(output), *flags]


def transcribe(inputs: Sequence[Path], output: Path, flags: Sequence[str]) -> None:
    """Runs the main job. SystemExit where it wrote no tables."""
    run = subprocess.run(command(inputs, output, flags), cwd=REPOSITORY, stdout=sys.stderr, check=False)
    if run.returncode not in FINISHED:
        raise SystemExit(f"beamscribe transcribe ended with {run.returncode}: there is nothing to measure")


def read_rows(output: Path, table: str) -> list[dict[str, Any]]:
    """All rows of a table; none where the run had nothing to write into it."""
    folder = output / table
    if not folder.is_dir():
        return []
    return ds.dataset(folder, format="parquet", partitioning="hive").to_table().to_pylist()
