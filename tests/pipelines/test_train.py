"""`beamscribe train`, and the folder it writes as a `--model`."""

import json
from pathlib import Path

import pyarrow.dataset as ds
import pytest
import soundfile

from model.ctc.config import CtcConfig
from model.ctc.train_options import TrainOptions
from model.errors import BeamscribeError
from pipelines import train
from pipelines.cli import main
from tests.model.ctc.toy_speech import say, write_manifest

SMALL = ["--depth", "1", "--width", "16", "--epochs", "2", "--batch_size", "8", "--warmup_steps", "2"]


def test_flags_come_to_a_job(tmp_path: Path) -> None:
    flags = ["--manifest", "a.jsonl", "b.csv", "--output", str(tmp_path), "--architecture", "conformer"]
    job = train.train_job([*flags, *SMALL, "--join_clips", "3", "--no_augment", "--seed", "7", "--language", "de"])
    assert job == train.TrainJob(
        ("a.jsonl", "b.csv"),
        (),
        tmp_path,
        CtcConfig("conformer", depth=1, width=16, language="de"),
        256,
        TrainOptions(epochs=2, batch_size=8, warmup_steps=2, join_clips=3, augment=False, seed=7),
        read_in_graph=False,
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--epochs", "0"], "--epochs 0: needs at least 1"),
        (["--read_in_graph", "--dev_manifest", "."], "--read_in_graph reads clips, and a folder of TFRecords has none"),
        (["--pieces", "9"], "--pieces is of --vocabulary_kind pieces: leave it out"),
        (["--output", "gs://bucket/model"], "--output gs://bucket/model: needs a local folder"),
        (["--width", "30", "--architecture", "conformer"], "width is a multiple of 2 and of n_heads"),
        (["--precision", "float8"], "argument --precision: invalid choice: 'float8'"),
    ],
)
def test_what_cannot_be_honoured_is_refused(flags: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(BeamscribeError) as error:
        train.train_job(["--manifest", "a.jsonl", "--output", str(tmp_path), *flags])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_exit_status_and_one_line_for_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["train", "--manifest", str(tmp_path / "none.jsonl"), "--output", str(tmp_path / "model")]) == 2
    assert capsys.readouterr().err.startswith(f"beamscribe train: {tmp_path / 'none.jsonl'} cannot be read (")


def test_features_are_made_again_where_a_sound_file_has_changed(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "clips", ("abba", "cab"))
    job = train.train_job(["--manifest", str(manifest), "--output", str(tmp_path / "model")])
    first = train._clips(job, job.manifests)
    assert train._clips(job, job.manifests).fingerprint == first.fingerprint
    kept = list((tmp_path / "model" / train.STATE_FOLDER).iterdir())
    assert len(kept) == 1
    # of the same length
    soundfile.write(tmp_path / "clips" / "1.wav", say("bac"), 16_000)
    assert train._clips(job, job.manifests).fingerprint != first.fingerprint


def test_trained_folder_transcribes(tmp_path: Path, capsys: pytest.CaptureFixture, speech: Path) -> None:
    manifest = write_manifest(tmp_path / "clips")
    model = tmp_path / "model"
    command = ["train", "--manifest", str(manifest), "--dev_manifest", str(manifest), "--output", str(model), *SMALL]
    assert main(command) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "8 clips (4 s), 8 labels"
    assert [line.split(":")[0] for line in out[1:3]] == ["epoch 1", "epoch 2"]
    assert out[-1] == f"model: {model}"
    assert sorted(path.name for path in model.iterdir()) == [
        "README.md",
        "ctc.json",
        "curves.png",
        "training",
        "vocabulary.json",
        "weights.safetensors",
    ]
    row = json.loads((speech / "manifest.jsonl").read_text().splitlines()[0])
    sound = speech / row["uri"]
    assert soundfile.info(sound).frames > 0
    flags = ["--input", str(sound), "--output", str(tmp_path / "tables"), "--model", str(model)]
    assert main(["transcribe", *flags, "--beam_size", "1"]) == 0
    [transcript] = ds.dataset(tmp_path / "tables" / "transcripts", partitioning="hive").to_table().to_pylist()
    assert (transcript["status"], transcript["language"], transcript["model"]) == ("ok", "en", str(model))
