"""References joined with tables of transcripts: what is counted, what is written, what is printed, what is refused."""

import json
import math
import re

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from pipelines import evaluate as evaluations
from pipelines.cli import main
from tests.conftest import REPOSITORY
from tests.transforms import make_rows
from transforms.commit import PartOf, commit, stage_part
from transforms.tables import schema_of

VOLATILE = ("evaluation_id", "evaluated_at", "dt")


def write_tables(folder, transcripts, segments, n_shards=1):
    """Tables as a run of transcribe leaves them."""
    parts = PartOf(str(folder), "run1", "2026-11-22", n_shards)
    for shard in range(n_shards):
        tables = {"transcripts": transcripts, "segments": segments}
        rows = {name: [r for r in rows if parts.shard_of(r.uri) == shard] for name, rows in tables.items()}
        stage_part(parts, shard, rows)
    commit(parts, {})


def write_manifest(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def table(output, name):
    """Rows of a table as a plain reader sees them."""
    return ds.dataset(str(output / name), partitioning="hive").to_table().to_pylist()


def stable(output, name):
    """Rows without what differs between evaluations by intention, sorted."""
    rows = [{k: v for k, v in row.items() if k not in VOLATILE} for row in table(output, name)]
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))


@pytest.fixture
def calls(tmp_path):
    """Tables of four recordings in three parts, and a manifest of references beside the recordings."""
    folder = tmp_path / "calls"
    folder.mkdir()
    uri = {name: f"{folder}/{name}.wav" for name in ("a", "stereo", "hum", "extra")}
    transcripts = [
        make_rows.transcript(
            uri["a"],
            channel=None,
            duration_s=12.0,
            speech_s=8.0,
            language="en",
            text="Short one, dear.",
            avg_logprob=math.log(0.55),
        ),
        make_rows.transcript(uri["stereo"], channel=1, speech_s=2.0, language="en", text="Goodbye.", avg_logprob=-0.25),
        make_rows.transcript(uri["stereo"], channel=0, speech_s=4.0, language="en", text="Hello!", avg_logprob=-0.125),
        make_rows.transcript(
            uri["hum"], channel=None, speech_s=0.0, language="en", text="Thank you.", avg_logprob=-1.0
        ),
        make_rows.transcript(uri["extra"], channel=None, language="en", text="Nobody asked."),
    ]
    segments = [
        make_rows.segment(uri["a"], channel=None, start_s=0.0, end_s=3.0, text="Short one,", snr_db=10.0),
        make_rows.segment(uri["a"], channel=None, start_s=4.0, end_s=5.0, text="dear.", snr_db=30.0),
        make_rows.segment(uri["stereo"], channel=0, start_s=0.0, end_s=5.0, text="Hello!", snr_db=20.0),
        make_rows.segment(uri["stereo"], channel=1, start_s=0.0, end_s=1.0, text="", snr_db=None),
    ]
    write_tables(tmp_path / "out", transcripts, segments, n_shards=3)
    return write_manifest(
        folder / "references.jsonl",
        {"uri": "a.wav", "reference": "short one here", "corpus": "clean", "language": "en"},
        {"uri": "stereo.wav", "reference": "hello", "corpus": "phone", "channel": 0},
        {"uri": "stereo.wav", "reference": "good bye", "corpus": "phone", "channel": 1},
        {"uri": "hum.wav", "reference": "", "corpus": "noise"},
        {"uri": "gone.wav", "reference": "four words are here", "corpus": "clean", "language": "en"},
        {"uri": "extra.wav", "reference": None},
    )


def evaluate(tmp_path, references, *flags, output="scores"):
    where = ["--transcripts", str(tmp_path / "out"), "--output", str(tmp_path / output)]
    return main(["evaluate", *where, "--references", str(references), *flags])


def test_every_reference_has_a_row_with_its_errors(calls, tmp_path):
    assert evaluate(tmp_path, calls) == 0
    rows = {
        (row["uri"].rsplit("/", 1)[-1], row["channel"]): row for row in table(tmp_path / "scores", "utterance_scores")
    }
    assert rows.keys() == {("a.wav", None), ("stereo.wav", 0), ("stereo.wav", 1), ("hum.wav", None), ("gone.wav", None)}
    names = ("words", "substitutions", "deletions", "insertions", "hallucinated_words", "missing", "wer")
    assert {key: tuple(row[name] for name in names) for key, row in rows.items()} == {
        ("a.wav", None): (3, 1, 0, 0, 0, False, 1 / 3),
        ("stereo.wav", 0): (1, 0, 0, 0, 0, False, 0.0),
        ("stereo.wav", 1): (2, 1, 1, 0, 0, False, 1.0),
        ("hum.wav", None): (0, 0, 0, 2, 2, False, None),
        ("gone.wav", None): (4, 0, 4, 0, 0, True, 1.0),
    }
    a, gone = rows["a.wav", None], rows["gone.wav", None]
    assert (a["reference"], a["hypothesis"], a["corpus"]) == ("short one here", "short one dear", "clean")
    assert a["alignment"] == "REF: short one here\nHYP: short one dear\n                  S"
    assert (a["duration_s"], a["speech_s"], a["covered_speech_s"], a["snr_db"]) == (12.0, 8.0, 4.0, 15.0)
    assert a["confidence"] == pytest.approx(0.55)
    assert (a["characters"], a["char_errors"], a["cer"]) == (14, 3, 3 / 14)
    assert [gone[name] for name in ("duration_s", "speech_s", "covered_speech_s", "snr_db", "confidence")] == [None] * 5
    assert rows["stereo.wav", 0]["covered_speech_s"] == 4.0
    assert rows["stereo.wav", 1]["covered_speech_s"] == 0.0


def test_groups_sum_their_utterances(calls, tmp_path):
    assert evaluate(tmp_path, calls) == 0
    rows = {(row["group_by"], row["group"]): row for row in table(tmp_path / "scores", "group_scores")}
    everything = rows["all", "all"]
    names = ("utterances", "missing", "words", "substitutions", "deletions", "insertions", "hallucinated_words")
    assert tuple(everything[name] for name in names) == (5, 1, 10, 2, 5, 2, 2)
    assert (everything["wer"], everything["coverage"], everything["unscored_transcripts"]) == (0.9, 8 / 14, 1)
    assert everything["wer_low"] < 0.9 < everything["wer_high"]
    assert {key: row["utterances"] for key, row in rows.items() if key[0] in ("corpus", "channel", "snr")} == {
        ("corpus", "clean"): 2,
        ("corpus", "phone"): 2,
        ("corpus", "noise"): 1,
        ("channel", None): 3,
        ("channel", "0"): 1,
        ("channel", "1"): 1,
        ("snr", "15-20 dB"): 1,
        ("snr", "20-30 dB"): 1,
        ("snr", None): 3,
    }
    assert rows["corpus", "noise"]["wer"] is None
    bin_of_a = rows["confidence", "0.5-0.6"]
    assert (bin_of_a["mean_confidence"], bin_of_a["right_fraction"]) == (pytest.approx(0.55), pytest.approx(2 / 3))
    # by words: 3 of 6 say 0.55 and 2/3 are right, 1 says exp(-1/8) and is right, 2 say exp(-1/4) and are wrong
    expected = (3 * (2 / 3 - 0.55) + abs(math.exp(-0.125) - 1) + 2 * math.exp(-0.25)) / 6
    assert everything["expected_calibration_error"] == pytest.approx(expected, abs=1e-6)
    assert {row["group"] for row in rows.values() if row["expected_calibration_error"] is not None} == {"all"}


def test_reference_without_channel_meets_all_channels_in_order(calls, tmp_path):
    manifest = write_manifest(calls.parent / "both.jsonl", {"uri": "stereo.wav", "reference": "hello goodbye"})
    assert evaluate(tmp_path, manifest) == 0
    (row,) = table(tmp_path / "scores", "utterance_scores")
    assert (row["hypothesis"], row["wer"], row["language"], row["speech_s"]) == ("hello goodbye", 0.0, "en", 6.0)
    assert row["confidence"] == pytest.approx(math.exp((-0.125 * 6 - 0.25 * 8) / 14))


@pytest.mark.parametrize("flags", [["--direct_num_workers=1"], ["--direct_num_workers=2"]], ids=lambda f: f[0])
def test_scores_do_not_depend_on_workers(calls, tmp_path, flags):
    assert evaluate(tmp_path, calls) == 0
    assert evaluate(tmp_path, calls, *flags, output="again") == 0
    for name in ("utterance_scores", "group_scores"):
        assert stable(tmp_path / "again", name) == stable(tmp_path / "scores", name)


def test_tables_have_their_schema_and_every_evaluation_adds_one(calls, tmp_path):
    assert evaluate(tmp_path, calls) == 0
    assert evaluate(tmp_path, calls, "--corpus", "phone", "noise") == 0
    for name, rows in (("utterance_scores", {5, 3}), ("group_scores", {19, 13})):
        files = list((tmp_path / "scores" / name).rglob("*.parquet"))
        assert {pq.read_metadata(file).num_rows for file in files} == rows
        assert all(pq.read_schema(file).equals(schema_of(name)) for file in files)
    assert len({row["evaluation_id"] for row in table(tmp_path / "scores", "utterance_scores")}) == 2
    assert not (tmp_path / "scores" / "_beamscribe").exists()


def test_references_in_csv_and_in_a_folder_of_parquet_score_alike(calls, tmp_path):
    rows = [json.loads(line) for line in calls.read_text().splitlines()][:3]
    write_manifest(calls.parent / "some.jsonl", *rows)
    assert evaluate(tmp_path, calls.parent / "some.jsonl") == 0
    columns = {name: [row.get(name) for row in rows] for name in ("uri", "channel", "language", "corpus", "reference")}
    columns["uri"] = [f"{calls.parent}/{uri}" for uri in columns["uri"]]
    folder = tmp_path / "references" / "dt=2026-11-22"
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "part.parquet")
    cells = [["" if row.get(name) is None else str(row[name]) for name in columns] for row in rows]
    (calls.parent / "some.csv").write_text("\n".join(",".join(line) for line in [list(columns), *cells]) + "\n")
    for number, references in enumerate((folder.parent, calls.parent / "some.csv")):
        assert evaluate(tmp_path, references, output=f"again{number}") == 0
        assert stable(tmp_path / f"again{number}", "utterance_scores") == stable(
            tmp_path / "scores", "utterance_scores"
        )


def test_page_shows_groups_worst_calibration_and_hallucinations(calls, tmp_path, capsys):
    assert evaluate(tmp_path, calls, "--worst", "2") == 0
    page = capsys.readouterr().out
    folder = calls.parent
    assert "5 references, 10 words, 1 without a transcript; 1 transcripts without a reference\n" in page
    assert re.search(r"\| all +\| all +\| +5 \| +1 \| +10 \| +90\.00 \| +40\.00-200\.00 \| +2 \| +5 \| +2 \|", page)
    assert re.search(r"\| 0\.5-0\.6 +\| +3 \| 0\.550 \| 0\.667 \| +-0\.117 \|", page)
    assert f"Words written where nothing is said: 1 utterances\n\n- {folder}/hum.wav: thank you\n" in page
    assert page.index(f"{folder}/gone.wav: WER 100.00 % (S 0 D 4 I 0 of 4 words), no transcript") < page.index(
        f"{folder}/stereo.wav [channel 1]: WER 100.00 % (S 1 D 1 I 0 of 2 words)\nREF:    good bye\n"
    )
    assert "a.wav: WER" not in page
    assert "1 rows without a `reference` were left out\n" in page


def test_query_of_the_documentation_runs(calls, tmp_path, monkeypatch):
    (query,) = re.findall(r"^```sql\n(.*?)^```", (REPOSITORY / "docs" / "evaluation.md").read_text(), re.S | re.M)
    assert evaluate(tmp_path, calls) == 0
    monkeypatch.chdir(tmp_path)
    rows = duckdb.sql(query).fetchall()
    assert [row[1:4] for row in rows] == [("clean", 71.43, 1), ("phone", 66.67, 0), ("noise", None, 0)]


@pytest.mark.parametrize(
    ("row", "flags", "complaint"),
    [
        ({"uri": "b.wav", "reference": "x"}, [], "no reference names an asset of"),
        ({"uri": "a.wav"}, [], "has a `reference`"),
        ({"uri": "a.wav", "reference": "x"}, ["--corpus", "clean"], "no reference of the corpus clean"),
        ({"uri": "a.wav", "reference": "x"}, ["--transcripts", "EMPTY"], "holds no table of transcripts"),
        ({"uri": "a.wav", "reference": "x"}, ["--references", "gone.jsonl"], "gone.jsonl: no such file"),
        ({"uri": "a.wav", "reference": "x"}, ["--references", "BROKEN"], "not a readable manifest"),
        ({"uri": "a.wav", "reference": 7}, [], "the reference 7 is no text"),
        ({"uri": "a.wav", "reference": "x"}, ["--bootstrap", "0"], "--bootstrap 0: needs at least 1"),
        ({"uri": "a.wav", "reference": "x"}, ["--wurst", "3"], "did you mean --worst?"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_cannot_be_scored_is_refused_in_one_line(calls, tmp_path, capsys, row, flags, complaint):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.parquet").write_bytes(b"no Parquet")
    names = {"EMPTY": str(tmp_path / "empty"), "BROKEN": str(tmp_path / "broken.parquet")}
    manifest = write_manifest(calls.parent / "wrong.jsonl", row)
    assert evaluate(tmp_path, manifest, *(names.get(flag, flag) for flag in flags)) == 2
    line = capsys.readouterr().err
    assert line.startswith("beamscribe evaluate: ")
    assert line.count("\n") == 1
    assert complaint in line
    assert not (tmp_path / "scores").exists()


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (
            [{"channel": 0, "reference": "x"}, {"channel": 0, "reference": "y"}],
            "(channel 0) has two references that differ",
        ),
        (
            [{"channel": 0, "reference": "x"}, {"reference": "y"}],
            "a reference of all channels and one of a single channel",
        ),
    ],
)
def test_references_that_contradict_are_refused(calls, tmp_path, capsys, rows, complaint):
    manifest = write_manifest(calls.parent / "twice.jsonl", *({"uri": "stereo.wav", **row} for row in rows))
    assert evaluate(tmp_path, manifest) == 2
    assert complaint in capsys.readouterr().err


def test_scores_may_lie_beside_the_transcripts(calls, tmp_path):
    transcripts = table(tmp_path / "out", "transcripts")
    assert evaluate(tmp_path, calls, output="out") == 0
    assert len(table(tmp_path / "out", "utterance_scores")) == 5
    assert table(tmp_path / "out", "transcripts") == transcripts


def test_help(capsys):
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "--help"])
    assert end.value.code == 0
    assert "usage: beamscribe evaluate" in capsys.readouterr().out


def test_failure_on_the_way_writes_no_score(calls, tmp_path, capsys):
    damaged = sorted((tmp_path / "out" / "segments").rglob("*.parquet"))[0]
    damaged.write_bytes(b"no Parquet")
    assert evaluate(tmp_path, calls) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith(f"beamscribe evaluate: OSError: {damaged}: not a table of Beamscribe")
    assert line.endswith("; no score was written, run again\n")
    assert not (tmp_path / "scores" / "utterance_scores").exists()


def test_references_that_get_lost_are_noticed(calls, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluations, "_staged", lambda parts, name: [])
    assert evaluate(tmp_path, calls) == 1
    assert "5 references were given and 0 scored; nothing was committed" in capsys.readouterr().err
    assert not (tmp_path / "scores" / "group_scores").exists()
