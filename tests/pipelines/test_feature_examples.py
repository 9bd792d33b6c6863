"""`beamscribe features --format tfrecord`: a set that is a function of its inputs, read back as it was made."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from model.ctc.examples import read_examples
from model.ctc.features import LogMelDefinition, log_mel
from pipelines.cli import main
from tests.conftest import REPOSITORY
from transforms.training_clips import read_training_clips

SAMPLES = REPOSITORY / "samples" / "manifest.jsonl"
DEFINITION = LogMelDefinition()


def features(manifest: Path, output: Path, *flags: str) -> int:
    return main(["features", "--input", str(manifest), "--output", str(output), "--format", "tfrecord", *flags])


def files_of(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (output / "tfrecords").iterdir()}


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    """The set of the samples, in three files."""
    output = tmp_path_factory.mktemp("examples") / "out"
    assert features(SAMPLES, output, "--shards", "3") == 0
    return output


def test_what_is_read_back_is_log_mel_of_the_clips(out):
    clips = {clip.uri: clip for clip in read_training_clips([str(SAMPLES)])}
    read = {uri: (reference, values) for uri, reference, values in read_examples(out, DEFINITION)}
    assert read.keys() == {uri for uri, clip in clips.items() if clip.reference}
    for uri, (reference, values) in read.items():
        assert reference == clips[uri].reference
        np.testing.assert_array_equal(values, log_mel(clips[uri].samples, DEFINITION))


def test_manifest_and_statistics_are_of_all_examples(out):
    manifest = json.loads((out / "tfrecords" / "manifest.json").read_text())
    statistics = json.loads((out / "tfrecords" / "statistics.json").read_text())
    clips = list(read_training_clips([str(SAMPLES)]))
    frames = np.concatenate([log_mel(clip.samples, DEFINITION) for clip in clips])
    assert manifest["examples"] == len(clips)
    assert manifest["with_reference"] == len(clips)
    assert manifest["frames"] == statistics["frames"] == len(frames)
    assert manifest["hours"] == pytest.approx(sum(len(clip.samples) for clip in clips) / 16_000 / 3600)
    np.testing.assert_allclose(statistics["mean"], frames.mean(axis=0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(statistics["std"], frames.std(axis=0, dtype=np.float64), rtol=1e-6)
    names = [file["name"] for file in manifest["files"]]
    assert names == [f"utterances-{number:05d}-of-00003.tfrecord" for number in range(3)]
    records = [sum(1 for _ in tf.data.TFRecordDataset(str(out / "tfrecords" / name))) for name in names]
    assert records == [file["examples"] for file in manifest["files"]]


def test_the_set_is_the_same_to_the_byte_whatever_workers_there_are(out, tmp_path):
    assert features(SAMPLES, tmp_path / "again", "--shards", "3", "--direct_num_workers=1") == 0
    assert files_of(tmp_path / "again") == files_of(out)


def test_another_input_makes_another_set_and_leaves_nothing_of_the_old(tmp_path):
    tone = 0.1 * np.sin(np.arange(16_000) / 10)
    rows = [{"uri": f"{name}.wav", "reference": name} for name in ("one", "two")]
    for row in rows:
        soundfile.write(tmp_path / row["uri"], tone, 16_000)
    manifest = tmp_path / "clips.jsonl"
    for listed in (rows, rows[:1]):
        manifest.write_text("".join(json.dumps(row) + "\n" for row in listed))
        assert features(manifest, tmp_path / "out", "--shards", str(len(listed))) == 0
        read = {Path(uri).stem: reference for uri, reference, _ in read_examples(tmp_path / "out", DEFINITION)}
        assert read == {row["reference"]: row["reference"] for row in listed}
    assert sorted(files_of(tmp_path / "out")) == [
        "manifest.json",
        "statistics.json",
        "utterances-00000-of-00001.tfrecord",
    ]


def test_damaged_and_overlong_recordings_are_left_out(tmp_path):
    soundfile.write(tmp_path / "whole.wav", np.full(16_000, 0.1), 16_000)
    soundfile.write(tmp_path / "long.wav", np.zeros(301 * 8_000), 8_000)
    whole = (tmp_path / "whole.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    manifest = tmp_path / "clips.jsonl"
    rows = ({"uri": f"{name}.wav", "reference": name} for name in ("whole", "long", "cut"))
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert features(manifest, tmp_path / "out", "--max_failed_fraction", "1") == 0
    assert [reference for _, reference, _ in read_examples(tmp_path / "out", DEFINITION)] == ["whole"]
