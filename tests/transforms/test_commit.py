"""What becomes visible, and what a run that was cut short leaves to the next."""

import json
import threading
from datetime import UTC, datetime

import pyarrow.dataset as ds
import pytest

from tests.transforms import make_rows
from transforms import commit as commits
from transforms import storage
from transforms.commit import (
    PartEdits,
    PartOf,
    claimed,
    clear_staging,
    commit,
    recover,
    stage_part,
)
from transforms.layout import JOURNAL, STAGING
from transforms.results import ResultStore


def parts_of(tmp_path, run_id="run1", n_shards=1):
    return PartOf(str(tmp_path / "out"), run_id, "2026-11-22", n_shards)


def rows_for(*uris, text="x"):
    return {
        "transcripts": [make_rows.transcript(uri, text=text) for uri in uris],
        "segments": [make_rows.segment(uri, text=text, segment_index=i) for uri in uris for i in range(2)],
        "failures": [],
    }


def gone(uri, part, *tables):
    return {(table, part): PartEdits(gone={uri}) for table in tables}


def visible(parts, table="transcripts"):
    table = ds.dataset(f"{parts.output}/{table}", partitioning="hive").to_table()
    return sorted(zip(table["uri"].to_pylist(), table["text"].to_pylist(), strict=True))


def files_below(parts):
    return sorted(info.path.removeprefix(parts.output + "/") for info in storage.list_files(parts.output))


def test_staged_rows_are_not_visible_and_committed_rows_are(tmp_path):
    parts = parts_of(tmp_path)
    assert stage_part(parts, 0, rows_for("a", "b")) == {"transcripts": 2, "segments": 4, "failures": 0}
    assert all(path.startswith(STAGING) for path in files_below(parts))
    commit(parts, {})
    assert visible(parts) == [("a", "x"), ("b", "x")]
    name = "dt=2026-11-22/run1-00000-of-00001.parquet"
    assert files_below(parts) == [f"segments/{name}", f"transcripts/{name}"]


def test_staging_again_gives_the_same_bytes(tmp_path):
    parts = parts_of(tmp_path)
    staged = parts.staged("segments", parts.name(0))
    stage_part(parts, 0, rows_for("a", "b"))
    first = storage.read_whole(staged)
    stage_part(parts, 0, rows_for("a", "b"))
    assert storage.read_whole(staged) == first


def test_old_version_gives_way_and_its_neighbours_stay(tmp_path):
    first, second = parts_of(tmp_path), parts_of(tmp_path, "run2", n_shards=3)
    stage_part(first, 0, rows_for("a", "b", text="old"))
    commit(first, {})
    stage_part(second, 1, rows_for("a", text="new"))
    old = first.name(0)
    commit(second, gone("a", old, "transcripts", "segments", "failures"))
    assert visible(second) == [("a", "new"), ("b", "old")]
    assert visible(second, "segments") == [("a", "new")] * 2 + [("b", "old")] * 2


def test_part_whose_rows_all_give_way_is_deleted(tmp_path):
    first, second = parts_of(tmp_path), parts_of(tmp_path, "run2")
    stage_part(first, 0, rows_for("a", text="old"))
    commit(first, {})
    stage_part(second, 0, rows_for("a", text="new"))
    commit(second, gone("a", first.name(0), "transcripts", "segments"))
    assert visible(second) == [("a", "new")]
    assert len(files_below(second)) == 2


class Killed(BaseException):
    pass


def dies_after(n_steps, patched, *names):
    """Lets n calls of these functions through, whichever they are, and then no more."""
    left = [n_steps]

    def dying(function):
        def step(*args):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return function(*args)

        return step

    for module, name in names:
        patched.setattr(module, name, dying(getattr(module, name)))


STEPS = [(commits, "replace_folder"), (storage, "move"), (storage, "delete"), (storage, "delete_folder")]


@pytest.mark.parametrize("n_steps", range(4))
def test_commit_cut_short_after_any_step_shows_old_or_new_and_is_carried_out_by_the_next_run(
    tmp_path, monkeypatch, n_steps
):
    """A step for each of the two tables, and for the journal and staging at the end."""
    first, second = parts_of(tmp_path), parts_of(tmp_path, "run2")
    stage_part(first, 0, rows_for("a", "b", text="old"))
    commit(first, {})
    stage_part(second, 0, rows_for("a", text="new"))
    with monkeypatch.context() as patched:
        dies_after(n_steps, patched, *STEPS)
        with pytest.raises(Killed):
            commit(second, gone("a", first.name(0), "transcripts", "segments"))
    for table, n_rows in (("transcripts", 1), ("segments", 2)):
        assert visible(second, table) in ([("a", text)] * n_rows + [("b", "old")] * n_rows for text in ("old", "new"))
    with claimed(second.output):
        pass
    assert visible(second) == [("a", "new"), ("b", "old")]
    assert visible(second, "segments") == [("a", "new")] * 2 + [("b", "old")] * 2
    assert not [path for path in files_below(second) if path.startswith(STAGING)]
    assert not recover(second.output)


@pytest.mark.parametrize("n_steps", range(8))
def test_commit_file_by_file_is_carried_out_too(tmp_path, monkeypatch, n_steps):
    """As on object stores: four moves, and a deletion for each table, before the journal goes."""
    first, second = parts_of(tmp_path), parts_of(tmp_path, "run2")
    stage_part(first, 0, rows_for("a", "b", text="old"))
    commit(first, {})
    stage_part(second, 0, rows_for("a", text="new"))
    with monkeypatch.context() as patched:
        patched.setattr(commits, "replace_folder", lambda *_: False)
        dies_after(n_steps, patched, *STEPS[1:])
        with pytest.raises(Killed):
            commit(second, gone("a", first.name(0), "transcripts", "segments"))
    with claimed(second.output):
        pass
    assert visible(second) == [("a", "new"), ("b", "old")]
    assert not [path for path in files_below(second) if path.startswith(STAGING)]


def test_reader_never_sees_a_row_in_two_versions(tmp_path):
    """A hundred commits that replace all rows, while another thread lists the files of the table."""
    parts = parts_of(tmp_path, "run0")
    stage_part(parts, 0, rows_for("a", "b"))
    commit(parts, {})
    seen, ended = [], threading.Event()

    def read():
        while not ended.is_set():
            # none: a listing that had begun in the old folder, whose files are deleted at last
            seen.append(len(list((tmp_path / "out" / "transcripts").glob("*/*.parquet"))))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 100):
        before, parts = parts, parts_of(tmp_path, f"run{number}")
        stage_part(parts, 0, rows_for("a", "b"))
        old = {(t, before.name(0)): PartEdits(gone={"a", "b"}) for t in ("transcripts", "segments")}
        commit(parts, old)
    ended.set()
    reader.join()
    assert max(seen) == 1
    assert seen.count(1) > len(seen) / 2


def test_file_written_again_with_the_same_bytes_gets_its_new_time(tmp_path):
    first, second = parts_of(tmp_path), parts_of(tmp_path, "run2")
    stage_part(first, 0, rows_for("a", "b"))
    commit(first, {})
    commit(second, {("transcripts", first.name(0)): PartEdits(touched={"b": 1_000_000})})
    table = ds.dataset(f"{second.output}/transcripts").to_table()
    times = dict(zip(table["uri"].to_pylist(), table["source_modified_at"].to_pylist(), strict=True))
    assert times == {"a": make_rows.MOMENT, "b": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)}


def test_undecided_run_leaves_nothing_visible(tmp_path):
    parts = parts_of(tmp_path)
    stage_part(parts, 0, rows_for("a"))
    assert not recover(parts.output)
    store = ResultStore(parts.output)
    results = storage.join(store.folder, "some.results")
    storage.write_whole(results, b"x")
    clear_staging(parts.output)
    assert files_below(parts) == [results.removeprefix(parts.output + "/")]


def test_journal_is_complete_before_anything_moves(tmp_path, monkeypatch):
    parts = parts_of(tmp_path)
    stage_part(parts, 0, rows_for("a"))
    monkeypatch.setattr(commits, "recover", lambda output: None)
    commit(parts, {})
    journal = json.loads(storage.read_whole(storage.join(parts.output, STAGING, JOURNAL)))
    assert [source for source, _ in journal["moves"]] == [
        parts.staged("segments", parts.name(0)),
        parts.staged("transcripts", parts.name(0)),
    ]


def test_file_that_lost_rows_on_the_way_is_noticed(tmp_path):
    data = commits.to_parquet(commits.to_arrow("transcripts", [make_rows.transcript("a")]))
    with pytest.raises(OSError, match="wrote 2 rows and read back 1"):
        commits.stage_file(str(tmp_path / "x.parquet"), data, 2)


def test_shard_of_an_asset_is_the_same_everywhere():
    parts = PartOf("out", "run", "2026-11-22", 7)
    assert [parts.shard_of(f"call-{i}.wav") for i in range(8)] == [
        PartOf("elsewhere", "other", "2027-01-01", 7).shard_of(f"call-{i}.wav") for i in range(8)
    ]
    assert {parts.shard_of(f"call-{i}.wav") for i in range(200)} == set(range(7))
