"""From the tables to files: a real call merged, names, selection, refusals."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.cli import main
from tests.conftest import REPOSITORY
from tests.transforms.make_rows import segment, transcript
from transforms.layout import JOURNAL, STAGING
from transforms.tables import schema_of, to_arrow, to_parquet

SAMPLES = REPOSITORY / "samples"


@pytest.fixture(scope="module")
def call(kept_recognizers, tmp_path_factory):
    """The tables of a stereo call, by channel, and of silence."""
    output = tmp_path_factory.mktemp("call") / "out"
    inputs = [str(SAMPLES / name) for name in ("support_call.mp3", "silence.wav")]
    assert main(["transcribe", "--input", *inputs, "--output", str(output), "--channels", "separate"]) == 0
    return output


def make_tables(output, **tables):
    """Tables of one part each."""
    for name, rows in tables.items():
        path = output / name / "dt=2026-11-22" / "part.parquet"
        path.parent.mkdir(parents=True)
        path.write_bytes(to_parquet(to_arrow(name, rows)))
    return output


def export(tables, to, *flags):
    return main(["export", "--from", str(tables), "--to", str(to), *flags])


def files(folder):
    """Bytes of all files, by path below the folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def exported(call, tmp_path_factory):
    """All formats of the call."""
    to = tmp_path_factory.mktemp("exported")
    assert export(call, to) == 0
    return to


def test_a_file_for_each_asset_and_format(exported):
    assert sorted(files(exported)) == [
        f"{name}.{extension}"
        for name in ("silence.wav", "support_call.mp3")
        for extension in ("json", "srt", "txt", "vtt")
    ]
    silent = {name: data for name, data in files(exported).items() if name.startswith("silence") and "json" not in name}
    assert silent == {"silence.wav.srt": b"\n", "silence.wav.vtt": b"WEBVTT\n", "silence.wav.txt": b"\n"}
    record = json.loads((exported / "silence.wav.json").read_text())
    assert (record["status"], record["text"], record["segments"]) == ("no_speech", "", [])


def test_both_sides_of_a_call_are_on_one_time_line(call, exported):
    record = json.loads((exported / "support_call.mp3.json").read_text())
    assert [channel["channel"] for channel in record["channels"]] == [0, 1]
    starts = [s["start_s"] for s in record["segments"]]
    assert starts == sorted(starts)
    assert {s["channel"] for s in record["segments"]} == {0, 1}
    srt = (exported / "support_call.mp3.srt").read_text()
    blocks = [block.strip().splitlines() for block in srt.split("\n\n")]
    assert [block[0] for block in blocks] == [str(number + 1) for number in range(len(blocks))]
    times = [re.fullmatch(r"(\d\d:\d\d:\d\d,\d{3}) --> (\d\d:\d\d:\d\d,\d{3})", block[1]).groups() for block in blocks]
    assert [start for start, _ in times] == sorted(start for start, _ in times)
    assert all(len(line) <= 42 for block in blocks for line in block[2:])
    for channel in record["channels"]:
        tag = f"[channel {channel['channel']}] "
        mine = [" ".join(block[2:]) for block in blocks if block[2].startswith(tag)]
        assert " ".join(text.removeprefix(tag) for text in mine) == channel["text"]
        turns = [line for line in (exported / "support_call.mp3.txt").read_text().split("\n\n") if line.startswith(tag)]
        assert " ".join(turn.strip().removeprefix(tag) for turn in turns) == channel["text"]


def test_turns_of_a_call_follow_the_words(exported):
    turns = (exported / "support_call.mp3.txt").read_text().split("\n\n")
    assert [" ".join(turn.split()[:3]) for turn in turns] == [
        "[channel 0] Thank",
        "[channel 1] Hello,",
        "[channel 0] I",
        "[channel 1] It",
        "[channel 0] Please",
    ]
    record = json.loads((exported / "support_call.mp3.json").read_text())
    for said in record["segments"]:
        assert " ".join(word["word"].strip() for word in said["words"]) == said["text"]


def test_vtt_has_the_same_cues_as_srt(exported):
    srt = (exported / "support_call.mp3.srt").read_text()
    vtt = (exported / "support_call.mp3.vtt").read_text()
    as_vtt = re.sub(r"^\d+\n", "", srt, flags=re.M).replace("[channel ", "<v Channel ").replace("] ", ">")
    assert vtt == "WEBVTT\n\n" + re.sub(r"(\d\d),(\d{3})", r"\1.\2", as_vtt)


def test_again_gives_the_same_bytes(call, exported, tmp_path):
    before = files(exported)
    assert export(call, exported, "--direct_num_workers=1") == 0
    assert files(exported) == before
    assert export(call, tmp_path, "--uri", "*/support_call.mp3", "--format", "vtt") == 0
    assert files(tmp_path) == {"support_call.mp3.vtt": before["support_call.mp3.vtt"]}


def test_widths_and_lines_are_honoured(call, tmp_path):
    assert export(call, tmp_path, "--format", "srt,srt", "--max_line_width", "20", "--max_lines", "1") == 0
    blocks = (tmp_path / "support_call.mp3.srt").read_text().strip().split("\n\n")
    assert max(len(block.splitlines()) for block in blocks) == 3
    assert max(len(block.splitlines()[2]) for block in blocks) <= 20


def test_words_tell_the_time_and_names_are_safe(tmp_path):
    uris = ["/data/x/50% #1?.wav", "/data/x/50% #1?.wav#t=10,20", f"/data/y/{'🎧' * 300}.wav"]
    said = "one two three four five six seven eight nine ten eleven twelve"
    tables = make_tables(
        tmp_path / "out",
        transcripts=[transcript(uri, channel=None, status="ok", text=said) for uri in uris],
        segments=[segment(uri, channel=None, segment_index=0, start_s=0.0, end_s=12.0, text=said) for uri in uris],
    )
    words = [
        {
            "uri": uris[0],
            "channel": None,
            "segment_index": 0,
            "word_index": i,
            "start_s": i / 10,
            "end_s": None if word == "two" else (i + 1) / 10,
            "word": word,
            "probability": 0.25,
        }
        for i, word in enumerate(said.split())
    ]
    part = tables / "words" / "dt=2026-11-22" / "part.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(to_parquet(pa.Table.from_pylist(words)))
    assert export(tables, tmp_path / "sub", "--format", "srt,json", "--max_lines", "1") == 0
    names = sorted(files(tmp_path / "sub"))
    assert len(names) == 6
    assert names[:4] == [
        f"x/50%25 %231%3F.wav{rest}" for rest in ("%23t=10,20.json", "%23t=10,20.srt", ".json", ".srt")
    ]
    assert all(re.fullmatch(r"y/🎧+~[0-9a-f]{16}\.(json|srt)", name) for name in names[4:])
    timed, untimed = (tmp_path / "sub" / "x" / f"50%25 %231%3F.wav{part}.srt" for part in ("", "%23t=10,20"))
    assert timed.read_text() == (
        "1\n00:00:00,000 --> 00:00:00,700\none two three four five six seven\n\n"
        "2\n00:00:00,700 --> 00:00:01,200\neight nine ten eleven twelve\n"
    )
    assert untimed.read_text().splitlines()[1] == f"00:00:00,000 --> 00:00:0{12 * 33 / 62:.3f}".replace(".", ",")
    record = json.loads(timed.with_suffix(".json").read_text())
    assert record["segments"][0]["words"][1] == {"word": "two", "start_s": 0.1, "end_s": None, "probability": 0.25}


def test_assets_of_many_parts_and_folders(tmp_path):
    tables = tmp_path / "out"
    for number in range(3):
        uri = f"s3://calls/2026/{number}/a.wav"
        rows = {
            "transcripts": [transcript(uri, channel=None, status="ok", text="Hi.")],
            "segments": [segment(uri, channel=None, start_s=0.0, end_s=1.0, text="Hi.")],
        }
        for name, table_rows in rows.items():
            path = tables / name / f"dt=2026-11-2{number}" / "part.parquet"
            path.parent.mkdir(parents=True)
            path.write_bytes(to_parquet(to_arrow(name, table_rows)))
    assert export(tables, tmp_path / "all", "--format", "txt") == 0
    assert files(tmp_path / "all") == {f"{number}/a.wav.txt": b"Hi.\n" for number in range(3)}
    assert export(tables, tmp_path / "one", "--format", "txt", "--uri", "s3://*/1/*") == 0
    assert files(tmp_path / "one") == {"1/a.wav.txt": b"Hi.\n"}


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--format", "srt,doc"], "--format srt,doc: no format 'doc'; choose from srt,vtt,txt,json"),
        (["--from", "EMPTY"], "holds no transcripts; name the --output of beamscribe transcribe"),
        (["--from", "EMPTY/gone"], "holds no transcripts; name the --output of beamscribe transcribe"),
        (["--uri", "nothing*"], "--uri nothing* matches no asset"),
        (["--max_line_width", "15"], "--max_line_width 15: needs at least 16"),
        (["--max_lines", "0"], "--max_lines 0: needs at least 1"),
        (["--format", "txt,json", "--max_lines", "1"], "--max_lines is for subtitles"),
        (["--max_width", "20"], "unknown flag --max_width; did you mean"),
        (["--to", "TABLES"], "is among the tables; name a folder of its own"),
        (["--to", "TABLES/segments/x"], "is among the tables; name a folder of its own"),
        (["--to", "FILE/x"], "cannot be written"),
    ],
)
def test_wrong_command_line(flags, complaint, tmp_path, capsys):
    tables = make_tables(tmp_path / "out", transcripts=[transcript("/a.wav", status="no_speech")])
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("in the way")
    places = {"EMPTY": tmp_path / "empty", "TABLES": tables, "FILE": tmp_path / "file"}
    named = [re.sub("EMPTY|TABLES|FILE", lambda match: str(places[match[0]]), flag) for flag in flags]
    before = files(tmp_path)
    assert export(tables, tmp_path / "sub", *named) == 2
    line = capsys.readouterr().err
    assert line.startswith("beamscribe export: ")
    assert line.count("\n") == 1
    assert complaint in line
    assert files(tmp_path) == before


def test_missing_flags_and_broken_tables_are_one_line(tmp_path, capsys):
    assert main(["export", "--to", "x"]) == 2
    assert "required: --from" in capsys.readouterr().err
    tables = make_tables(tmp_path / "out", transcripts=[transcript("/a.wav", status="ok")])
    assert export(tables, tmp_path / "sub") == 2
    assert "has transcripts and no segments" in capsys.readouterr().err
    part = next(tables.rglob("*.parquet"))
    part.write_bytes(b"PAR1 no longer")
    assert export(tables, tmp_path / "sub") == 2
    assert f"{part}: cannot be read as a table" in capsys.readouterr().err
    part.write_bytes(to_parquet(schema_of("runs").empty_table()))
    assert export(tables, tmp_path / "sub") == 2
    assert "no column status" in capsys.readouterr().err


def test_tables_that_are_being_committed_are_refused(tmp_path, capsys):
    tables = make_tables(tmp_path / "out", transcripts=[transcript("/a.wav", status="no_speech")])
    (tables / STAGING).mkdir()
    (tables / STAGING / JOURNAL).write_text("{}")
    assert export(tables, tmp_path / "sub") == 2
    assert "is being committed; wait, or run beamscribe transcribe again" in capsys.readouterr().err
    assert not Path(tmp_path / "sub").exists()


def test_a_broken_part_ends_the_export_in_one_line(tmp_path, capsys):
    tables = make_tables(
        tmp_path / "out",
        transcripts=[transcript("/a.wav", status="ok")],
        segments=[segment("/a.wav", start_s=0.0, end_s=1.0)],
    )
    part = next((tables / "segments").rglob("*.parquet"))
    part.write_bytes(b"PAR1 no longer")
    assert export(tables, tmp_path / "sub", "--format", "srt") == 1
    err = capsys.readouterr().err
    assert re.fullmatch(
        rf"beamscribe export: {re.escape(str(part))}: cannot be read as a table .*; not all files are written\n", err
    )


def test_help(capsys):
    with pytest.raises(SystemExit) as end:
        main(["export", "--help"])
    assert end.value.code == 0
    assert "usage: beamscribe export" in capsys.readouterr().out
