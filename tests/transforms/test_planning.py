"""What is done again, and what is left alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from model.errors import BeamscribeError
from tests.transforms import make_rows
from transforms.assets import Asset, Track, WorkItem, part_uri, work_item
from transforms.commit import PartOf, commit, stage_part
from transforms.planning import config_hash, plan_work, read_history

OPTIONS = {"decode": {"beam_size": 5}, "channels": "mix"}
MODIFIED_AT_US = 1_790_000_000_123_456
ASSET = Asset("call.wav", "call.wav", 1000, MODIFIED_AT_US)
STORED = {
    "size_bytes": 1000,
    "source_modified_at": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=MODIFIED_AT_US),
    "model_sha256": "m",
    "config_hash": config_hash(OPTIONS, ASSET),
}


def history(tmp_path, **rows):
    parts = PartOf(str(tmp_path), "run1", "2026-11-22", 1)
    stage_part(parts, 0, rows)
    commit(parts, {})
    return read_history(str(tmp_path))


@pytest.fixture
def done(tmp_path):
    row = make_rows.transcript("call.wav")
    return history(tmp_path, transcripts=[replace(row, **STORED)])


def failed(tmp_path, retriable):
    row = make_rows.failure("call.wav")
    return history(tmp_path, failures=[replace(row, **STORED, retriable=retriable, attempts=2)])


def plan(asset, before, options=OPTIONS, model="m", retry_failed=False):
    return plan_work([asset], before, options, model, retry_failed)


def test_first_run_is_all_new(tmp_path):
    assert plan(ASSET, read_history(str(tmp_path / "nothing"))).new == (
        WorkItem(ASSET, config_hash(OPTIONS, ASSET), 1),
    )


def test_unchanged_is_left_alone(done):
    made = plan(ASSET, done)
    assert (made.work, made.n_unchanged) == ((), 1)


@pytest.mark.parametrize(
    ("asset", "options", "model"),
    [
        (replace(ASSET, size_bytes=1001), OPTIONS, "m"),
        (replace(ASSET, modified_at_us=MODIFIED_AT_US + 1), OPTIONS, "m"),
        (replace(ASSET, tracks=(Track(None, "de"),)), OPTIONS, "m"),
        (ASSET, OPTIONS | {"channels": "separate"}, "m"),
        (ASSET, OPTIONS, "another"),
    ],
    ids=["size", "time", "language in the manifest", "options", "model"],
)
def test_whatever_can_change_a_row_makes_it_changed(done, asset, options, model):
    made = plan(asset, done, options, model)
    assert [item.asset for item in made.changed] == [asset]


def test_failure_for_good_is_left_alone_until_asked_for(tmp_path):
    before = failed(tmp_path, retriable=False)
    assert (plan(ASSET, before).work, plan(ASSET, before).n_failed_before) == ((), 1)
    assert [item.attempts for item in plan(ASSET, before, retry_failed=True).retried] == [3]
    assert [item.attempts for item in plan(replace(ASSET, size_bytes=2), before).changed] == [1]


def test_passing_failure_is_tried_again(tmp_path):
    assert [item.attempts for item in plan(ASSET, failed(tmp_path, retriable=True)).retried] == [3]


def test_largest_go_first():
    assets = [replace(ASSET, uri=str(size), size_bytes=size) for size in (2, 9, 5)]
    made = plan_work(assets, read_history("nowhere"), OPTIONS, "m", retry_failed=False)
    assert [item.asset.size_bytes for item in made.work] == [9, 5, 2]


def test_work_items_survive_the_plan_file():
    item = WorkItem(replace(ASSET, uri='"\n☎ #%=', start_s=0.5, tracks=(Track(1, "en"), Track(None, None))), "c", 2)
    assert work_item(item.to_json()) == item


def test_part_uri_is_a_media_fragment():
    assert part_uri("a.wav", None, None) == "a.wav"
    assert part_uri("a.wav", 10.0, 20.5) == "a.wav#t=10,20.5"
    assert part_uri("a.wav", None, 20.0) == "a.wav#t=0,20"
    assert part_uri("a.wav", 3.0, None) == "a.wav#t=3"


def test_foreign_parquet_in_the_output_is_named(tmp_path):
    folder = tmp_path / "transcripts"
    folder.mkdir()
    (folder / "x.parquet").write_bytes(b"not parquet")
    with pytest.raises(BeamscribeError, match=r"x\.parquet: not a table of Beamscribe"):
        read_history(str(tmp_path))
