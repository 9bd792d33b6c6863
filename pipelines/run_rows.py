"""The row that a run of the main job writes about itself, and what it says of it on the terminal."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.jobs import Job
from pipelines.run_columns import job_columns, summary_lines
from transforms.parts import Receipt
from transforms.rows import RunRow

LIBRARIES = ("apache-beam", "tensorflow", "numpy", "librosa", "soxr", "soundfile", "av", "pyarrow", "tokenizers")


@dataclass(frozen=True)
class Finished:
    """How the work of a run ended."""

    receipt: Receipt
    # planned and not done, because the run was told to stop
    n_unfinished: int
    # taken over from an interrupted run
    n_resumed_windows: int
    # of a run that was told to stop
    exit_status: int | None


def run_row(job: Job, done: Finished, run_id: str, started_at: datetime) -> RunRow:
    """What a run did, to the moment before its commit."""
    return RunRow(
        **job_columns(job, done.receipt, done.n_unfinished, done.exit_status, run_id, started_at, LIBRARIES),
        **receipt_columns(done.receipt),
        windows_resumed=done.n_resumed_windows,
        model=job.model.name,
        model_sha256=job.model.sha256,
    )


def receipt_columns(receipt: Receipt) -> dict[str, Any]:
    """What only a run that writes transcripts counts."""
    return {
        "no_speech": receipt.no_speech,
        "transcripts": receipt.transcripts,
        "segments": receipt.segments,
        "words": receipt.words,
        "windows": receipt.windows,
        "windows_rescued": receipt.windows_rescued,
        "rescue_s": receipt.rescue_s,
        "violations": receipt.violations,
        "speech_s": receipt.speech_s,
    }


def summary(row: RunRow, output: str) -> str:
    """What a run did, in a few lines."""
    statuses = f"{row.ok} ok, {row.no_speech} without speech, {row.partial} partial, {row.failed} failed"
    return summary_lines(row, statuses, 1, f"tables: {output}/transcripts, segments, failures, runs")
