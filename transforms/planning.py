"""What is new, what has changed, what is done: inputs held against the tables of earlier runs."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import BeamscribeError
from transforms import storage
from transforms.assets import Asset, WorkItem
from transforms.rows import TIMESTAMP

IDENTITY = ["uri", "size_bytes", "source_modified_at", "config_hash", "model_sha256"]


@dataclass(frozen=True, slots=True)
class Done:
    """An asset as an earlier run left it."""

    # file of the table, below the table's folder: `dt=2026-11-22/….parquet`
    part: str
    size_bytes: int | None
    modified_at_us: int | None
    config_hash: str
    model_sha256: str


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


@dataclass(frozen=True)
class Plan:
    """What a run has to do. Items keep the order of the inputs."""

    new: tuple[WorkItem, ...]
    changed: tuple[WorkItem, ...]
    # failed before, and worth another try
    retried: tuple[WorkItem, ...]
    n_unchanged: int
    # failed before, would fail again, left alone
    n_failed_before: int

    @property
    def work(self) -> tuple[WorkItem, ...]:
        """Everything to transcribe, largest first, so that the last worker to finish has little left to do."""
        items = (*self.new, *self.changed, *self.retried)
        return tuple(sorted(items, key=lambda item: (-(item.asset.size_bytes or 0), item.asset.uri)))


def config_hash(options: Mapping[str, Any], asset: Asset | None = None) -> str:
    """Hash of every option that can change a row, with what a manifest asks of this asset alone."""
    tracks = [asdict(track) for track in asset.tracks] if asset else []
    canonical = json.dumps({"options": options, "tracks": tracks}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def read_history(output: str) -> History:
    """What earlier runs left in the tables below `output`. Transcripts of assets that then failed are `done` too."""
    done: dict[str, Done] = {}
    for part, row in _rows(output, "transcripts", IDENTITY):
        done[row["uri"]] = _done(part, row)
    failed: dict[str, FailedBefore] = {}
    for part, row in _rows(output, "failures", [*IDENTITY, "retriable", "attempts"]):
        failed[row["uri"]] = FailedBefore(_done(part, row), row["retriable"], row["attempts"])
    return History(done, failed)


def _done(part: str, row: dict[str, Any]) -> Done:
    return Done(part, row["size_bytes"], row["source_modified_at"], row["config_hash"], row["model_sha256"])


def _rows(output: str, table: str, columns: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    folder = storage.join(output, table)
    try:
        parts = table_parts(output, table)
    except OSError as error:
        raise BeamscribeError(f"{output} cannot be read ({error}); check path, rights and credentials") from error
    for info in parts:
        try:
            with storage.open_read(info.path) as file:
                arrow = pq.read_table(file, columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise BeamscribeError(f"{info.path}: not a table of Beamscribe ({error}); move it elsewhere") from error
        if missing := set(columns) - set(arrow.column_names):
            raise BeamscribeError(
                f"{info.path}: not a table of Beamscribe (no column {min(missing)}); choose another --output"
            )
        moment = arrow.schema.get_field_index("source_modified_at")
        micros = arrow.column("source_modified_at").cast(TIMESTAMP).cast(pa.int64())
        arrow = arrow.set_column(moment, "source_modified_at", micros)
        part = info.path.removeprefix(folder + "/")
        for batch in arrow.to_batches(max_chunksize=10_000):
            yield from ((part, row) for row in batch.to_pylist())


def table_parts(output: str, table: str) -> list[storage.FileInfo]:
    """The Parquet files of a table, sorted by path."""
    folder = storage.join(output, table)
    if storage.is_local(folder) and not storage.is_folder(folder):
        return []
    return [info for info in storage.list_files(folder) if info.path.endswith(".parquet")]


def plan_work(
    assets: Iterable[Asset], history: History, options: Mapping[str, Any], model_sha256: str, retry_failed: bool
) -> Plan:
    """Holds the inputs against what is done: equal size, modification time, options and model mean unchanged.

    A failure is tried again when it was a passing one, when anything has changed, or when `retry_failed` asks for it.
    """
    new: list[WorkItem] = []
    changed: list[WorkItem] = []
    retried: list[WorkItem] = []
    n_unchanged = n_failed_before = 0
    for asset in assets:
        done, failed = history.done.get(asset.uri), history.failed.get(asset.uri)
        key = config_hash(options, asset)
        if done and _same(asset, done, key, model_sha256):
            n_unchanged += 1
        elif failed and _same(asset, failed.done, key, model_sha256):
            if failed.retriable or retry_failed:
                retried.append(WorkItem(asset, key, failed.attempts + 1))
            else:
                n_failed_before += 1
        else:
            (changed if done or failed else new).append(WorkItem(asset, key, 1))
    return Plan(tuple(new), tuple(changed), tuple(retried), n_unchanged, n_failed_before)


def _same(asset: Asset, done: Done, key: str, model_sha256: str) -> bool:
    before = (done.size_bytes, done.modified_at_us, done.config_hash, done.model_sha256)
    return before == (asset.size_bytes, asset.modified_at_us, key, model_sha256)
