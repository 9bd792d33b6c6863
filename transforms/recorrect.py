"""Rules of texts applied again to rows of tables, without recognition."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import apache_beam as beam

from transforms import storage
from transforms.assemble import EMPTIED, AssetRows, words_of_segment
from transforms.assets import channel_order
from transforms.commit import PartOf
from transforms.parts import PartWriter, Receipt, receipt_of, total, write_receipt
from transforms.planning import with_text
from transforms.rows import TABLES, SegmentRow, TranscriptRow, WordRow
from transforms.site import Site
from transforms.spoken import read_rows
from transforms.text.again import said_again
from transforms.text.options import TEXT_RULES, TextOptions, write

TALKED = ("transcripts", "segments", "words")


@dataclass(frozen=True)
class Correction:
    """Which rules, and what their rows say of where they come from."""

    text: TextOptions
    run_id: str
    code_version: str

    def key(self, config_hash: str) -> str:
        """The configuration hash of a row after it."""
        return with_text(config_hash, None if self.text.changes_nothing else self.text.told())


def corrected(
    transcripts: Sequence[Mapping[str, Any]],
    segments: Iterable[Mapping[str, Any]],
    words: Iterable[Mapping[str, Any]],
    correction: Correction,
) -> AssetRows:
    """The rows of one asset after the correction, from all its rows before it."""
    done: list[tuple[list[SegmentRow], list[WordRow]]] = []
    rows = []
    words_of: dict[tuple[int | None, int], list[Mapping[str, Any]]] = {}
    for word in sorted(words, key=lambda row: row["word_index"]):
        words_of.setdefault((word["channel"], word["segment_index"]), []).append(word)
    in_order = sorted(segments, key=lambda row: (channel_order(row["channel"]), row["segment_index"]))
    by_channel = {channel: list(own) for channel, own in groupby(in_order, key=lambda row: row["channel"])}
    for transcript in sorted(transcripts, key=lambda row: channel_order(row["channel"])):
        own = by_channel.get(transcript["channel"], [])
        done.append(_talk(own, words_of, correction))
        rows.append(_transcript(transcript, own, done[-1][0], correction))
    return AssetRows(
        rows[0].uri,
        tuple(rows),
        tuple(row for segment_rows, _ in done for row in segment_rows),
        tuple(row for _, word_rows in done for row in word_rows),
    )


def _talk(
    segments: Sequence[Mapping[str, Any]],
    words_of: Mapping[tuple[int | None, int], Sequence[Mapping[str, Any]]],
    correction: Correction,
) -> tuple[list[SegmentRow], list[WordRow]]:
    """The segments of a channel, and their words."""
    again = [said_again(row, words_of.get((row["channel"], row["segment_index"]), ()), TEXT_RULES) for row in segments]
    written = write([said for said, _ in again], correction.text)
    segment_rows, word_rows = [], []
    for row, (_, left), new in zip(segments, again, written, strict=True):
        emptied = {EMPTIED} if left and not new.text else set()
        segment = _row(SegmentRow, row)
        segment_rows.append(
            replace(
                segment,
                text=new.text,
                raw_text=new.raw_text,
                edits=[asdict(edit) for edit in new.edits],
                flags=sorted({*row["flags"]} - {EMPTIED} | emptied),
                run_id=correction.run_id,
            )
        )
        word_rows += words_of_segment(segment, new.words)
    return segment_rows, word_rows


def _transcript(
    row: Mapping[str, Any], before: Sequence[Mapping[str, Any]], after: Sequence[SegmentRow], correction: Correction
) -> TranscriptRow:
    flags = set(row["flags"])
    flags = flags - {EMPTIED} if not any(EMPTIED in s.flags for s in after) else flags | {EMPTIED}
    return replace(
        _row(TranscriptRow, row),
        text=" ".join(s.text for s in after if s.text),
        raw_text=" ".join(s.raw_text for s in after if s.raw_text),
        flags=sorted(flags),
        config_hash=correction.key(row["config_hash"]),
        code_version=correction.code_version,
        run_id=correction.run_id,
        transcribed_at=datetime.now(UTC),
    )


def _row(row_class: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """A row dataclass; columns that older versions did not write are null."""
    return row_class(**{f.name: values.get(f.name) for f in fields(row_class)})  # type: ignore[arg-type]


def assets_of(paths: Mapping[str, str]) -> Iterator[dict[str, list[Mapping[str, Any]]]]:
    """The rows of each asset of a part, by table. paths: the file of each table that has one; rows sorted by uri."""
    tagged = (_tagged(table, path) for table, path in paths.items())
    for _, rows in groupby(heapq.merge(*tagged, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
        tables: dict[str, list[Mapping[str, Any]]] = {table: [] for table in TALKED}
        for _, table, row in rows:
            tables[table].append(row)
        yield tables


def _tagged(table: str, path: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    others = [f.name for f in fields(TABLES[table]) if f.name != "uri"]
    return ((row["uri"], table, row) for row in read_rows(path, ["uri"], may_lack=others))


@dataclass(frozen=True)
class OldPart:
    """A part of the tables, to be written anew as a shard of this run."""

    shard: int
    paths: Mapping[str, str]


class CorrectPart(beam.DoFn):
    """Writes the corrected rows of a part and its receipt. A retry writes the same files again."""

    def __init__(self, parts: PartOf, correction: Correction, site: Site) -> None:
        self._parts = parts
        self._correction = correction
        self._site = site

    def setup(self) -> None:
        self._site.enter()

    def process(self, part: OldPart) -> Iterator[int]:
        writer = PartWriter(self._parts, part.shard)
        receipts: list[Receipt] = []
        for tables in assets_of(part.paths):
            rows = corrected(tables["transcripts"], tables["segments"], tables["words"], self._correction)
            writer.add(rows)
            receipts.append(receipt_of(rows))
        writer.close()
        write_receipt(self._parts, part.shard, total(receipts, Receipt))
        yield part.shard


def part_paths(output: str, part: str) -> dict[str, str]:
    """The files of a part, by table."""
    paths = {table: storage.join(output, table, part) for table in TALKED}
    return {table: path for table, path in paths.items() if storage.stat(path) is not None}
