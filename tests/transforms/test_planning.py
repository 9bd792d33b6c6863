"""What is done again, and what is left alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from model.errors import BeamscribeError
from tests.transforms import make_rows
from transforms.assets import Asset, StagedWindows, Track, WorkItem, part_uri, work_item
from transforms.commit import PartOf, commit, stage_part
from transforms.history import read_history
from transforms.planning import Version, config_hash, plan_work
from transforms.results import work_key

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


def plan(asset, before, options=OPTIONS, model="m", retry_failed=False, same_content=lambda *_: False, prune=False):
    version = Version(options, model, "1.0")
    return plan_work([asset], before, version, retry_failed=retry_failed, prune=prune, same_content=same_content)


def test_first_run_is_all_new(tmp_path):
    assert plan(ASSET, read_history(str(tmp_path / "nothing"))).new == (
        WorkItem(ASSET, config_hash(OPTIONS, ASSET), 1, work_key(ASSET, config_hash(OPTIONS, ASSET), "m", "1.0")),
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
    made = plan_work(assets, read_history("nowhere"), Version(OPTIONS, "m", "1.0"))
    assert [item.asset.size_bytes for item in made.work] == [9, 5, 2]


def test_written_again_with_the_same_bytes_is_left_alone(tmp_path):
    path = tmp_path / "call.wav"
    path.write_bytes(b"x" * 1000)
    asset = replace(ASSET, path=str(path), modified_at_us=MODIFIED_AT_US + 1)
    row = replace(make_rows.transcript("call.wav"), **STORED)
    same = history(tmp_path / "same", transcripts=[replace(row, content_sha256=sha256(b"x" * 1000).hexdigest())])
    made = plan(asset, same, same_content=None)
    assert (made.work, made.touched) == ((), (asset,))
    other = history(tmp_path / "other", transcripts=[replace(row, content_sha256=sha256(b"y" * 1000).hexdigest())])
    made = plan(asset, other, same_content=None)
    assert ([item.asset for item in made.changed], made.touched) == ([asset], ())


def test_store_that_gives_no_time_leaves_it_to_the_bytes(done):
    asset = replace(ASSET, modified_at_us=None)
    assert plan(asset, done, same_content=lambda *_: True).touched == (asset,)
    assert [item.asset for item in plan(asset, done).changed] == [asset]


def test_what_is_no_longer_among_the_inputs_goes_only_if_asked_for(tmp_path):
    rows = [replace(make_rows.transcript(uri), **STORED) for uri in ("call.wav", "gone.wav", "away/x.wav")]
    before = history(tmp_path, transcripts=rows)
    assert plan(ASSET, before).removed == ()
    assert plan(ASSET, before, prune=True).removed == ("away/x.wav", "gone.wav")


def test_nothing_goes_below_a_folder_that_could_not_be_listed(tmp_path):
    before = history(tmp_path, transcripts=[replace(make_rows.transcript("away/x.wav"), **STORED)])
    assert plan(Asset("away", "away", None, None), before, prune=True).removed == ()


def test_work_items_survive_the_plan_file():
    asset = replace(ASSET, uri='"\n☎ #%=', start_s=0.5, tracks=(Track(1, "en"), Track(None, None)))
    item = WorkItem(asset, "c", 2, "key", StagedWindows(((None, 0), (1, 3)), ((None, 2),)), "it died")
    assert work_item(item.to_json()) == item
    assert work_item(WorkItem(ASSET, "c", 1).to_json()) == WorkItem(ASSET, "c", 1)


def test_asset_is_complete_with_all_windows_of_all_channels():
    assert StagedWindows((), ((None, 0),)).complete
    assert StagedWindows(((0, 0), (0, 1), (1, 0)), ((0, 2), (1, 1))).complete
    assert not StagedWindows(((0, 0), (1, 0)), ((0, 2), (1, 1))).complete
    assert not StagedWindows(((0, 0),), None).complete


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
