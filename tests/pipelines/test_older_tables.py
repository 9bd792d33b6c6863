"""Tables that an older version wrote, without the columns that came later, are read and corrected like any other."""

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from pipelines.cli import main
from tests.transforms import make_rows
from transforms.commit import PartOf, commit, stage_part
from transforms.tables import schema_of

# came after the first tables
LATER = {"transcripts": ["etag"], "segments": ["clipping"]}


@pytest.fixture
def output(tmp_path):
    """One transcript of two segments."""
    folder = tmp_path / "out"
    said = {"text": "twenty one", "raw_text": "twenty one", "language": "en"}
    segments = [
        make_rows.segment("a.wav", channel=None, segment_index=i, start_s=i, end_s=i + 1, clipping=0.5, **said)
        for i in range(2)
    ]
    transcript = make_rows.transcript("a.wav", channel=None, status="ok", text="twenty one twenty one", config_hash="h")
    parts = PartOf(str(folder), "run1", "2026-11-22", 1)
    stage_part(parts, 0, {"transcripts": [transcript], "segments": segments, "words": []})
    commit(parts, {})
    for table, columns in LATER.items():
        for path in (folder / table).rglob("*.parquet"):
            pq.write_table(pq.ParquetFile(path).read().drop_columns(columns), path)
    return folder


def test_show_reads_them(output, capsys):
    assert main(["show", str(output)]) == 0
    assert capsys.readouterr().out.startswith("a.wav, 0.5 s, ok: twenty one twenty one\n")


def test_export_reads_them(output, tmp_path, capsys):
    assert main(["export", "--from", str(output), "--to", str(tmp_path / "texts"), "--format", "txt"]) == 0
    assert [path.suffix for path in (tmp_path / "texts").iterdir()] == [".txt"]


def test_correct_writes_them_with_the_later_columns_null(output, capsys):
    assert main(["correct", str(output), "--itn", "on"]) == 0
    assert "1 assets corrected: 2 segments" in capsys.readouterr().out
    for table in LATER:
        (path,) = (output / table).rglob("*.parquet")
        assert pq.read_schema(path).names == schema_of(table).names
    rows = ds.dataset(str(output / "segments"), partitioning="hive").to_table().to_pylist()
    assert [(row["text"], row["raw_text"], row["clipping"]) for row in rows] == [("21", "twenty one", None)] * 2
    (run,) = ds.dataset(str(output / "runs"), partitioning="hive").to_table().to_pylist()
    assert (run["found"], run["planned"], run["ok"], run["segments"]) == (1, 1, 1, 2)
    zero = ("skipped_not_media", "unchanged", "touched", "removed", "failed_before", "deferred", "unfinished", "failed")
    zero += ("windows", "windows_resumed", "windows_rescued", "violations", "rescue_s", "audio_s", "speech_s", "speed")
    assert {run[name] for name in zero} == {0}
    assert (run["exit_status"], run["model"], run["config_hash"], run["versions"]) == (0, "", "", "{}")
