"""What the rows of all kinds of runs have in common, and what runs say of them on the terminal."""

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Protocol

from pipelines.jobs import CODE_VERSION
from pipelines.run_options import RunOptions
from transforms.estimates import length_text
from transforms.features.rows import FeatureRunRow
from transforms.inputs import Inputs
from transforms.planning import Plan, config_hash
from transforms.rows import RunRow


class Counted(Protocol):
    """A receipt of either job."""

    @property
    def assets(self) -> int: ...
    @property
    def ok(self) -> int: ...
    @property
    def partial(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def audio_s(self) -> float: ...


class PlannedJob(Protocol):
    """A job that knows what it has to do."""

    @property
    def options(self) -> RunOptions: ...
    @property
    def inputs(self) -> Inputs: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def runner(self) -> str: ...


def run_columns(run_id: str, started_at: datetime, receipt: Counted) -> dict[str, Any]:
    """The columns of a run that has done all that it found."""
    finished_at = datetime.now(UTC)
    wall_s = (finished_at - started_at).total_seconds()
    return {
        "run_id": run_id,
        "started_at": started_at,
        "finished_at": finished_at,
        "wall_s": wall_s,
        "exit_status": 0,
        "found": receipt.assets,
        "skipped_not_media": 0,
        **plan_columns(Plan()),
        "unfinished": 0,
        "planned": receipt.assets,
        "ok": receipt.ok,
        "partial": receipt.partial,
        "failed": receipt.failed,
        "audio_s": receipt.audio_s,
        "speed": receipt.audio_s / wall_s,
        "code_version": CODE_VERSION,
    }


def plan_columns(plan: Plan) -> dict[str, int]:
    """What a plan leaves alone, or takes out."""
    return {
        "unchanged": plan.n_unchanged + len(plan.touched),
        "touched": len(plan.touched),
        "removed": len(plan.removed),
        "failed_before": plan.n_failed_before,
        "deferred": len(plan.deferred),
    }


def job_columns(
    job: PlannedJob,
    receipt: Counted,
    n_unfinished: int,
    stopped_status: int | None,
    run_id: str,
    started_at: datetime,
    libraries: Sequence[str],
) -> dict[str, Any]:
    """The columns of a run that planned its work. stopped_status: of one that was told to stop."""
    options = job.options
    failed_fraction = receipt.failed / receipt.assets if receipt.assets else 0.0
    versions = {"python": platform.python_version()} | {name: version(name) for name in libraries}
    return {
        **run_columns(run_id, started_at, receipt),
        "exit_status": stopped_status or (3 if failed_fraction > options.max_failed_fraction else 0),
        "found": len(job.inputs.assets),
        "skipped_not_media": job.inputs.skipped_not_media,
        **plan_columns(job.plan),
        "unfinished": n_unfinished,
        "config_hash": config_hash(options.that_change_rows()),
        "options": json.dumps(options.told() | {"beam_args": without_secrets(options.beam_args)}, sort_keys=True),
        "versions": json.dumps(versions),
        "runner": job.runner,
    }


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


def summary_lines(row: RunRow | FeatureRunRow, statuses: str, decimals: int, tables: str) -> str:
    """What a run did, in a few lines."""
    lines = [
        f"{row.planned} of {row.found} assets done now ({row.unchanged} unchanged, {row.failed_before} failed before): "
        f"{statuses}",
        f"{length_text(row.audio_s)} of audio in {row.wall_s:.0f} s: {row.speed:.{decimals}f} times real time",
        f"{tables} (run {row.run_id})",
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
