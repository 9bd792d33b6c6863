"""The row that a run of the job of features writes about itself, and what it says of it on the terminal."""

from datetime import datetime

from pipelines.feature_jobs import FeaturesJob
from pipelines.run_columns import job_columns, summary_lines
from transforms.features.parts import FeatureReceipt
from transforms.features.rows import FeatureRunRow

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
    return FeatureRunRow(
        **job_columns(job, receipt, n_unfinished, stopped_status, run_id, started_at, LIBRARIES),
        features=receipt.features,
        regions=receipt.regions,
        frames=receipt.frames,
        embeddings=receipt.embeddings,
        model=job.model.name if job.model else None,
        model_sha256=job.model_sha256,
    )


def summary(row: FeatureRunRow, job: FeaturesJob) -> str:
    """What a run did, in a few lines."""
    tables = ("features", "regions", "frames", "embeddings")
    counts = ", ".join(f"{n} rows of {name}" for name in tables if (n := getattr(row, name)))
    statuses = f"{row.ok} ok, {row.partial} partial, {row.failed} failed"
    return summary_lines(row, statuses, 0, f"{counts or 'no rows'} in {job.output}")
