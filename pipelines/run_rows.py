"""The row that every run writes about itself, and what it says of it on the terminal."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from pipelines.jobs import CODE_VERSION, Job
from transforms.parts import Receipt
from transforms.planning import config_hash
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
    finished_at = datetime.now(UTC)
    wall_s = (finished_at - started_at).total_seconds()
    options, receipt, plan = job.options, done.receipt, job.plan
    failed_fraction = receipt.failed / receipt.assets if receipt.assets else 0.0
    return RunRow(
        run_id=run_id,
        started_at=started_at,
        finished_at=finished_at,
        wall_s=wall_s,
        exit_status=done.exit_status or (3 if failed_fraction > options.max_failed_fraction else 0),
        found=len(job.checked.inputs.assets),
        skipped_not_media=job.checked.inputs.skipped_not_media,
        unchanged=plan.n_unchanged + len(plan.touched),
        touched=len(plan.touched),
        removed=len(plan.removed),
        failed_before=plan.n_failed_before,
        deferred=len(plan.deferred),
        unfinished=done.n_unfinished,
        planned=receipt.assets,
        ok=receipt.ok,
        no_speech=receipt.no_speech,
        partial=receipt.partial,
        failed=receipt.failed,
        transcripts=receipt.transcripts,
        segments=receipt.segments,
        words=receipt.words,
        windows=receipt.windows,
        windows_resumed=done.n_resumed_windows,
        windows_rescued=receipt.windows_rescued,
        rescue_s=receipt.rescue_s,
        violations=receipt.violations,
        audio_s=receipt.audio_s,
        speech_s=receipt.speech_s,
        speed=receipt.audio_s / wall_s,
        model=job.model.name,
        model_sha256=job.model.sha256,
        config_hash=config_hash(options.that_change_rows()),
        code_version=CODE_VERSION,
        options=json.dumps(options.told() | {"beam_args": without_secrets(options.beam_args)}, sort_keys=True),
        versions=json.dumps({"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}),
        runner=job.runner,
    )


def is_secret(option: str) -> bool:
    """Whether the value of an option is for nobody's eyes, by its name."""
    return any(word in option for word in ("key", "secret", "token", "password", "connection_string"))


def without_secrets(args: Sequence[str]) -> list[str]:
    """Beam flags with the values of keys, tokens and connection strings taken out."""
    kept: list[str] = []
    hide_next = False
    for arg in args:
        flag, equals, _ = arg.partition("=")
        hides = flag.startswith("--") and is_secret(flag)
        kept.append("…" if hide_next and not arg.startswith("--") else f"{flag}=…" if hides and equals else arg)
        hide_next = hides and not equals
    return kept


def summary(row: RunRow, output: str) -> str:
    """What a run did, in a few lines."""
    lines = [
        f"{row.planned} of {row.found} assets done now ({row.unchanged} unchanged, {row.failed_before} failed before): "
        f"{row.ok} ok, {row.no_speech} without speech, {row.partial} partial, {row.failed} failed",
        f"{row.audio_s / 3600:.2f} h of audio in {row.wall_s:.0f} s: {row.speed:.1f} times real time",
        f"tables: {output}/transcripts, segments, failures, runs (run {row.run_id})",
    ]
    if row.removed:
        lines.append(f"{row.removed} assets that are no longer among the inputs were taken out of the tables")
    if row.deferred:
        lines.append(f"{row.deferred} assets are left to later runs (--max_hours)")
    if row.unfinished:
        lines.append(f"stopped before its end: {row.unfinished} assets are left to do; run again to go on")
    if row.exit_status == 3:
        lines.append("more assets failed than --max_failed_fraction allows: see failures")
    return "\n".join(lines)
