"""The last step of a pipeline: results gathered by part, assembled, staged as complete files, a receipt for each."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from transforms import storage
from transforms.assemble import AssetRows, Provenance, assemble
from transforms.assets import WorkItem
from transforms.commit import PartOf, stage_file
from transforms.mute import muting_of
from transforms.plan_files import PlanFile
from transforms.results import Record, ResultStore, StagedFile, heard_of, read_staged, window_of
from transforms.site import Site
from transforms.tables import ParquetBuffer, to_arrow

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")

# rows of a table that are held as objects
HELD_ROWS = 1_000
# rows of a row group
GROUP_ROWS = 20_000
TRANSCRIPT_TABLES = ("words", "segments", "failures", "transcripts")


@dataclass(frozen=True)
class Receipt:
    """What one part holds, by status and table: the run row is their sum."""

    # assembled
    assets: int = 0
    # begun and not read to their end: the run was told to stop
    unfinished: int = 0
    ok: int = 0
    no_speech: int = 0
    partial: int = 0
    failed: int = 0
    transcripts: int = 0
    segments: int = 0
    words: int = 0
    windows: int = 0
    windows_rescued: int = 0
    rescue_s: float = 0.0
    violations: int = 0
    audio_s: float = 0.0
    speech_s: float = 0.0
    # uris that failed in passing, whose old rows stay
    kept_old: tuple[str, ...] = ()


def receipt_of(asset: AssetRows) -> Receipt:
    """Counts the rows of one asset."""
    return Receipt(
        assets=1,
        **{_status(asset): 1},
        transcripts=len(asset.transcripts),
        segments=len(asset.segments),
        words=len(asset.words),
        windows=asset.n_windows,
        windows_rescued=asset.n_windows_rescued,
        rescue_s=asset.rescue_s,
        violations=asset.n_violations,
        audio_s=sum(row.duration_s for row in asset.transcripts),
        speech_s=sum(row.speech_s for row in asset.transcripts),
        kept_old=(asset.uri,) if asset.keeps_old_version else (),
    )


def _status(asset: AssetRows) -> str:
    statuses = {row.status for row in asset.transcripts}
    return next((s for s in ("partial", "ok", "no_speech") if s in statuses), "failed")


def total(receipts: Iterable[R], kind: type[R]) -> R:
    """The sum of receipts of one kind, all of whose fields can be added and start from nothing."""
    sums: dict[str, Any] = {f.name: getattr(kind(), f.name) for f in fields(kind)}
    for receipt in receipts:
        for name in sums:
            sums[name] += getattr(receipt, name)
    return kind(**sums)


class AssemblePart(beam.DoFn):
    """Assembles all assets of a shard, writes their rows, sorted, and then its receipt.

    Elements are (shard, the files that hold its results). A retry writes the same files again. What of each asset is
    to be silent goes to MUTINGS, where that is asked for.
    """

    MUTINGS = "mutings"

    def __init__(
        self,
        parts: PartOf,
        provenance: Provenance,
        plan: PlanFile,
        store: ResultStore,
        site: Site,
        finds_mutings: bool = False,
    ) -> None:
        self._parts = parts
        self._provenance = provenance
        self._plan = plan
        self._store = store
        self._site = site
        self._finds_mutings = finds_mutings

    def setup(self) -> None:
        self._site.enter()

    def process(self, element: tuple[int, Iterable[StagedFile]]) -> Iterator[int | beam.pvalue.TaggedOutput]:
        shard, files = element
        items = {item.key: item for item in self._plan.items_of(shard)}
        results = read_staged(self._store, files, items)
        part = PartWriter(self._parts, shard)
        receipts: list[Receipt] = []
        for item in sorted(items.values(), key=_uri):
            rows = assemble_records(item, results.pop(item.key, []), self._provenance)
            if rows is None:
                receipts.append(Receipt(unfinished=1))
                continue
            part.add(rows)
            receipts.append(receipt_of(rows))
            if self._finds_mutings and rows.transcripts:
                yield beam.pvalue.TaggedOutput(self.MUTINGS, muting_of(item, rows))
        part.close()
        write_receipt(self._parts, shard, total(receipts, Receipt))
        yield shard


def _uri(item: WorkItem) -> str:
    return item.asset.uri


def by_shard(file: StagedFile) -> Iterator[tuple[int, StagedFile]]:
    """A file of results for each shard that it has something of."""
    return ((shard, file) for shard in file.shards)


def assemble_records(item: WorkItem, records: Sequence[Record], provenance: Provenance) -> AssetRows | None:
    """The rows of one asset; None where it was not read to its end.

    A file that an interrupted run could read, and this one cannot, has results that are beyond what it is now.
    """
    ends = [record for record in records if not record.is_window]
    if not ends:
        return None
    heard = replace(heard_of(ends[0]), item=item)
    n_windows = {track.channel: track.n_windows for track in heard.tracks}
    windows = [r for r in records if r.is_window and r.window_index < n_windows.get(r.channel, 0)]
    return assemble(heard, [window_of(record) for record in windows], provenance)


@dataclass
class _Table:
    # as objects, and, more of them in less memory, as Arrow tables
    rows: list[Any] = field(default_factory=list)
    group: list[pa.Table] = field(default_factory=list)
    file: ParquetBuffer | None = None


class PartWriter:
    """Writes the rows of one shard, a file a table. Rows come sorted; few of them are held at a time."""

    def __init__(self, parts: PartOf, shard: int, tables: Sequence[str] = TRANSCRIPT_TABLES) -> None:
        self._parts = parts
        self._shard = shard
        self._tables = {table: _Table() for table in tables}

    def add(self, asset: Any) -> None:
        """Takes all rows of one asset: it has an attribute of the name of each table."""
        for name, table in self._tables.items():
            table.rows += getattr(asset, name)
            if len(table.rows) >= HELD_ROWS:
                self._pack(name, table)
            if sum(arrow.num_rows for arrow in table.group) >= GROUP_ROWS:
                self._write(table)

    def close(self) -> None:
        """Stages the files, complete; a table without rows has none."""
        for name, table in self._tables.items():
            self._pack(name, table)
            self._write(table)
            if table.file:
                path = self._parts.staged(name, self._parts.name(self._shard))
                stage_file(path, table.file.close(), table.file.n_rows)

    def _pack(self, name: str, table: _Table) -> None:
        if table.rows:
            table.group.append(to_arrow(name, table.rows))
            table.rows = []

    def _write(self, table: _Table) -> None:
        if table.group:
            arrow = pa.concat_tables(table.group)
            table.file = table.file or ParquetBuffer(arrow.schema)
            table.file.write(arrow)
            table.group = []


def write_receipt(parts: PartOf, shard: int, receipt: "DataclassInstance") -> None:
    """Says that a shard is staged, and what it holds."""
    record = {f.name: getattr(receipt, f.name) for f in fields(receipt)}
    path = storage.join(parts.staging, "receipts", f"{shard:05d}.json")
    storage.write_whole(path, json.dumps(record).encode())


def read_receipts(parts: PartOf, kind: type[R]) -> list[R]:
    """The receipts of a run, by shard."""
    receipts = []
    for info in storage.files_named(storage.join(parts.staging, "receipts"), ".json"):
        record = json.loads(storage.read_whole(info.path))
        receipts.append(kind(**{**record, "kept_old": tuple(record["kept_old"])}))
    return receipts


def staged_uris(parts: PartOf, tables: Sequence[str] = ("transcripts", "failures")) -> set[str]:
    """The assets whose rows the run has staged. tables: one of them has a row of each."""
    uris: set[str] = set()
    for table in tables:
        for info in storage.files_named(storage.join(parts.staging, "tables", table), ".parquet"):
            uris.update(read_column(info.path, "uri"))
    return uris


def read_column(path: str, name: str) -> Sequence[Any]:
    """One column of a Parquet file."""
    with storage.open_read(path) as file:
        return pq.read_table(file, columns=[name]).column(name).to_pylist()
