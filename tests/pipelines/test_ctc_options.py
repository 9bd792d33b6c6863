"""Options of the main job with models that decode by CTC: what they change, what is recorded, what is refused."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pytest
import tensorflow as tf

from pipelines import options, transcribe
from pipelines.cli import main
from pipelines.jobs import check
from tests.conftest import REPOSITORY
from tests.model.ctc.ctc_helpers import ARPA
from tests.model.ctc.tiny_ctc import LETTERS, SMALL, write_model

SOUND = str(REPOSITORY / "samples" / "voicemail.wav")
# "-" is a blank; where "h" is, "c" is nearly as likely
SAID, UNSURE_FRAME = "the- -hat- -sat", 6


class Unsure(tf.Module):
    """A network that hears the same in whatever it is given."""

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], name="waveform"), tf.TensorSpec([None], tf.int32, name="lengths")]
    )
    def hear(self, waveform, lengths):
        logits = np.full((1, len(SAID), len(LETTERS)), -9.0, np.float32)
        logits[0, range(len(SAID)), [LETTERS.labels.index("<blank>" if c == "-" else c) for c in SAID]] = 0.0
        logits[0, UNSURE_FRAME, LETTERS.labels.index("c")] = -0.4
        return {"logits": logits + 0 * waveform[0, 0], "lengths": 0 * lengths + len(SAID)}


@pytest.fixture(scope="module")
def unsure(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder, module = tmp_path_factory.mktemp("unsure"), Unsure()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.hear})
    (folder / "vocab.json").write_text(LETTERS.to_json())
    return str(folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("trained"), SMALL["lstm"]))


@pytest.fixture
def arpa(tmp_path: Path) -> str:
    path = tmp_path / "hand.arpa"
    path.write_text(ARPA, encoding="utf-8")
    return str(path)


def run(output: Path, *flags: str) -> tuple[str, dict, dict]:
    """The text, the transcript's row and the options of the run."""
    assert main(["transcribe", "--input", SOUND, "--output", str(output), *flags]) == 0
    [transcript] = rows(output, "transcripts")
    last = max(rows(output, "runs"), key=lambda row: row["started_at"])
    return transcript["raw_text"], transcript, json.loads(last["options"])


def rows(output: Path, table: str) -> list[dict]:
    return ds.dataset(output / table, partitioning="hive").to_table().to_pylist()


def test_a_language_model_changes_what_is_heard(unsure: str, arpa: str, tmp_path: Path) -> None:
    flags = ["--model", unsure, "--beam_size", "4"]
    plain, before, told = run(tmp_path / "out", *flags)
    assert set(plain.split()) == {"the", "hat", "sat"}
    assert "language_model" not in told["decode"]

    asked, after, told = run(tmp_path / "out", *flags, "--language_model", arpa, "--lm_alpha", "0.7")
    assert set(asked.split()) == {"the", "cat", "sat"}
    assert after["config_hash"] != before["config_hash"]
    sha256 = told["decode"]["language_model"].pop("sha256")
    assert told["decode"]["language_model"] == {"units": "words", "alpha": 0.7, "beta": 1.0}
    assert len(sha256) == 64
    assert arpa not in json.dumps(told)

    # the same content elsewhere is the same model: nothing is transcribed again
    elsewhere = tmp_path / "elsewhere.lm"
    elsewhere.write_bytes(Path(arpa).read_bytes())
    run(tmp_path / "out", *flags, "--language_model", str(elsewhere), "--lm_alpha", "0.7")
    assert max(rows(tmp_path / "out", "runs"), key=lambda row: row["started_at"])["planned"] == 0


def test_a_trained_model_is_asked_as_well(trained: str, arpa: str, tmp_path: Path) -> None:
    packed = tmp_path / "hand.arpa.gz"
    packed.write_bytes(gzip.compress(Path(arpa).read_bytes()))
    flags = ["--model", trained, "--beam_size", "4"]
    plain, _, _ = run(tmp_path / "plain", *flags)
    asked, _, told = run(tmp_path / "asked", *flags, "--language_model", str(packed), "--lm_alpha", "9")
    assert asked != plain
    # `auto` is recorded as what it came to, and as what was asked for
    assert (told["precision"], told["decode"]["precision"]) == ("auto", "float32")


def test_auto_is_float32_of_a_ctc_model_and_the_processors_of_a_whisper(
    trained: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.registry.fastest_precision", lambda: "bfloat16")
    found = {}
    for model in (trained, "tiny.en"):
        argv = ["--input", SOUND, "--output", str(tmp_path / "out"), "--model", model]
        found[model] = check(options.transcribe_options(transcribe.parser(), argv)).options
    assert found[trained].decode.precision == "float32"
    assert found["tiny.en"].decode.precision == "bfloat16"
    assert {own.precision for own in found.values()} == {"auto"}


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--precision", "bfloat16"], "--precision bfloat16 is for Whisper, and MODEL is a CTC model: leave it out"),
        (["--exact"], "--exact is for Whisper, and MODEL is a CTC model: leave it out"),
        (["--language_model", "none.arpa"], "cannot read the language model"),
        (["--language_model", "."], "is no file: give an ARPA file"),
        (["--language_model", "s3://b/a.arpa"], "s3://b/a.arpa: needs a local file"),
        (["--language_model", "BROKEN"], "line 8: the file ought to end here"),
        (["--language_model", "LARGE"], "it lists 99,000,000 n-grams, and at most 10,000,000 are read"),
        (["--language_model", "ARPA", "--lm_units", "characters"], "it is one of words"),
        (["--language_model", "ARPA", "--lm_alpha", "-1"], "weight is -1.0: give 0 or more"),
        (["--language_model", "ARPA", "--lm_beta", "inf"], "the bonus a unit is inf"),
        (["--language_model", "ARPA", "--beam_size", "1"], "chooses among hypotheses: give a --beam_size of 2 or more"),
        (["--lm_alpha", "1"], "--lm_alpha is of --language_model: name the file"),
        (["--lm_units", "words"], "--lm_units is of --language_model: name the file"),
        (
            ["--language_model", "ARPA", "--lm_units", "characters", "--model", "tiny.en"],
            "--lm_units characters: a Whisper's hypotheses are scored by words alone",
        ),
        (["--language_model", "ARPA", "--max_memory", "0.1"], "--max_memory 0.1: this model takes"),
    ],
)
def test_what_is_refused(
    flags: list[str], complaint: str, trained: str, arpa: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "broken").write_text("\\data\\\nngram 1=2\n\n\\1-grams:\n-1 </s>\n-1 a\n\n-1 b c d\n\\end\\\n")
    (tmp_path / "large").write_text("\\data\\\nngram 1=99000000\n\n\\1-grams:\n")
    names = {"ARPA": arpa, "BROKEN": str(tmp_path / "broken"), "LARGE": str(tmp_path / "large")}
    argv = ["--input", SOUND, "--output", str(tmp_path / "out"), "--model", trained]
    assert main(["transcribe", *argv, *(names.get(flag, flag) for flag in flags)]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert complaint.replace("MODEL", trained) in line
    assert not (tmp_path / "out").exists()
