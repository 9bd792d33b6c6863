"""The row that a run of the job of features writes about itself, and what it says of it on the terminal."""

import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version

from pipelines.feature_jobs import FeaturesJob
from pipelines.jobs import CODE_VERSION
from pipelines.run_rows import without_secrets
from transforms.features.parts import FeatureReceipt
from transforms.features.rows import FeatureRunRow
from transforms.planning import config_hash

LIBRARIES = ("apache-beam", "tensorflow", "numpy", "scipy", "librosa", "soxr", "soundfile", "av", "pyarrow")


def run_row(
    job: FeaturesJob,
    receipt: FeatureReceipt,
    n_unfinished: int,
    stopped_status: int | None,
    run_id: str,
    started_at: datetime,
) -> FeatureRunRow:
    """What a run did, to the moment before its commit. stopped_status: of a run that was told to stop."""
    finished_at = datetime.now(UTC)
    wall_s = (finished_at - started_at).total_seconds()
    options, plan = job.options, job.plan
    failed_fraction = receipt.failed / receipt.assets if receipt.assets else 0.0
    return FeatureRunRow(
        run_id=run_id,
        started_at=started_at,
        finished_at=finished_at,
        wall_s=wall_s,
        exit_status=stopped_status or (3 if failed_fraction > options.max_failed_fraction else 0),
        found=len(job.inputs.assets),
        skipped_not_media=job.inputs.skipped_not_media,
        unchanged=plan.n_unchanged + len(plan.touched),
        touched=len(plan.touched),
        removed=len(plan.removed),
        failed_before=plan.n_failed_before,
        deferred=len(plan.deferred),
        unfinished=n_unfinished,
        planned=receipt.assets,
        ok=receipt.ok,
        partial=receipt.partial,
        failed=receipt.failed,
        features=receipt.features,
        regions=receipt.regions,
        frames=receipt.frames,
        embeddings=receipt.embeddings,
        audio_s=receipt.audio_s,
        speed=receipt.audio_s / wall_s,
        model=job.model.name if job.model else None,
        model_sha256=job.model_sha256,
        config_hash=config_hash(options.that_change_rows()),
        code_version=CODE_VERSION,
        options=json.dumps(asdict(options) | {"beam_args": without_secrets(options.beam_args)}, sort_keys=True),
        versions=json.dumps({"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}),
        runner=job.runner,
    )


def summary(row: FeatureRunRow, job: FeaturesJob) -> str:
    """What a run did, in a few lines."""
    tables = ("features", "regions", "frames", "embeddings")
    counts = ", ".join(f"{n} rows of {name}" for name in tables if (n := getattr(row, name)))
    lines = [
        f"{row.planned} of {row.found} assets done now ({row.unchanged} unchanged, {row.failed_before} failed before): "
        f"{row.ok} ok, {row.partial} partial, {row.failed} failed",
        f"{row.audio_s / 3600:.2f} h of audio in {row.wall_s:.0f} s: {row.speed:.0f} times real time",
        f"{counts or 'no rows'} in {job.output} (run {row.run_id})",
    ]
    if row.removed:
        lines.append(f"{row.removed} assets that are no longer among the inputs were taken out")
    if row.deferred:
        lines.append(f"{row.deferred} assets are left to later runs (--max_hours)")
    if row.unfinished:
        lines.append(f"stopped before its end: {row.unfinished} assets are left to do; run again to go on")
    if row.exit_status == 3:
        lines.append("more assets failed than --max_failed_fraction allows: see failures")
    return "\n".join(lines)
