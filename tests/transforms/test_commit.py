"""What becomes visible, and what a run that was cut short leaves to the next."""

import io
import json

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tests.transforms import make_rows
from transforms import commit as commits
from transforms import storage
from transforms.commit import JOURNAL, STAGING, PartOf, clear_staging, commit, recover, stage_part


def parts_of(tmp_path, run_id="run1", n_shards=1):
    return PartOf(str(tmp_path / "out"), run_id, "2026-11-22", n_shards)


def rows_for(*uris, text="x"):
    return {
        "transcripts": [make_rows.transcript(uri, text=text) for uri in uris],
        "segments": [make_rows.segment(uri, text=text, segment_index=i) for uri in uris for i in range(2)],
        "failures": [],
    }


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
    commit(second, {("transcripts", old): {"a"}, ("segments", old): {"a"}, ("failures", old): {"a"}})
    assert visible(second) == [("a", "new"), ("b", "old")]
    assert visible(second, "segments") == [("a", "new")] * 2 + [("b", "old")] * 2


def test_part_whose_rows_all_give_way_is_deleted(tmp_path):
    first, second = parts_of(tmp_path), parts_of(tmp_path, "run2")
    stage_part(first, 0, rows_for("a", text="old"))
    commit(first, {})
    stage_part(second, 0, rows_for("a", text="new"))
    commit(second, {(table, first.name(0)): {"a"} for table in ("transcripts", "segments")})
    assert visible(second) == [("a", "new")]
    assert len(files_below(second)) == 2


@pytest.mark.parametrize("n_steps", range(7))
def test_commit_cut_short_after_any_step_is_carried_out_by_the_next_run(tmp_path, monkeypatch, n_steps):
    """Two moves of thinned parts, two of new parts, and the journal and staging at the end."""
    first, second = parts_of(tmp_path), parts_of(tmp_path, "run2")
    stage_part(first, 0, rows_for("a", "b", text="old"))
    commit(first, {})
    stage_part(second, 0, rows_for("a", text="new"))

    class Killed(BaseException):
        pass

    steps = {"left": n_steps}

    def dying(function):
        def step(*args):
            if steps["left"] == 0:
                raise Killed
            steps["left"] -= 1
            return function(*args)

        return step

    with monkeypatch.context() as patched:
        for name in ("move", "delete", "delete_folder"):
            patched.setattr(commits.storage, name, dying(getattr(storage, name)))
        with pytest.raises(Killed):
            commit(second, {(table, first.name(0)): {"a"} for table in ("transcripts", "segments")})
    assert recover(second.output)
    assert visible(second) == [("a", "new"), ("b", "old")]
    assert not [path for path in files_below(second) if path.startswith(STAGING)]
    assert not recover(second.output)


def test_undecided_run_leaves_nothing_visible(tmp_path):
    parts = parts_of(tmp_path)
    stage_part(parts, 0, rows_for("a"))
    assert not recover(parts.output)
    clear_staging(parts.output)
    assert files_below(parts) == []


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


def test_file_that_lost_rows_on_the_way_is_noticed(tmp_path, monkeypatch):
    parts = parts_of(tmp_path)
    fewer = commits.to_arrow("transcripts", [make_rows.transcript("a")])
    monkeypatch.setattr(commits, "to_parquet", lambda arrow: _parquet(fewer))
    with pytest.raises(OSError, match="wrote 2 rows and read back 1"):
        stage_part(parts, 0, {"transcripts": [make_rows.transcript("a"), make_rows.transcript("b")]})


def _parquet(arrow):
    sink = io.BytesIO()
    pq.write_table(arrow, sink)
    return sink.getvalue()


def test_shard_of_an_asset_is_the_same_everywhere():
    parts = PartOf("out", "run", "2026-11-22", 7)
    assert [parts.shard_of(f"call-{i}.wav") for i in range(8)] == [
        PartOf("elsewhere", "other", "2027-01-01", 7).shard_of(f"call-{i}.wav") for i in range(8)
    ]
    assert {parts.shard_of(f"call-{i}.wav") for i in range(200)} == set(range(7))
