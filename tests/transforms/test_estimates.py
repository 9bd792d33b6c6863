"""Hours of audio, before any of it is read."""

import pytest

from transforms.assets import Asset, WorkItem
from transforms.estimates import bounded, estimate, extension, length_text
from transforms.history import Done, History

NOTHING = History({}, {})


def item(path, size_bytes, **values):
    return WorkItem(Asset(path, path, size_bytes, 0, **values), "c", 1)


def done(size_bytes, duration_s):
    return Done("part", size_bytes, 0, "c", "m", duration_s=duration_s)


def test_files_are_as_long_as_earlier_ones_of_their_kind_for_their_size():
    history = History({"a.wav": done(32_000, 2.0), "b.WAV": done(64_000, 2.0), "c.mp3": done(1_000, 1.0)}, {})
    sizes = estimate([], history, lambda asset: None)
    assert sizes.seconds(item("x.wav", 48_000).asset) == 2.0
    assert sizes.seconds(item("x.mp3", 5_000).asset) == 5.0
    assert sizes.seconds(item("x.ogg", 5_000).asset) is None
    assert sizes.total_s([item("x.wav", 24_000), item("x.mp3", 500), item("x.ogg", 1)]) == 1.5
    assert sizes.total_s([item("x.ogg", 1)]) is None


def test_part_of_a_file_is_as_long_as_it_says():
    sizes = estimate([], NOTHING, lambda asset: None)
    assert sizes.seconds(item("x.wav", 10**9, start_s=5.0, end_s=7.5).asset) == 2.5


def test_unknown_kinds_are_looked_into_but_not_every_file():
    looked = []

    def probe(asset):
        looked.append(asset.path)
        return None if asset.path == "0.ogg" else 10.0

    items = [item(f"{number}.ogg", 100) for number in range(1000)]
    sizes = estimate(items, NOTHING, probe)
    assert len(looked) == 20
    assert sizes.total_s(items) == 10_000.0


def test_extension():
    assert [extension(p) for p in ("a/b.WAV", "a.b/c", "x.tar.gz", "s3://b/k.mp3")] == [".wav", "", ".gz", ".mp3"]


def test_hours_bound_a_run_to_its_first_assets_but_never_to_none():
    items = [item(f"{number}.wav", 100) for number in range(5)]
    sizes = estimate(items, NOTHING, lambda asset: 10.0)
    assert bounded(items, sizes, 25.0) == (items[:2], items[2:])
    assert bounded(items, sizes, 1.0) == (items[:1], items[1:])
    assert bounded(items, sizes, 1000.0) == (items, [])


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_100, "118 min"), (9_000, "2.50 h")]
)
def test_length_for_people(seconds, text):
    assert length_text(seconds) == text
