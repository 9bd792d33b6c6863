"""The last steps of a pipeline: rows gathered by part, staged as complete files, a receipt for each."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import apache_beam as beam

from transforms import storage
from transforms.assemble import AssetRows
from transforms.commit import PartOf, stage_part


@dataclass(frozen=True)
class Receipt:
    """What one part holds, by status and table: the run row is their sum."""

    assets: int
    ok: int
    no_speech: int
    partial: int
    failed: int
    transcripts: int
    segments: int
    words: int
    windows: int
    windows_rescued: int
    rescue_s: float
    violations: int
    audio_s: float
    speech_s: float
    # uris that failed in passing, whose old rows stay
    kept_old: tuple[str, ...]


def receipt_of(assets: Iterable[AssetRows]) -> Receipt:
    """Counts assets and rows."""
    assets = list(assets)
    statuses = [_status(asset) for asset in assets]
    transcripts = [row for asset in assets for row in asset.transcripts]
    return Receipt(
        assets=len(assets),
        ok=statuses.count("ok"),
        no_speech=statuses.count("no_speech"),
        partial=statuses.count("partial"),
        failed=statuses.count("failed"),
        transcripts=len(transcripts),
        segments=sum(len(asset.segments) for asset in assets),
        words=sum(len(asset.words) for asset in assets),
        windows=sum(asset.n_windows for asset in assets),
        windows_rescued=sum(asset.n_windows_rescued for asset in assets),
        rescue_s=sum(asset.rescue_s for asset in assets),
        violations=sum(asset.n_violations for asset in assets),
        audio_s=sum(row.duration_s for row in transcripts),
        speech_s=sum(row.speech_s for row in transcripts),
        kept_old=tuple(asset.uri for asset in assets if asset.keeps_old_version),
    )


def _status(asset: AssetRows) -> str:
    statuses = {row.status for row in asset.transcripts}
    return next((s for s in ("partial", "ok", "no_speech") if s in statuses), "failed")


def total(receipts: Iterable[Receipt]) -> Receipt:
    """The sum of receipts."""
    receipts = list(receipts)
    sums: dict[str, Any] = {
        f.name: sum((getattr(r, f.name) for r in receipts), start=() if f.name == "kept_old" else 0)
        for f in fields(Receipt)
    }
    return Receipt(**sums)


class StagePart(beam.DoFn):
    """Writes all rows of a shard, sorted, and then its receipt. A retry writes the same files again."""

    def __init__(self, parts: PartOf) -> None:
        self._parts = parts

    def process(self, element: tuple[int, Iterable[AssetRows]]) -> Iterator[int]:
        shard, assets = element
        assets = sorted(assets, key=lambda rows: rows.uri)
        rows: dict[str, Sequence[Any]] = {
            "words": [row for asset in assets for row in asset.words],
            "segments": [row for asset in assets for row in asset.segments],
            "failures": [row for asset in assets for row in asset.failures],
            "transcripts": [row for asset in assets for row in asset.transcripts],
        }
        stage_part(self._parts, shard, rows)
        receipt = receipt_of(assets)
        record = {f.name: getattr(receipt, f.name) for f in fields(Receipt)}
        path = storage.join(self._parts.staging, "receipts", f"{shard:05d}.json")
        storage.write_whole(path, json.dumps(record).encode())
        yield shard


def read_receipts(parts: PartOf) -> list[Receipt]:
    """The receipts of a run, by shard."""
    receipts = []
    for info in storage.list_files(storage.join(parts.staging, "receipts")):
        record = json.loads(storage.read_whole(info.path))
        receipts.append(Receipt(**{**record, "kept_old": tuple(record["kept_old"])}))
    return receipts
