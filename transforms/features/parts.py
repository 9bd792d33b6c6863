"""The last step of the pipeline: what was extracted, gathered by part, becomes complete files and a receipt."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import apache_beam as beam
import pyarrow as pa

from transforms import storage
from transforms.assets import WorkItem
from transforms.commit import PartOf, stage_file
from transforms.features.assemble import FeatureRows, Origin, assemble
from transforms.features.extract import Extracted
from transforms.features.frame_files import path_of, read_rows
from transforms.features.tfrecords import TABLE as TFRECORDS
from transforms.features.tfrecords import ExampleWriter
from transforms.parts import GROUP_ROWS, PartWriter, total, write_receipt
from transforms.plan_files import PlanFile
from transforms.results import Record, ResultStore, StagedFile, read_staged, unpack
from transforms.site import Site
from transforms.tables import ParquetBuffer, schema_of

ROW_TABLES = ("features", "regions", "failures")
FRAME_TABLES = ("frames", "embeddings")
# rows of frames in one file, 20 minutes: a file is put together in memory
FILE_ROWS = 120_000


@dataclass(frozen=True)
class FeatureReceipt:
    """What one part holds, by status and table: the run row is their sum."""

    assets: int = 0
    # begun and not read to their end: the run was told to stop
    unfinished: int = 0
    ok: int = 0
    partial: int = 0
    failed: int = 0
    features: int = 0
    regions: int = 0
    frames: int = 0
    embeddings: int = 0
    audio_s: float = 0.0
    # uris that failed in passing, whose old rows stay
    kept_old: tuple[str, ...] = ()


class AssembleFeatures(beam.DoFn):
    """Assembles all assets of a shard, writes their rows, sorted, and then its receipt.

    Elements are (shard, the files that hold its results). A retry writes the same files again. tables: those of
    FRAME_TABLES that have rows, or that of the examples.
    """

    def __init__(
        self,
        parts: PartOf,
        origin: Origin,
        plan: PlanFile,
        store: ResultStore,
        site: Site,
        tables: Sequence[str],
    ) -> None:
        self._parts = parts
        self._origin = origin
        self._plan = plan
        self._store = store
        self._site = site
        self._tables = tables

    def setup(self) -> None:
        self._site.enter()

    def process(self, element: tuple[int, Iterable[StagedFile]]) -> Iterator[int]:
        shard, files = element
        items = {item.key: item for item in self._plan.items_of(shard)}
        results = read_staged(self._store, files, items)
        rows = PartWriter(self._parts, shard, ROW_TABLES)
        frames = [self._writer(shard, table) for table in self._tables]
        ordered = sorted(items.values(), key=lambda item: item.asset.uri)
        added = (self._added(item, results.pop(item.key, []), rows, frames) for item in ordered)
        receipt = total(added, FeatureReceipt)
        rows.close()
        counts = {writer.table: writer.close() for writer in frames}
        n_frames = counts.get("frames", 0) + counts.get(TFRECORDS, 0)
        receipt = replace(receipt, frames=n_frames, embeddings=counts.get("embeddings", 0))
        write_receipt(self._parts, shard, receipt)
        yield shard

    def _writer(self, shard: int, table: str) -> "Writer":
        make = ExampleWriter if table == TFRECORDS else partial(FrameWriter, table)
        return make(self._parts, shard, self._store)

    def _added(
        self, item: WorkItem, records: Sequence[Record], rows: PartWriter, frames: Sequence["Writer"]
    ) -> FeatureReceipt:
        if not records:
            return FeatureReceipt(unfinished=1)
        extracted: Extracted = unpack(records[0].payload, Extracted)
        extracted = replace(extracted, heard=replace(extracted.heard, item=item))
        assembled = assemble(extracted, self._origin)
        rows.add(assembled)
        if assembled.features:
            for writer in frames:
                writer.add_asset(extracted)
        return receipt_of(assembled)


def receipt_of(asset: FeatureRows) -> FeatureReceipt:
    """Counts the rows of one asset."""
    status = asset.features[0].status if asset.features else "failed"
    return FeatureReceipt(
        assets=1,
        **{status: 1},
        features=len(asset.features),
        regions=len(asset.regions),
        audio_s=sum(row.duration_s for row in asset.features),
        kept_old=(asset.uri,) if asset.keeps_old_version else (),
    )


class Writer(Protocol):
    """Writes what there is of a shard's assets besides their rows."""

    table: str

    def add_asset(self, extracted: Extracted) -> None:
        """Takes the next asset, in the order of their uris."""

    def close(self) -> int:
        """Stages what is left; how many frames there are in all."""


class FrameWriter:
    """Writes the rows of a shard's frames into files of at most FILE_ROWS and a chunk. Rows come sorted."""

    def __init__(self, table: str, parts: PartOf, shard: int, store: ResultStore) -> None:
        self.table = table
        self._store = store
        self._parts = parts
        self._shard = shard
        self._group: list[pa.Table] = []
        self._file: ParquetBuffer | None = None
        self._n_files = self._n_rows = 0

    def add_asset(self, extracted: Extracted) -> None:
        """Takes the staged rows of an asset, chunk by chunk."""
        key = extracted.item.key
        for track in extracted.tracks:
            for chunk in range(track.n_chunks):
                path = path_of(self._store, key, self.table, track.channel, chunk)
                # the last frame of a recording may be of no sample, and then there is nothing to embed
                if storage.exists(path):
                    self._add(read_rows(path))

    def close(self) -> int:
        """Stages the last file; how many rows there are in all."""
        self._write()
        self._finish()
        return self._n_rows

    def _add(self, rows: pa.Table) -> None:
        self._group.append(rows)
        if sum(table.num_rows for table in self._group) >= GROUP_ROWS:
            self._write()
        if self._file and self._file.n_rows >= FILE_ROWS:
            self._finish()

    def _write(self) -> None:
        if self._group:
            self._file = self._file or ParquetBuffer(schema_of(self.table))
            self._file.write(pa.concat_tables(self._group))
            self._group = []

    def _finish(self) -> None:
        if self._file:
            path = self._parts.staged(self.table, frame_part(self._parts.name(self._shard), self._n_files))
            stage_file(path, self._file.close(), self._file.n_rows)
            self._n_rows += self._file.n_rows
            self._n_files += 1
            self._file = None


def frame_part(part: str, number: int) -> str:
    """The name of a file of frames of a part: `…-00000-of-00001.parquet` -> `…-00000-of-00001-00007.parquet`."""
    return f"{part.removesuffix('.parquet')}-{number:05d}.parquet"


def frame_parts(output: str, table: str, parts: Iterable[str]) -> dict[str, list[str]]:
    """The files of frames of earlier runs' parts that there are, as they are named below the folder of the table."""
    folder = storage.join(output, table) + "/"
    found: dict[str, list[str]] = {part: [] for part in parts}
    if found:
        for info in storage.files_named(folder, ".parquet"):
            name = info.path.removeprefix(folder)
            part = name.rpartition("-")[0] + ".parquet"
            if part in found:
                found[part].append(name)
    return found
