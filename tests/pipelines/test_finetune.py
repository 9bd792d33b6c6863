"""`beamscribe finetune`: from a manifest to a folder that `--model` takes; wrong command lines cost no training."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from model.registry import resolve_model
from model.whisper.checkpoint import load_checkpoint
from pipelines.cli import main
from tests.conftest import REPOSITORY
from tests.model.tiny_whisper import CONFIG, random_tensors, write_huggingface

SAMPLES = REPOSITORY / "samples"
SMALL = CONFIG | {"vocab_size": 51_864, "num_mel_bins": 80, "max_source_positions": 1500, "max_target_positions": 96}
SMALL |= {"encoder_layers": 1, "decoder_layers": 1, "suppress_tokens": [], "begin_suppress_tokens": []}
QUICK = ["--epochs", "1", "--batch_size", "4", "--rank", "2", "--augment", "gain"]


@pytest.fixture(scope="module")
def model(tmp_path_factory, tiny_en: Path) -> Path:
    """A Whisper of random weights with the vocabulary of tiny.en."""
    folder = tmp_path_factory.mktemp("small")
    write_huggingface(folder, random_tensors(SMALL), SMALL)
    shutil.copy(tiny_en / "tokenizer.json", folder)
    return folder


def manifest_of(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_tuned_model_is_a_model(model, tmp_path, capsys):
    rows = [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text().splitlines()]
    part = {"start_s": 0.5, "end_s": 2.0}
    rows = [{"uri": str(SAMPLES / row["uri"]), "reference": row["reference"][:20], **part} for row in rows[:3]]
    manifest = manifest_of(tmp_path / "clips.jsonl", *rows)
    anchors = manifest_of(tmp_path / "anchors.jsonl", rows[0])
    argv = ["--model", model, "--manifest", manifest, "--anchors", anchors, "--output", tmp_path / "tuned", *QUICK]

    assert main(["finetune", *map(str, argv)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{len(rows) - 1} clips (")
    assert " 1 clips (0.0 min) anchors; 384 parameters are trained" in said[0]
    assert [line.split(",")[0] for line in said[1:3]] == ["untuned", "epoch 1"]
    assert said[-1] == f"model: {tmp_path / 'tuned'}"

    files = resolve_model(str(tmp_path / "tuned"))
    tuned, untuned = load_checkpoint(files.folder), load_checkpoint(model)
    assert (files.family, files.languages, tuned.dims) == ("whisper", ("en",), untuned.dims)
    changed = {name for name, weight in tuned.weights.items() if not np.array_equal(weight, untuned.weights[name])}
    adapted = {
        f"{side}.blocks.0.{attention}.{linear}.weight"
        for side, attention in (("encoder", "attn"), ("decoder", "attn"), ("decoder", "cross_attn"))
        for linear in ("query", "value")
    }
    assert changed in (adapted, set())
    card = (tmp_path / "tuned" / "README.md").read_text()
    assert f"from {model} (sha256 of its weights {resolve_model(str(model)).sha256})" in card
    assert "| rank | 2 |" in card
    assert "| augment | gain |" in card

    # the same again has nothing left to do, and comes to the same
    assert main(["finetune", *map(str, argv)]) == 0
    assert resolve_model(str(tmp_path / "tuned")).sha256 == files.sha256
    assert main(["finetune", *map(str, argv), "--seed", "1"]) == 2
    assert "holds a training with other options or clips" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--epochs", "0"], "--epochs 0: needs at least 1"),
        (["--learning_rate", "nan"], "--learning_rate nan: needs a number between 0 and 1"),
        (["--held_out", "1"], "--held_out 1: needs a part between 0 and 1"),
        (["--share", "0"], "--share 0: needs a part above 0, at most 1"),
        (["--anchor_weight", "2"], "--anchor_weight is of --anchors: name some, or leave it out"),
        (["--rank", "0"], "--rank 0: an adapter needs a rank of 1 or more"),
        (["--adapt", "query,norm"], "--adapt query,norm: needs some of query, key, value, out, mlp"),
        (["--sides", "left"], "--sides left: needs some of encoder, decoder"),
        (["--tune", "nothing"], "invalid choice: 'nothing'"),
        (["--tune", "decoder", "--rank", "4"], "--rank is of adapters, and --tune decoder has none"),
        (["--augment", "reverb"], "--augment reverb: needs some of speed"),
        (["--augment", "none", "--noise", "x.wav"], "--noise is mixed in by the change noise"),
        (["--output", "s3://bucket/model"], "needs a local folder"),
        (["--model", "tiny.xx"], "there is no model 'tiny.xx'"),
        (["--manifest", "gone.jsonl"], "gone.jsonl: not a readable manifest"),
        (["--epoch", "3"], "unknown flag --epoch; did you mean --epochs?"),
    ],
)
def test_wrong_command_line(flags, complaint, tmp_path, capsys):
    rows = [{"uri": str(SAMPLES / "station.ogg"), "reference": text} for text in ("red", "green")]
    manifest = manifest_of(tmp_path / "clips.jsonl", *rows)
    argv = ["--model", "tiny.en", "--manifest", str(manifest), "--output", str(tmp_path / "out"), *flags]
    assert main(["finetune", *argv]) == 2
    err = capsys.readouterr().err
    assert complaint in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_clips_of_other_languages_are_refused(tmp_path, capsys):
    rows = [{"uri": str(SAMPLES / "station.ogg"), "reference": text, "language": "de"} for text in ("rot", "blau")]
    manifest = manifest_of(tmp_path / "clips.jsonl", *rows)
    assert main(["finetune", "--model", "tiny.en", "--manifest", str(manifest), "--output", str(tmp_path / "out")]) == 2
    assert "is in the language 'de', which tiny.en does not know" in capsys.readouterr().err
