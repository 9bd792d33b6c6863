"""The whole path: samples in, tables out. Each invariant of the tables that holds from the start is a test here."""

import errno
import json
import os
import re
import shutil
from pathlib import Path

import duckdb
import jiwer
import librosa
import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pytest
import soundfile
from whisper_normalizer.english import EnglishTextNormalizer

from pipelines.cli import main
from tests.conftest import REPOSITORY
from transforms import storage

SAMPLES = REPOSITORY / "samples"
ROWS = [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text().splitlines()]
REFERENCES = {row["uri"]: row["reference"] for row in ROWS}
MEDIA = list(REFERENCES)
VOLATILE = {"run_id", "transcribed_at", "failed_at"}


def transcribe(inputs, output, *flags):
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    return main(["transcribe", "--input", *map(str, inputs), "--output", str(output), *flags])


def table(output, name):
    """Rows of a table as a plain reader sees them, sorted."""
    rows = ds.dataset(str(output / name), partitioning="hive").to_table().to_pylist()
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))


def stable(output, name):
    """The rows without what differs from run to run by intention."""
    rows = [{k: v for k, v in row.items() if k not in VOLATILE | {"dt"}} for row in table(output, name)]
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))


def by_name(output):
    return {Path(row["uri"]).name: row for row in table(output, "transcripts")}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The tables of the samples."""
    output = tmp_path_factory.mktemp("samples") / "out"
    assert transcribe(SAMPLES, output) == 0
    return output


def test_samples_are_heard_right(out):
    normalise = EnglishTextNormalizer()
    rows = by_name(out)
    assert set(rows) == set(REFERENCES)
    spoken = sorted(uri for uri, reference in REFERENCES.items() if reference)
    score = jiwer.wer([normalise(REFERENCES[u]) for u in spoken], [normalise(rows[u]["text"]) for u in spoken])
    assert score <= 0.05
    silent = [uri for uri, reference in REFERENCES.items() if not reference]
    assert [(rows[uri]["status"], rows[uri]["text"]) for uri in silent] == [("no_speech", "")] * len(silent)


def test_rows_say_where_they_come_from(out):
    (run,) = table(out, "runs")
    for row in table(out, "transcripts"):
        assert row["run_id"] == run["run_id"]
        assert row["model"] == "tiny.en"
        assert re.fullmatch("[0-9a-f]{64}", row["model_sha256"])
        assert re.fullmatch("[0-9a-f]{64}", row["content_sha256"])
        assert row["size_bytes"] == Path(row["uri"]).stat().st_size
    assert (run["planned"], run["ok"], run["no_speech"], run["failed"]) == (len(MEDIA), len(MEDIA) - 1, 1, 0)
    assert run["transcripts"] == len(MEDIA)
    assert run["segments"] == len(table(out, "segments"))
    assert json.loads(run["options"])["decode"]["beam_size"] == 5
    assert run["runner"] == "FnApiRunner"


def test_text_of_a_transcript_is_that_of_its_segments(out):
    segments = pd.DataFrame(table(out, "segments"))
    for row in table(out, "transcripts"):
        mine = segments[segments.uri == row["uri"]].sort_values("segment_index")
        assert " ".join(mine.text) == row["text"]
        edges = [edge for pair in zip(mine.start_s, mine.end_s, strict=True) for edge in pair]
        assert edges == sorted(edges)
        assert all(0 <= edge <= row["duration_s"] for edge in edges)


def test_words_of_a_segment_are_its_text_and_follow_each_other(out):
    words = pd.DataFrame(table(out, "words")).sort_values(["uri", "segment_index", "word_index"])
    durations = {row["uri"]: row["duration_s"] for row in table(out, "transcripts")}
    assert set(words.uri) == {uri for uri in durations if by_uri(out, uri)["text"]}
    for segment in table(out, "segments"):
        mine = words[(words.uri == segment["uri"]) & (words.segment_index == segment["segment_index"])]
        assert " ".join(mine.word) == segment["text"]
        assert list(mine.word_index) == list(range(len(mine)))
    for uri, mine in words.groupby("uri"):
        edges = [edge for pair in zip(mine.start_s, mine.end_s, strict=True) for edge in pair]
        assert edges == sorted(edges)
        assert 0 <= edges[0] <= edges[-1] <= durations[uri]
    assert words.probability.between(0, 1).all()
    (run, *_) = table(out, "runs")
    assert (run["words"], run["violations"]) == (len(words), 0)


def by_uri(output, uri):
    (row,) = [row for row in table(output, "transcripts") if row["uri"] == uri]
    return row


def test_no_word_times_unless_wanted(out, tmp_path):
    assert transcribe(SAMPLES / "voicemail.wav", tmp_path / "out", "--word_timestamps=false") == 0
    assert not (tmp_path / "out" / "words").exists()
    assert by_name(tmp_path / "out")["voicemail.wav"]["text"] == by_name(out)["voicemail.wav"]["text"]
    assert transcribe(SAMPLES / "voicemail.wav", tmp_path / "out") == 0
    assert len(table(tmp_path / "out", "words")) > 10
    assert transcribe(SAMPLES / "voicemail.wav", tmp_path / "out", "--word_timestamps=false") == 0
    assert not list((tmp_path / "out" / "words").rglob("*.parquet"))


def test_speech_that_is_repeated_stays_and_no_loop_is_added(tmp_path):
    samples, rate = soundfile.read(SAMPLES / "voicemail.wav", dtype="float32")
    soundfile.write(tmp_path / "again.wav", np.tile(samples[: 9 * rate], 6), rate)
    assert transcribe(tmp_path / "again.wav", tmp_path / "out") == 0
    said = by_name(tmp_path / "out")["again.wav"]["text"].casefold()
    assert 5 <= said.count("helen") <= 6
    assert 5 <= said.count("friday") <= 6


def test_silence_after_speech_stays_silent(tmp_path):
    samples, rate = soundfile.read(SAMPLES / "voicemail.wav", dtype="float32")
    hum = 0.01 * np.sin(2 * np.pi * 50 * np.arange(300 * rate) / rate)
    noise = np.random.default_rng(1).normal(0, 0.003, 300 * rate)
    quiet = np.concatenate([samples, np.zeros(300 * rate), hum, noise]).astype(np.float32)
    soundfile.write(tmp_path / "quiet.flac", quiet, rate)
    assert transcribe(tmp_path / "quiet.flac", tmp_path / "out") == 0
    written = [row for row in table(tmp_path / "out", "segments") if row["text"]]
    assert max(row["end_s"] for row in written) <= len(samples) / rate + 0.5
    assert max(row["end_s"] for row in table(tmp_path / "out", "words")) <= len(samples) / rate
    (row,) = table(tmp_path / "out", "transcripts")
    assert row["text"].startswith("Good morning, this is Helen")
    assert row["duration_s"] == pytest.approx(900 + len(samples) / rate, abs=0.01)


def test_duckdb_pandas_and_pyarrow_read_every_table_by_a_plain_glob(out):
    for name in ("transcripts", "segments", "words", "runs"):
        n_rows = ds.dataset(str(out / name), partitioning="hive").count_rows()
        assert n_rows > 0
        assert len(pd.read_parquet(out / name)) == n_rows
        ((counted,),) = duckdb.sql(f"select count(*) from '{out}/{name}/**/*.parquet'").fetchall()
        assert counted == n_rows
    ((dates,),) = duckdb.sql(f"select count(distinct dt) from '{out}/transcripts/**/*.parquet'").fetchall()
    assert dates == 1


def test_again_with_nothing_changed_writes_nothing_but_a_run(out, capsys):
    before = {info.path: info for info in storage.list_files(str(out))}
    assert transcribe(SAMPLES, out) == 0
    after = {info.path: info for info in storage.list_files(str(out))}
    assert {path: info for path, info in after.items() if path in before} == before
    (new,) = after.keys() - before.keys()
    assert "/runs/" in new
    latest = max(table(out, "runs"), key=lambda row: row["started_at"])
    assert (latest["planned"], latest["unchanged"], latest["windows"]) == (0, len(MEDIA), 0)


@pytest.mark.parametrize(
    "flags",
    [
        ["--batch_windows", "3", "--direct_num_workers=1"],
        ["--batch_windows", "8", "--direct_num_workers=3"],
        ["--batch_windows", "1", "--direct_num_workers=2"],
    ],
    ids=lambda flags: " ".join(flags),
)
def test_rows_do_not_depend_on_batches_or_workers(out, tmp_path, flags):
    inputs = [f"{SAMPLES}/{uri}" for uri in reversed(MEDIA)]
    assert transcribe(inputs, tmp_path / "again", *flags) == 0
    assert stable(tmp_path / "again", "segments") == stable(out, "segments")
    assert stable(tmp_path / "again", "transcripts") == stable(out, "transcripts")
    assert stable(tmp_path / "again", "words") == stable(out, "words")


@pytest.fixture
def bucket(tmp_path):
    """Two good files and four that are broken in different ways."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    for uri in [u for u in MEDIA if u.endswith((".wav", ".flac"))][:2]:
        shutil.copy(SAMPLES / uri, folder)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("this is no audio\n" * 50)
    whole = (SAMPLES / next(u for u in MEDIA if u.endswith(".mp3"))).read_bytes()
    (folder / "head.mp3").write_bytes(whole[:200])
    (folder / "noise.m4a").write_bytes(bytes(range(256)) * 40)
    return folder


def test_bad_files_cost_nobody_else_anything(out, bucket, tmp_path):
    assert transcribe(bucket, tmp_path / "mixed", "--max_failed_fraction", "0.9") == 0
    good = {name: row for name, row in by_name(out).items() if (bucket / name).exists()}
    mixed = by_name(tmp_path / "mixed")
    assert {name: row["text"] for name, row in mixed.items()} == {name: row["text"] for name, row in good.items()}
    failures = {Path(row["uri"]).name: row for row in table(tmp_path / "mixed", "failures")}
    assert failures.keys() == {"empty.wav", "text.wav", "head.mp3", "noise.m4a"}
    assert all((row["stage"], row["retriable"]) == ("open", False) for row in failures.values())
    assert "empty" in failures["empty.wav"]["message"]


def test_too_many_failures_exit_3_and_keep_what_was_done(bucket, tmp_path):
    assert transcribe(bucket, tmp_path / "out") == 3
    assert len(table(tmp_path / "out", "transcripts")) == 2
    assert len(table(tmp_path / "out", "failures")) == 4
    assert table(tmp_path / "out", "runs")[0]["exit_status"] == 3


def test_one_current_version_whatever_was_run_before(bucket, tmp_path):
    """Changed content, mended files, changed options and failures: each asset keeps one version."""
    output = tmp_path / "out"
    transcribe(bucket, output)
    good = next(u for u in MEDIA if u.endswith(".flac"))
    shutil.copy(SAMPLES / good, bucket / "empty.wav")
    assert transcribe(bucket, output, "--max_failed_fraction", "1") == 0
    names = sorted(Path(row["uri"]).name for row in table(output, "transcripts") + table(output, "failures"))
    assert names == sorted(path.name for path in bucket.iterdir())
    assert by_name(output)["empty.wav"]["text"] == by_name(output)[good]["text"]
    latest = max(table(output, "runs"), key=lambda row: row["started_at"])
    assert (latest["planned"], latest["unchanged"], latest["failed_before"]) == (1, 2, 3)

    (bucket / good).write_text("broken now")
    assert transcribe(bucket, output, "--beam_size", "1", "--batch_windows", "2", "--max_failed_fraction", "1") == 0
    uris = [row["uri"] for row in table(output, "transcripts")] + [row["uri"] for row in table(output, "failures")]
    assert sorted(uris) == sorted(str(path) for path in bucket.iterdir())
    assert good in {Path(row["uri"]).name for row in table(output, "failures")}
    assert len({row["config_hash"] for row in table(output, "transcripts")}) == 1
    assert {row["uri"] for row in table(output, "segments")} == {
        row["uri"] for row in table(output, "transcripts") if row["status"] == "ok"
    }
    assert not (output / "_beamscribe").exists()


def test_stereo_call_by_channel(tmp_path):
    assert transcribe(SAMPLES / "support_call.mp3", tmp_path / "out", "--channels", "separate") == 0
    rows = sorted(table(tmp_path / "out", "transcripts"), key=lambda row: row["channel"])
    assert [row["channel"] for row in rows] == [0, 1]
    assert rows[0]["text"] != rows[1]["text"]
    assert all(row["status"] == "ok" and row["channels"] == 2 for row in rows)


def test_full_disk_is_one_line_and_loses_nothing(out, tmp_path, monkeypatch, capsys):
    def full(path, data):
        if "/tables/" in path:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_whole(path, data)

    write_whole = storage.write_whole

    output = tmp_path / "out"
    voicemail, weather = SAMPLES / "voicemail.wav", SAMPLES / "weather.mp3"
    assert transcribe(voicemail, output) == 0
    before = stable(output, "transcripts")
    with monkeypatch.context() as patched:
        patched.setattr(storage, "write_whole", full)
        capsys.readouterr()
        assert transcribe([voicemail, weather], output) == 1
    line = capsys.readouterr().err
    assert line == "beamscribe transcribe: OSError: [Errno 28] No space left on device; nothing is lost, run again\n"
    assert stable(output, "transcripts") == before
    assert transcribe([voicemail, weather], output) == 0
    assert [row["text"] for row in by_name(output).values()] == [by_name(out)[name]["text"] for name in by_name(output)]
    assert not (output / "_beamscribe").exists()


def test_name_that_is_not_utf8(out, tmp_path):
    name = os.fsencode(str(tmp_path)) + b"/caf\xe9 #%=\n\xf0\x9f\x8e\xa7.wav"
    shutil.copy(SAMPLES / "voicemail.wav", name)
    assert transcribe(tmp_path, tmp_path / "out") == 0
    (row,) = table(tmp_path / "out", "transcripts")
    assert row["uri"] == f"{tmp_path}/caf\\xe9 #%=\n🎧.wav"
    assert row["text"] == by_name(out)["voicemail.wav"]["text"]
    assert transcribe(tmp_path, tmp_path / "out") == 0
    assert [row["planned"] for row in table(tmp_path / "out", "runs")].count(0) == 1


def test_plan_lists_and_writes_nothing(out, bucket, capsys):
    before = {info.path for info in storage.list_files(str(out))}
    assert main(["plan", "--input", str(bucket), "--output", str(out)]) == 0
    assert "6 to transcribe" in capsys.readouterr().out
    assert {info.path for info in storage.list_files(str(out))} == before


def test_show_prints_the_transcripts(out, capsys):
    assert main(["show", str(out)]) == 0
    printed = capsys.readouterr().out
    for row in table(out, "transcripts"):
        assert (row["text"] or "(nothing was said)") in printed


def test_one_language_for_an_asset_or_one_for_each_window(base_model, speech, tmp_path):
    def clip(path):
        samples, rate = soundfile.read(path, dtype="float32")
        return librosa.resample(samples, orig_sr=rate, target_sr=16_000)

    fleurs = speech / "multilingual" / "fleurs"
    german = [clip(path) for path in sorted((fleurs / "de").iterdir())[:4]]
    french = clip(sorted((fleurs / "fr").iterdir())[0])
    soundfile.write(tmp_path / "both.flac", np.concatenate([*german, np.zeros(80_000), french]), 16_000)
    flags = ["--model", str(base_model), "--beam_size", "1", "--word_timestamps=false"]
    assert transcribe(tmp_path / "both.flac", tmp_path / "one", *flags) == 0
    assert {row["language"] for row in table(tmp_path / "one", "segments")} == {"de"}
    (row,) = table(tmp_path / "one", "transcripts")
    assert row["language"] == "de"
    assert "several_languages" not in row["flags"]
    assert 0.5 < row["language_probability"] <= 1
    assert transcribe(tmp_path / "both.flac", tmp_path / "each", *flags, "--language_per_segment") == 0
    assert {row["language"] for row in table(tmp_path / "each", "segments")} == {"de", "fr"}
    (row,) = table(tmp_path / "each", "transcripts")
    assert row["language"] == "de"
    assert "several_languages" in row["flags"]
