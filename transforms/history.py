"""What earlier runs left in the tables of an output."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import BeamscribeError
from transforms import storage
from transforms.rows import TIMESTAMP

IDENTITY = ["uri", "size_bytes", "source_modified_at", "config_hash", "model_sha256"]
# a speed is that of as many of the latest runs
N_RUNS = 5


@dataclass(frozen=True, slots=True)
class Done:
    """An asset as an earlier run left it."""

    # file of the table, below the table's folder: `dt=2026-11-22/….parquet`
    part: str
    size_bytes: int | None
    modified_at_us: int | None
    config_hash: str
    # None: none was used
    model_sha256: str | None
    # not of failures
    content_sha256: str | None = None
    etag: str | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class FailedBefore:
    """A failure as an earlier run left it."""

    done: Done
    retriable: bool
    attempts: int


@dataclass(frozen=True)
class History:
    """What the tables say of earlier runs, by uri."""

    done: Mapping[str, Done]
    failed: Mapping[str, FailedBefore]

    @property
    def uris(self) -> set[str]:
        return {*self.done, *self.failed}


def read_history(output: str, table: str = "transcripts") -> History:
    """What earlier runs left in the tables below `output`. Rows of assets that then failed are `done` too.

    table: the one that has a row for each asset that was done.
    """
    done: dict[str, Done] = {}
    for part, row in _rows(output, table, [*IDENTITY, "content_sha256", "duration_s"], ["etag"]):
        done[row["uri"]] = _done(part, row)
    failed: dict[str, FailedBefore] = {}
    for part, row in _rows(output, "failures", [*IDENTITY, "retriable", "attempts"]):
        failed[row["uri"]] = FailedBefore(_done(part, row), row["retriable"], row["attempts"])
    return History(done, failed)


def measured_speed(output: str, model_sha256: str, config_hash: str) -> float | None:
    """Audio seconds a second of the latest runs, of the same configuration where there were any; None: none yet."""
    columns = ["started_at", "wall_s", "audio_s", "model_sha256", "config_hash"]
    runs = [row for _, row in _rows(output, "runs", columns) if row["audio_s"] and row["model_sha256"] == model_sha256]
    alike = [row for row in runs if row["config_hash"] == config_hash] or runs
    latest = sorted(alike, key=lambda row: row["started_at"])[-N_RUNS:]
    return sum(row["audio_s"] for row in latest) / sum(row["wall_s"] for row in latest) if latest else None


def _done(part: str, row: dict[str, Any]) -> Done:
    return Done(
        part=part,
        size_bytes=row["size_bytes"],
        modified_at_us=row["source_modified_at"],
        config_hash=row["config_hash"],
        model_sha256=row["model_sha256"],
        content_sha256=row.get("content_sha256"),
        etag=row.get("etag"),
        duration_s=row.get("duration_s"),
    )


def _rows(
    output: str, table: str, columns: list[str], may_lack: list[str] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows with the part they are in; times in microseconds. may_lack: columns that older versions did not write."""
    folder = storage.join(output, table)
    try:
        parts = table_parts(output, table)
    except OSError as error:
        raise BeamscribeError(f"{output} cannot be read ({error}); check path, rights and credentials") from error
    for info in parts:
        try:
            with storage.open_read(info.path) as file:
                arrow = pq.read_table(file, columns=[*columns, *(may_lack or [])])
        except (pa.ArrowException, OSError) as error:
            raise BeamscribeError(f"{info.path}: not a table of Beamscribe ({error}); move it elsewhere") from error
        if missing := set(columns) - set(arrow.column_names):
            raise BeamscribeError(
                f"{info.path}: not a table of Beamscribe (no column {min(missing)}); choose another --output"
            )
        part = info.path.removeprefix(folder + "/")
        for batch in _in_microseconds(arrow).to_batches(max_chunksize=10_000):
            yield from ((part, row) for row in batch.to_pylist())


def _in_microseconds(arrow: pa.Table) -> pa.Table:
    for number, column in enumerate(arrow.schema):
        if pa.types.is_timestamp(column.type):
            micros = arrow.column(number).cast(TIMESTAMP).cast(pa.int64())
            arrow = arrow.set_column(number, column.name, micros)
    return arrow


def table_parts(output: str, table: str) -> list[storage.FileInfo]:
    """The Parquet files of a table, sorted by path."""
    return storage.files_named(storage.join(output, table), ".parquet")
