"""From results to the files of a part."""

from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from tests.transforms import make_rows
from tests.transforms.test_assemble import ASSET, PROVENANCE, heard, hypothesis, window
from transforms import parts as part_files
from transforms.assemble import AssetRows
from transforms.commit import PartOf
from transforms.heard import Failure
from transforms.parts import (
    AssemblePart,
    PartWriter,
    Receipt,
    assemble_records,
    by_asset,
    by_shard,
    read_receipts,
    staged_uris,
    total,
)
from transforms.results import heard_record, to_bytes, window_record

WINDOWS = [window(i, [(10.0 * i, 10.0 * i + 5)], hypothesis((0.0, 5.0, f"{i}"))) for i in (1, 0)]
ITEM = heard(2).item


def records(asset_heard, windows=WINDOWS):
    return [heard_record(asset_heard), *(window_record(w, "key") for w in windows)]


def text(rows):
    return [row.text for row in rows.transcripts]


def test_asset_is_assembled_from_its_records_in_any_order_and_each_once():
    twice = [*records(heard(2)), *records(heard(2))[::-1]]
    assert text(assemble_records(ITEM, twice, PROVENANCE)) == ["0 1"]


def test_asset_that_was_not_read_to_its_end_is_left_to_another_run():
    assert assemble_records(ITEM, records(heard(2))[1:], PROVENANCE) is None
    assert assemble_records(ITEM, [], PROVENANCE) is None


def test_file_that_cannot_be_read_any_more_is_a_failure_whatever_was_recognised_before():
    gone = heard(0, tracks=(), info=None, duration_s=0.0, failure=Failure("read", "OSError", "gone", True))
    rows = assemble_records(ITEM, records(gone), PROVENANCE)
    assert text(rows) == []
    assert [(row.stage, row.message) for row in rows.failures] == [("read", "gone")]


def test_file_that_gives_less_than_before_is_transcribed_as_far_as_it_goes_now():
    shorter = heard(1, duration_s=8.0, failure=Failure("decode", "E", "cut", False))
    rows = assemble_records(ITEM, records(shorter), PROVENANCE)
    assert text(rows) == ["0"]
    assert rows.transcripts[0].status == "partial"


def test_results_go_to_their_items():
    items = {item.asset.uri: item for item in (ITEM, replace(ITEM, asset=replace(ASSET, uri="a.wav")))}
    results = [to_bytes(r) for r in records(heard(2))]
    assert [(item.asset.uri, len(found)) for item, found in by_asset(items, results)] == [("a.wav", 0), ("call.wav", 3)]
    with pytest.raises(RuntimeError, match=r"call\.wav, which was not planned"):
        list(by_asset({}, results))


def test_records_go_to_the_part_of_their_asset():
    parts = PartOf("out", "run1", "2026-11-22", 3)
    packed = [(f"{number}.wav", bytes([number])) for number in range(50)]
    shards = dict(by_shard(packed, parts))
    assert sorted(record for found in shards.values() for record in found) == [record for _, record in packed]
    assert all(parts.shard_of(f"{record[0]}.wav") == shard for shard, found in shards.items() for record in found)


def test_part_is_written_in_groups_of_rows_and_tells_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(part_files, "HELD_ROWS", 3)
    parts = PartOf(str(tmp_path), "run1", "2026-11-22", 1)
    writer = PartWriter(parts, 0)
    for number in range(5):
        uri = f"{number}.wav"
        segments = tuple(make_rows.segment(uri, segment_index=i) for i in range(2))
        writer.add(AssetRows(uri, (make_rows.transcript(uri),), segments))
    writer.close()
    segments = pq.ParquetFile(parts.staged("segments", parts.name(0)))
    assert (segments.metadata.num_rows, segments.num_row_groups) == (10, 3)
    assert segments.read(columns=["uri"])["uri"].to_pylist() == sorted(f"{n}.wav" for n in range(5) for _ in range(2))
    assert staged_uris(parts) == {f"{number}.wav" for number in range(5)}


def test_retry_writes_the_same_again(tmp_path):
    parts = PartOf(str(tmp_path), "run1", "2026-11-22", 1)
    (tmp_path / "plan.jsonl").write_text(ITEM.to_json() + "\n")
    element = (0, [[to_bytes(r)] for r in records(heard(2))])
    for _ in range(2):
        assert list(AssemblePart(parts, PROVENANCE, str(tmp_path / "plan.jsonl")).process(element)) == [0]
        (receipt,) = read_receipts(parts)
        assert (receipt.assets, receipt.ok, receipt.transcripts, receipt.unfinished) == (1, 1, 1, 0)
        assert len(pq.read_table(parts.staged("transcripts", parts.name(0)))) == 1


def test_receipts_add_up():
    assert total([]) == Receipt()
    both = total([Receipt(assets=1, kept_old=("a",)), Receipt(assets=2, rescue_s=0.5, kept_old=("b",))])
    assert (both.assets, both.rescue_s, both.kept_old) == (3, 0.5, ("a", "b"))
