"""What counts as input."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.errors import BeamscribeError
from transforms import storage
from transforms.assets import Track
from transforms.inputs import find_inputs

WAV_HEAD = b"RIFF\x24\x00\x00\x00WAVEfmt "


@pytest.fixture
def bucket(tmp_path):
    """Two recordings, one without an extension, and two files that are none."""
    folder = tmp_path / "calls"
    (folder / "november").mkdir(parents=True)
    (folder / "a.wav").write_bytes(WAV_HEAD)
    (folder / "november" / "b.MP3").write_bytes(b"anything: the extension decides")
    (folder / "november" / "noname").write_bytes(WAV_HEAD)
    (folder / "notes.txt").write_text("no audio")
    (folder / "november" / "table.parquet").write_bytes(b"PAR1")
    return folder


def names(inputs, folder):
    return [asset.uri.removeprefix(f"{folder}/") for asset in inputs.assets]


def test_folder_takes_media_below_it_and_counts_the_rest(bucket):
    inputs = find_inputs([str(bucket)])
    assert names(inputs, bucket) == ["a.wav", "november/b.MP3", "november/noname"]
    assert inputs.skipped_not_media == 2


def test_file_and_glob_take_what_they_name(bucket):
    assert names(find_inputs([str(bucket / "notes.txt")]), bucket) == ["notes.txt"]
    assert names(find_inputs([f"{bucket}/*"]), bucket) == ["a.wav", "notes.txt"]
    assert names(find_inputs([f"{bucket}/**.wav"]), bucket) == ["a.wav"]
    assert len(find_inputs([f"{bucket}/**"]).assets) == 5


def test_order_and_repetition_do_not_matter(bucket):
    ways = [[str(bucket), f"{bucket}/a.wav"], [f"{bucket}/a.wav", str(bucket), str(bucket)]]
    assert find_inputs(ways[0]).assets == find_inputs(ways[1]).assets


def test_relative_and_absolute_names_are_one_asset(bucket, monkeypatch):
    monkeypatch.chdir(bucket)
    inputs = find_inputs(["a.wav", str(bucket / "a.wav"), f"file://{bucket}/a.wav", "./november/../a.wav"])
    assert names(inputs, bucket) == ["a.wav"]


def test_name_with_glob_characters_is_a_file_where_there_is_one(tmp_path):
    odd = tmp_path / "call [1] *?.wav"
    odd.write_bytes(WAV_HEAD)
    assert [asset.path for asset in find_inputs([str(odd)]).assets] == [str(odd)]


def test_output_inside_the_input_is_left_out(bucket):
    (bucket / "out").mkdir()
    (bucket / "out" / "copy.wav").write_bytes(WAV_HEAD)
    assert len(find_inputs([str(bucket)], leave_out=str(bucket / "out")).assets) == 3


def test_links_in_a_circle_end(bucket):
    (bucket / "november" / "up").symlink_to(bucket)
    assert len(find_inputs([str(bucket)]).assets) == 3


def test_nothing_found_names_the_input(bucket):
    with pytest.raises(BeamscribeError, match=r"no input matches .*/\*\.flac"):
        find_inputs([f"{bucket}/*.flac"])
    with pytest.raises(BeamscribeError, match="no input matches"):
        find_inputs([str(bucket / "gone")])


def test_manifests_of_each_kind_say_the_same(bucket):
    rows = [
        {"uri": "a.wav", "start_s": 1.5, "end_s": 4.0, "language": "en", "reference": "hello"},
        {"uri": "november/b.MP3", "start_s": None, "end_s": None, "language": "de", "reference": None},
    ]
    (bucket / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (bucket / "m.csv").write_text(
        "uri,start_s,end_s,language,reference\na.wav,1.5,4.0,en,hello\nnovember/b.MP3,,,de,\n"
    )
    pq.write_table(pa.Table.from_pylist(rows), bucket / "m.parquet")
    kinds = [find_inputs([str(bucket / f"m.{kind}")]).assets for kind in ("jsonl", "csv", "parquet")]
    assert kinds[0] == kinds[1] == kinds[2]
    part, whole = kinds[0]
    assert part.uri == f"{bucket}/a.wav#t=1.5,4"
    assert (part.path, part.start_s, part.end_s) == (f"{bucket}/a.wav", 1.5, 4.0)
    assert whole.tracks == (Track(None, "de"),)
    assert whole.size_bytes == len(b"anything: the extension decides")


def test_manifest_says_more_than_a_glob_that_names_the_same_file(bucket):
    (bucket / "m.jsonl").write_text('{"uri": "a.wav", "language": "en"}\n')
    for inputs in ([f"{bucket}/a.wav", f"{bucket}/m.jsonl"], [f"{bucket}/m.jsonl", f"{bucket}/a.wav"]):
        (asset,) = find_inputs(inputs).assets
        assert asset.tracks == (Track(None, "en"),)


def test_channels_of_one_file_are_tracks_of_one_asset(bucket):
    (bucket / "m.csv").write_text("uri,channel,language\na.wav,1,es\na.wav,0,en\n")
    (asset,) = find_inputs([str(bucket / "m.csv")]).assets
    assert asset.tracks == (Track(0, "en"), Track(1, "es"))


def test_missing_file_of_a_manifest_is_an_asset_that_will_fail(bucket):
    (bucket / "m.jsonl").write_text('{"uri": "gone.wav"}\n')
    (asset,) = find_inputs([str(bucket / "m.jsonl")]).assets
    assert asset.size_bytes is None


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"path": "a.wav"}\n', "needs a column `uri`; it has path"),
        ('{"uri": "a.wav", "start_s": -1}\n', "row 1: `start_s` -1 is not a time in seconds"),
        ('{"uri": "a.wav", "start_s": 5, "end_s": 5}\n', "row 1: `end_s` 5 is not after `start_s` 5"),
        ('{"uri": "a.wav", "channel": 0.5}\n', "row 1: `channel` 0.5 is not a channel number"),
        ('{"uri": ""}\n', "row 1: `uri` is empty"),
        ("not json\n", "not a readable manifest"),
        ('{"uri": "a.wav", "language": "en"}\n{"uri": "a.wav", "language": "de"}\n', "twice with different"),
    ],
)
def test_wrong_manifest_names_the_row_and_the_mend(bucket, content, complaint):
    (bucket / "m.jsonl").write_text(content)
    with pytest.raises(BeamscribeError, match=complaint):
        find_inputs([str(bucket / "m.jsonl")])


def test_folder_that_cannot_be_listed_does_not_pass_for_an_empty_one(bucket, monkeypatch):
    walk = storage.os.walk

    def broken_walk(folder, followlinks, onerror):
        for root, folders, names in walk(folder, followlinks=followlinks, onerror=onerror):
            yield root, folders, names
            if root == str(bucket):
                onerror(PermissionError(13, "Permission denied", f"{bucket}/closed"))

    monkeypatch.setattr(storage.os, "walk", broken_walk)
    inputs = find_inputs([str(bucket)])
    assert names(inputs, bucket) == ["a.wav", "closed", "november/b.MP3", "november/noname"]
    assert inputs.assets[1].size_bytes is None
