"""The row of an asset that could not be (wholly) read or recognised."""

from datetime import UTC, datetime, timedelta

from transforms.heard import Failure, Heard
from transforms.rows import FailureRow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def failure_row(heard: Heard, failure: Failure, salvaged_s: float, run_id: str, model_sha256: str | None) -> FailureRow:
    """What went wrong with an asset in a run. salvaged_s: seconds of it that have rows all the same."""
    return FailureRow(
        uri=heard.item.asset.uri,
        stage=failure.stage,
        error_type=failure.error_type,
        message=failure.message,
        retriable=failure.retriable,
        attempts=heard.item.attempts,
        salvaged_s=salvaged_s,
        size_bytes=heard.item.asset.size_bytes,
        source_modified_at=timestamp(heard.item.asset.modified_at_us),
        model_sha256=model_sha256,
        config_hash=heard.item.config_hash,
        run_id=run_id,
        failed_at=datetime.now(UTC),
    )


def timestamp(modified_at_us: int | None) -> datetime | None:
    """Microseconds since the epoch as a time."""
    return None if modified_at_us is None else EPOCH + timedelta(microseconds=modified_at_us)
