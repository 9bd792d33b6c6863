"""From results to the files of a part."""

import pyarrow.parquet as pq

from tests.transforms import make_rows
from tests.transforms.test_assemble import PROVENANCE, heard, hypothesis, window
from transforms import parts as part_files
from transforms.assemble import AssetRows
from transforms.commit import PartOf
from transforms.heard import Failure
from transforms.parts import (
    AssemblePart,
    PartWriter,
    Receipt,
    assemble_records,
    read_receipts,
    staged_uris,
    total,
)
from transforms.plan_files import in_ranges, write_plan
from transforms.results import ResultStore, StagedFile, heard_record, window_record
from transforms.site import Site

WINDOWS = [window(i, [(10.0 * i, 10.0 * i + 5)], hypothesis((0.0, 5.0, f"{i}"))) for i in (1, 0)]
ITEM = heard(2).item


def records(asset_heard, windows=WINDOWS):
    return [heard_record(asset_heard), *(window_record(w, ITEM.key) for w in windows)]


def text(rows):
    return [row.text for row in rows.transcripts]


def test_asset_is_assembled_from_its_records_in_any_order():
    assert text(assemble_records(ITEM, records(heard(2)), PROVENANCE)) == ["0 1"]
    assert text(assemble_records(ITEM, records(heard(2))[::-1], PROVENANCE)) == ["0 1"]


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


def test_part_is_written_in_groups_of_rows_and_tells_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(part_files, "HELD_ROWS", 2)
    monkeypatch.setattr(part_files, "GROUP_ROWS", 4)
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
    plan = write_plan(str(tmp_path / "plan.jsonl"), in_ranges([ITEM], 1), 1)
    store = ResultStore(str(tmp_path))
    element = (0, [StagedFile(store.write([record]), (0,)) for record in records(heard(2))])
    for _ in range(2):
        assert list(AssemblePart(parts, PROVENANCE, plan, store, Site()).process(element)) == [0]
        (receipt,) = read_receipts(parts, Receipt)
        assert (receipt.assets, receipt.ok, receipt.transcripts, receipt.unfinished) == (1, 1, 1, 0)
        assert len(pq.read_table(parts.staged("transcripts", parts.name(0)))) == 1


def test_receipts_add_up():
    assert total([], Receipt) == Receipt()
    both = total([Receipt(assets=1, kept_old=("a",)), Receipt(assets=2, rescue_s=0.5, kept_old=("b",))], Receipt)
    assert (both.assets, both.rescue_s, both.kept_old) == (3, 0.5, ("a", "b"))
