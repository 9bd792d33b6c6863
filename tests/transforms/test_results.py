"""What a killed run leaves to the next."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from model.recognizer import Hypothesis, TimedText, TimedWord
from transforms.assets import Asset, StagedWindows, WorkItem
from transforms.audio import AudioInfo
from transforms.heard import Failure, Heard, HeardTrack
from transforms.recognized import RecognizedWindow
from transforms.results import (
    MAGIC,
    ResultStore,
    StagedFile,
    drop_results,
    find_results,
    heard_of,
    heard_record,
    read_staged,
    window_of,
    window_record,
    work_key,
)
from transforms.seal import Seal
from transforms.windows import Span

ASSET = Asset("call.wav", "call.wav", 1000, 1_790_000_000_123_456)
WORD = TimedWord("Hallo", 0.1, None, 1 / 3)
SEGMENT = TimedText(0.1, 2.7, "Hallo", (50364, 2), ("recut",), (WORD,))
HYPOTHESIS = Hypothesis((50364, 2), "Hallo ☎", (SEGMENT,), -0.1 - 0.2, 1e-12, 1.0, 0.4, "de", None)


def window(index, channel=None, uri="call.wav", hypothesis=HYPOTHESIS, **values):
    spans = (Span(0, 16_000), Span(32_000, 48_000))
    squares = np.array([0.1, 1e-30, 3.4e38], np.float32)
    return RecognizedWindow(uri, channel, index, spans, spans[:1], squares, squares / 4, hypothesis, **values)


def heard(key="k", **values):
    info = AudioInfo(8000, 2, "pcm_mulaw", None)
    tracks = (HeardTrack(0, 2, 1.5, "de", 0.9), HeardTrack(1, 0, 0.0))
    item = WorkItem(ASSET, "config", 2, key)
    return replace(Heard(item, "sha", info, 60.1, tracks, Failure("decode", "E", "cut", False), ("x",)), **values)


def as_text(result):
    """Arrays do not compare as a whole."""
    return repr(result)


@pytest.mark.parametrize(
    "result",
    [window(3, 1, flags=("rescued",), rescue_s=0.1), window(0, None, hypothesis=None, error=("E", "no"))],
    ids=["heard", "failed"],
)
def test_window_comes_back_as_it_was(result):
    record = window_record(result, "k")
    assert as_text(window_of(record)) == as_text(result)
    assert (record.uri, record.key, record.channel, record.window_index) == (
        "call.wav",
        "k",
        result.channel,
        result.window_index,
    )


def test_asset_comes_back_as_it_was_but_for_its_path():
    record = heard_record(heard())
    assert as_text(heard_of(record)) == as_text(heard(item=WorkItem(replace(ASSET, path=""), "config", 2, "k")))
    assert record.n_windows == ((0, 2), (1, 0))


def test_path_that_is_no_text_is_no_obstacle():
    item = WorkItem(replace(ASSET, path="caf\udce9.wav"), "config", 1, "k")
    assert heard_of(heard_record(heard(item=item))).item.asset.uri == "call.wav"


def test_everything_that_changes_rows_changes_the_name_of_the_work():
    names = {
        work_key(ASSET, "c", "m", "1"),
        work_key(replace(ASSET, uri="x"), "c", "m", "1"),
        work_key(replace(ASSET, size_bytes=1), "c", "m", "1"),
        work_key(replace(ASSET, modified_at_us=1), "c", "m", "1"),
        work_key(ASSET, "d", "m", "1"),
        work_key(ASSET, "c", "n", "1"),
        work_key(ASSET, "c", "m", "2"),
    }
    assert len(names) == 7
    assert work_key(replace(ASSET, path="elsewhere"), "c", "m", "1") in names


@pytest.fixture
def store(tmp_path):
    return ResultStore(str(tmp_path / "out"))


def test_next_run_finds_what_it_wants_once_and_nothing_else(store):
    store.write([window_record(window(i, 0), "k") for i in (1, 0)])
    store.write([window_record(window(0, 0), "k"), heard_record(heard()), window_record(window(0, None, "b"), "old")])
    found = find_results(store, ["k", "never begun"])
    assert found.windows == {"k": StagedWindows(((0, 0), (0, 1)), ((0, 2), (1, 0)))}
    assert found.windows["k"].complete
    assert set(found.files.values()) == {frozenset({"k"})}
    staged = read_staged(store, [StagedFile(path, (0,), taken_over=True) for path in found.files], {"k"})
    assert sorted((key, record.window_index) for key, records in staged.items() for record in records) == [
        ("k", -1),
        ("k", 0),
        ("k", 1),
    ]


def test_what_failed_in_passing_is_good_for_its_own_run_only(store):
    failed = window(0, hypothesis=None, error=("E", "no"))
    unread = heard(failure=Failure("read", "OSError", "gone", retriable=True))
    path = store.write([window_record(failed, "k"), window_record(window(1), "k"), heard_record(unread)])
    assert find_results(store, ["k"]).windows == {"k": StagedWindows(((None, 1),), None)}
    now, later = (read_staged(store, [StagedFile(path, (0,), taken_over)], {"k"})["k"] for taken_over in (False, True))
    assert [record.window_index for record in now] == [0, 1, -1]
    assert [record.window_index for record in later] == [1]


def test_what_a_run_made_itself_comes_before_what_it_took_over(store):
    old, new = (store.write([heard_record(heard(duration_s=seconds))]) for seconds in (2.0, 1.0))
    for files in itertools.permutations([StagedFile(old, (0,), taken_over=True), StagedFile(new, (0,))]):
        (record,) = read_staged(store, files, {"k"})["k"]
        assert heard_of(record).duration_s == 1.0


def test_result_that_went_away_is_not_passed_over(store):
    path = store.write([heard_record(heard())])
    Path(path).unlink()
    with pytest.raises(OSError, match="are gone; run again"):
        read_staged(store, [StagedFile(path, (0,))], {"k"})


def test_file_that_is_cut_or_foreign_counts_as_not_there(store):
    store.write([window_record(window(0), "k")])
    (path,) = store.paths()
    whole = Path(path).read_bytes()
    for damaged in (whole[:-1], b"", MAGIC, whole.replace(b"results 3", b"results 2"), b"something else"):
        Path(path).write_bytes(damaged)
        assert find_results(store, ["k"]).windows == {}


@given(st.binary(max_size=200))
def test_no_bytes_of_a_staged_file_break_the_reading_of_it(data):
    class Bytes(ResultStore):
        pass

    from transforms import storage

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(storage, "read_whole", lambda path: MAGIC + data)
        assert isinstance(Bytes("out").read("x"), list)


def test_results_go_when_nobody_wants_them_any_more(store):
    store.write([window_record(window(0), "done")])
    store.write([window_record(window(0), "done"), window_record(window(0, None, "b"), "waits")])
    drop_results(store, {"waits"})
    assert len(store.paths()) == 1
    drop_results(store, set())
    assert store.paths() == []
    assert not Path(store.folder).exists()


def test_sealed_results_are_for_who_has_the_key(tmp_path):
    sealed, other, open_ = (ResultStore(str(tmp_path), seal) for seal in (Seal(b"a" * 32), Seal(b"b" * 32), None))
    path = sealed.write([window_record(window(0), "k"), heard_record(heard())])
    assert as_text(window_of(sealed.read(path)[0])) == as_text(window(0))
    assert find_results(sealed, ["k"]).windows == {"k": StagedWindows(((None, 0),), ((0, 2), (1, 0)))}
    assert other.read(path) == []
    assert find_results(other, ["k"]).windows == {}
    for record in open_.read(path):
        with pytest.raises(zstandard.ZstdError):
            window_of(record)
