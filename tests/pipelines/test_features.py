"""The job of features end to end: tables, rules of what is done again, failures, what an interrupted run leaves."""

import shutil

import numpy as np
import pyarrow.dataset as ds
import pytest
import soundfile

from pipelines.cli import main
from tests.conftest import REPOSITORY
from tests.model.ctc.tiny_ctc import SMALL, write_model
from tests.pipelines.test_transcribe import table
from transforms.features import chunks, parts
from transforms.features.options import CHEAP, GROUPS

SAMPLES = REPOSITORY / "samples"
N_SAMPLES = 7
VOLATILE = {"run_id", "made_at", "dt"}


def features(inputs, output, *flags):
    return main(["features", "--input", str(inputs), "--output", str(output), *flags])


def stable(output, name):
    rows = [{k: v for k, v in row.items() if k not in VOLATILE} for row in table(output, name)]
    return sorted(rows, key=lambda row: (row["uri"], row.get("frame_index")))


def latest(output):
    return max(table(output, "feature_runs"), key=lambda row: row["started_at"])


def files_below(output):
    return {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The tables of the samples: all groups, of utterances, regions and frames."""
    output = tmp_path_factory.mktemp("features") / "out"
    assert features(SAMPLES, output, "--features", "all", "--per", "utterance,region,frame") == 0
    return output


def test_one_row_an_asset_and_channel_with_every_group(out):
    rows = table(out, "features")
    assert len(rows) == N_SAMPLES
    silent = {row["uri"] for row in rows if row["uri"].endswith("silence.wav")}
    for row in rows:
        assert row["features"] == list(GROUPS)
        assert row["n_frames"] == 1 + round(row["duration_s"] * 16_000) // 160
        assert (len(row["log_mel_db_mean"]), len(row["mfcc_std"]), len(row["contrast_db_mean"])) == (80, 13, 7)
        assert len(row["chroma_mean"]) == 12
        assert len(row["embedding"]) == 384
        assert row["model"] == "tiny.en"
        assert (row["syllables"] == 0) == (row["uri"] in silent)
    (run,) = table(out, "feature_runs")
    assert (run["planned"], run["ok"], run["features"], run["exit_status"]) == (N_SAMPLES, N_SAMPLES, N_SAMPLES, 0)
    assert run["audio_s"] == pytest.approx(sum(row["duration_s"] for row in rows))


def test_frames_are_pooled_to_what_the_utterance_has(out):
    frames = ds.dataset(str(out / "frames"), partitioning="hive").to_table().to_pandas()
    for row in table(out, "features"):
        mine = frames[frames.uri == row["uri"]].sort_values("frame_index")
        assert list(mine.frame_index) == list(range(row["n_frames"]))
        np.testing.assert_allclose(mine.time_s, mine.frame_index * 0.01)
        np.testing.assert_allclose(np.stack(mine.mfcc).mean(axis=0), row["mfcc_mean"], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(mine.centroid_hz.std(ddof=0), row["centroid_hz_std"], rtol=1e-3, atol=1e-3)
        assert mine.f0_hz.notna().mean() == pytest.approx(row["voiced_ratio"])
    (run,) = table(out, "feature_runs")
    assert run["frames"] == len(frames)


def test_embeddings_are_pooled_to_that_of_the_utterance(out):
    embeddings = ds.dataset(str(out / "embeddings"), partitioning="hive").to_table().to_pandas()
    for row in table(out, "features"):
        mine = embeddings[embeddings.uri == row["uri"]].sort_values("position_index")
        assert len(mine) == -(-round(row["duration_s"] * 16_000) // 320)
        np.testing.assert_allclose(np.stack(mine.embedding).mean(axis=0), row["embedding"], rtol=1e-3, atol=1e-3)


def test_regions_are_in_order_and_inside_their_asset(out):
    durations = {row["uri"]: row["duration_s"] for row in table(out, "features")}
    by_uri = {}
    for row in sorted(table(out, "regions"), key=lambda row: (row["uri"], row["region_index"])):
        by_uri.setdefault(row["uri"], []).append(row)
    assert len(by_uri) == N_SAMPLES - 1
    for uri, rows in by_uri.items():
        assert [row["region_index"] for row in rows] == list(range(len(rows)))
        edges = [edge for row in rows for edge in (row["start_s"], row["end_s"])]
        assert edges == sorted(edges)
        assert 0 <= edges[0] <= edges[-1] <= durations[uri]


def test_again_with_nothing_changed_writes_nothing_but_a_run(out):
    before = files_below(out)
    assert features(SAMPLES, out, "--features", "all", "--per", "utterance,region,frame") == 0
    after = files_below(out)
    assert {path: time for path, time in after.items() if path in before} == before
    assert [path.parts[-3] for path in after.keys() - before.keys()] == ["feature_runs"]
    assert (latest(out)["planned"], latest(out)["unchanged"]) == (0, N_SAMPLES)


def test_rows_do_not_depend_on_workers_files_or_what_was_asked_for_besides(out, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "FILE_ROWS", 1000)
    monkeypatch.setattr(parts, "GROUP_ROWS", 500)
    output = tmp_path / "again"
    flags = ["--features", ",".join(CHEAP), "--per", "frame", "--direct_num_workers=1"]
    assert features(SAMPLES, output, *flags) == 0
    assert len(list(output.glob("frames/*/*.parquet"))) > 3
    groups = {"features", "model", "model_sha256", "config_hash"}
    for name in ("features", "frames"):
        mine, whole = stable(output, name), stable(out, name)
        for row, other in zip(mine, whole, strict=True):
            shared = {k: v for k, v in row.items() if v is not None and k not in groups}
            assert shared == {k: other[k] for k in shared}
    assert not (output / "regions").exists()
    assert not (output / "embeddings").exists()


@pytest.fixture
def bucket(tmp_path):
    """A good file and two broken ones."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    shutil.copy(SAMPLES / "voicemail.wav", folder)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("this is no audio\n" * 50)
    return folder


def test_one_current_version_whatever_was_run_before(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "FILE_ROWS", 400)
    monkeypatch.setattr(parts, "GROUP_ROWS", 200)
    output = tmp_path / "out"
    flags = ["--per", "frame", "--features", "time"]
    assert features(bucket, output, *flags) == 3
    assert {row["uri"].rsplit("/", 1)[-1] for row in table(output, "failures")} == {"empty.wav", "text.wav"}
    assert {row["model_sha256"] for row in table(output, "failures")} == {None}
    n_frames = len(table(output, "frames"))
    shutil.copy(SAMPLES / "voicemail.wav", bucket / "empty.wav")
    assert features(bucket, output, *flags, "--max_failed_fraction", "1") == 0
    assert (latest(output)["planned"], latest(output)["unchanged"], latest(output)["failed_before"]) == (1, 1, 1)
    assert len(table(output, "frames")) == 2 * n_frames
    samples, rate_hz = soundfile.read(SAMPLES / "voicemail.wav", dtype="float32")
    soundfile.write(bucket / "voicemail.wav", samples[: 2 * rate_hz], rate_hz)
    (bucket / "empty.wav").unlink()
    assert features(bucket, output, *flags, "--prune") == 0
    assert [row["n_frames"] for row in table(output, "features")] == [201]
    assert len(table(output, "frames")) == 201
    assert features(bucket, output, "--features", "loudness", "--max_failed_fraction", "0.5") == 0
    assert [(row["rms_mean"], row["features"]) for row in table(output, "features")] == [(None, ["loudness"])]
    assert not list(output.glob("frames/**/*.parquet"))
    assert not (output / "_beamscribe").exists()


def test_what_was_extracted_before_a_crash_is_not_extracted_again(tmp_path, monkeypatch, capsys):
    from transforms.features import steps

    extracted = []
    extract = steps.extract

    def counting(item, *args):
        extracted.append(item.asset.uri)
        return extract(item, *args)

    monkeypatch.setattr(steps, "extract", counting)
    output = tmp_path / "out"
    flags = ["--per", "frame", "--features", "time"]
    with monkeypatch.context() as patched:
        patched.setattr(parts, "assemble", lambda *_: 1 / 0)
        assert features(SAMPLES, output, *flags) == 1
    assert "run again" in capsys.readouterr().err
    assert len(extracted) == len(set(extracted)) == N_SAMPLES
    assert not list(output.glob("features/**/*.parquet"))
    assert features(SAMPLES, output, *flags) == 0
    assert len(extracted) == N_SAMPLES
    assert len(table(output, "frames")) == sum(row["n_frames"] for row in table(output, "features"))
    assert not (output / "_beamscribe").exists()


def test_long_recording_in_chunks_has_the_frames_of_one(tmp_path, monkeypatch):
    flags = ["--per", "frame", "--features", "mfcc,time,loudness"]
    assert features(SAMPLES / "voicemail.wav", tmp_path / "whole", *flags) == 0
    monkeypatch.setattr(chunks, "CHUNK_FRAMES", 150)
    monkeypatch.setattr(chunks, "CHUNK_SAMPLES", 150 * 160)
    monkeypatch.setattr("transforms.features.frame_files.CHUNK_FRAMES", 150)
    assert features(SAMPLES / "voicemail.wav", tmp_path / "chunks", *flags) == 0
    whole, cut = (sorted(table(tmp_path / n, "frames"), key=lambda r: r["frame_index"]) for n in ("whole", "chunks"))
    assert [row["time_s"] for row in cut] == [row["time_s"] for row in whole]
    for name in ("mfcc", "mfcc_delta2", "rms", "zero_crossing_rate"):
        np.testing.assert_allclose([r[name] for r in cut], [r[name] for r in whole], rtol=1e-4, atol=1e-3)
    (mine,), (other,) = (table(tmp_path / name, "features") for name in ("chunks", "whole"))
    for name in ("loudness_lufs", "rms_dbfs", "silence_ratio", "mfcc_std"):
        assert mine[name] == pytest.approx(other[name], rel=1e-4)


def test_embeddings_of_a_model_of_ones_own(tmp_path):
    model = write_model(tmp_path / "model", SMALL["conformer"])
    flags = ["--features", "embedding", "--per", "frame", "--model", str(model)]
    assert features(SAMPLES / "voicemail.wav", tmp_path / "out", *flags) == 0
    [row] = table(tmp_path / "out", "features")
    rows = table(tmp_path / "out", "embeddings")
    assert {len(one["embedding"]) for one in (row, *rows)} == {16}
    assert np.mean([one["embedding"] for one in rows], axis=0) == pytest.approx(row["embedding"], abs=1e-4)


def test_dry_run_does_nothing(tmp_path, capsys):
    assert features(SAMPLES, tmp_path / "out", "--dry_run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == N_SAMPLES + 1
    assert lines[-1].startswith(f"{N_SAMPLES} to work on")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--features", "mfccs"], "there is no 'mfccs'"),
        (["--per", "word"], "there is no 'word'"),
        (["--model", "tiny.en"], "--model is for the group embedding"),
        (["--features", "embedding", "--model", "tiny.xx"], "tiny.xx"),
        (["--shards", "2"], "--shards is about TFRecords"),
        (["--format", "tfrecord", "--features", "mfcc"], "leave --features"),
        (["--format", "tfrecord", "--max_hours", "1"], "leave --max_hours out"),
        (["--format", "tfrecord", "--shards", "0"], "--shards 0: needs 1 or more"),
        (["--channels", "left"], "--channels left: needs mix, separate"),
        (["--max_hours", "0"], "--max_hours 0: needs more than 0"),
        (["--beam_size", "2"], "unknown flag --beam_size"),
    ],
)
def test_wrong_command_line(flags, complaint, tmp_path, capsys):
    assert features(SAMPLES, tmp_path / "out", *flags) == 2
    line = capsys.readouterr().err
    assert line.startswith("beamscribe features: ")
    assert line.count("\n") == 1
    assert complaint in line
    assert not (tmp_path / "out").exists()


def test_tables_of_another_job_are_left_alone(out, tmp_path, capsys):
    (tmp_path / "transcripts").mkdir()
    assert features(SAMPLES, tmp_path) == 2
    assert "holds the table transcripts of another job" in capsys.readouterr().err
    assert main(["transcribe", "--input", str(SAMPLES), "--output", str(out)]) == 2
    assert "holds the table features of another job" in capsys.readouterr().err
    assert features(SAMPLES, out, "--format", "tfrecord") == 2
    assert "was written with --format parquet" in capsys.readouterr().err
