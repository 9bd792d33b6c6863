"""Rules of texts and redaction through the whole path, on speech that reads out made-up secrets."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pytest
import soundfile

from pipelines import correct
from pipelines import transcribe as main_job
from pipelines.cli import main
from tests.conftest import REPOSITORY, missing
from transforms import parts
from transforms.results import ResultStore
from transforms.text.edits import Edit, apply_edits
from transforms.text.redaction.options import CLASSES, RedactionOptions
from transforms.text.redaction.replace import find

pytestmark = pytest.mark.usefixtures("kept_recognizers")

SAMPLES = REPOSITORY / "samples"
QUICK = ["--beam_size", "1"]
VOLATILE = {"run_id", "transcribed_at", "dt", "code_version"}
# class, and what is said
SECRETS = {
    "card": "My visa card is five four six seven, three eight two nine, one zero six four, two eight nine one. Right?",
    "phone": "You can reach me at two one two, five five five, oh one four seven, any time.",
    "email": "You can write to me. My email is harbor dot maple at example dot com. I am looking forward to it.",
    "date_of_birth": "My date of birth is March fourth, nineteen eighty four, and I live in the north of the country.",
}


def run(*args):
    return main([str(arg) for arg in args])


def table(output, name):
    """The rows of a table, sorted, without what differs from run to run."""
    rows = ds.dataset(str(output / name), partitioning="hive").to_table().to_pylist()
    rows = [{k: v for k, v in row.items() if k not in VOLATILE} for row in rows]
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))


@pytest.fixture(scope="module")
def talks(tmp_path_factory):
    """A folder of clips that read out the secrets."""
    if not shutil.which("flite"):
        missing("the speech synthesiser flite (Debian package flite)")
    folder = tmp_path_factory.mktemp("talks")
    for kind, text in SECRETS.items():
        path = folder / f"{kind}.wav"
        subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(path)], check=True, timeout=60)
    return folder


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    """Keys of these tests stay with them."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def spoken_secrets(output):
    """What of the texts of an unredacted output is a secret, as the model wrote it, in parts that are long enough."""
    options = RedactionOptions(CLASSES)
    texts = [row[column] for row in table(output, "transcripts") for column in ("raw_text", "text")]
    return {text[found.start : found.end] for text in texts for found in find(text, options)}


def everything_below(folder):
    """All bytes of all files, those of Parquet files as their values too."""
    for path in Path(folder).rglob("*"):
        if path.is_file():
            yield path.read_bytes()
            if path.suffix == ".parquet":
                yield json.dumps(ds.dataset(str(path)).to_table().to_pylist(), default=str, ensure_ascii=False).encode()


def test_no_byte_anywhere_holds_a_secret(talks, tmp_path, monkeypatch, capfd):
    output, plain, audio = tmp_path / "out", tmp_path / "plain", tmp_path / "audio"
    flags = ["--input", talks, "--output", output, "--redact", "all", "--itn", "on", *QUICK]
    copies = ["--unredacted_output", plain, "--redact_audio", audio]
    # a run that dies before its commit leaves all that it staged
    with monkeypatch.context() as patched:
        patched.setattr(main_job, "commit_run", lambda *_: 1 / 0)
        assert run("transcribe", *flags, *copies) == 1
    staged = list(everything_below(output))
    results = ResultStore(str(output)).paths()
    assert results
    assert any(path.suffix == ".parquet" for path in output.rglob("*"))
    assert run("transcribe", *flags, *copies) == 0
    secrets = spoken_secrets(plain)
    assert len(secrets) >= len(SECRETS)
    said = capfd.readouterr()
    places = [*staged, *everything_below(output), said.out.encode(), said.err.encode()]
    for secret in secrets:
        assert not any(secret.encode() in data for data in places), secret
    # the unredacted copy has all of them, and so has nothing else
    assert all(any(secret.encode() in data for data in everything_below(plain)) for secret in secrets)
    tags = {Path(row["uri"]).stem: row["text"] for row in table(output, "transcripts")}
    assert all(f"[{kind.upper()}]" in tags[kind] for kind in SECRETS), tags
    copies_of = {path.name.split(".")[0]: path for path in audio.rglob("*.flac")}
    assert set(copies_of) == set(SECRETS)
    for kind, path in copies_of.items():
        sound, rate = soundfile.read(path)
        words = [w for w in table(output, "words") if Path(w["uri"]).stem == kind and f"[{kind.upper()}]" in w["word"]]
        for word in words:
            first, last = (round(s * rate) for s in (word["start_s"], word["end_s"]))
            assert not np.any(sound[first:last])
        assert np.any(sound)


def test_edits_of_every_rule_lead_from_raw_text_to_text(talks, tmp_path):
    flags = ["--redact", "card", "--itn", "on", *QUICK]
    assert run("transcribe", "--input", talks, "--output", tmp_path / "out", *flags) == 0
    rows = table(tmp_path / "out", "segments")
    rules = set()
    for row in rows:
        edits = [Edit(**edit) for edit in row["edits"]]
        assert apply_edits(row["raw_text"], edits) == row["text"]
        assert all((edit.before is None) == edit.rule.startswith("redact_") for edit in edits)
        rules |= {edit.rule for edit in edits}
    assert "redact_card" in rules


def test_correct_makes_of_tables_what_transcribe_would(tmp_path, capsys):
    vocabulary = tmp_path / "terms"
    vocabulary.write_text("kitchen\n")
    rules = ["--itn", "on", "--profanity", "mask", "--disfluencies", "remove", "--redact", "phone"]
    plain, ruled = tmp_path / "plain", tmp_path / "ruled"
    assert run("transcribe", "--input", SAMPLES, "--output", plain, *QUICK) == 0
    assert run("transcribe", "--input", SAMPLES, "--output", ruled, *QUICK, *rules) == 0
    before = {name: table(plain, name) for name in ("transcripts", "segments", "words")}
    assert run("correct", plain, *rules) == 0
    for name in before:
        assert table(plain, name) == table(ruled, name)
    capsys.readouterr()
    assert run("correct", plain, *rules) == 0
    assert "nothing to do" in capsys.readouterr().out
    # the next run of the main job takes them for its own
    assert run("transcribe", "--input", SAMPLES, "--output", plain, *QUICK, *rules) == 0
    assert "0 of 7 assets done now (7 unchanged" in capsys.readouterr().out
    # and back
    assert run("correct", plain) == 0
    assert table(plain, "transcripts") == before["transcripts"]
    assert table(plain, "segments") == before["segments"]


def test_correction_that_fails_leaves_the_tables_as_they_were(tmp_path, monkeypatch, capsys):
    output = tmp_path / "out"
    assert run("transcribe", "--input", SAMPLES / "voicemail.wav", "--output", output, *QUICK) == 0
    before = {name: table(output, name) for name in ("transcripts", "segments", "words", "runs")}
    with monkeypatch.context() as patched:
        patched.setattr(correct, "commit", lambda *_: 1 / 0)
        assert run("correct", output, "--profanity", "tag") == 1
    assert "the tables are as they were" in capsys.readouterr().err
    assert {name: table(output, name) for name in before} == before
    assert run("correct", tmp_path / "none") == 2
    assert "holds no transcripts; name the --output" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--redact", "phones"], "did you mean phone"),
        (["--redact", "name"], "--redact_names FILE"),
        (["--redact_names", "x"], "of use with --redact only"),
        (["--redact_with", "hash"], "of use with --redact only"),
        (["--redact", "card", "--redact_with", "hash"], "needs a key"),
        (["--redact_audio", "x"], "of use with --redact only"),
        (["--redact", "card", "--redact_audio", "x", "--word_timestamps", "false"], "needs the times of words"),
        (["--redact", "card", "--unredacted_output", "OUT/x"], "is within --output"),
        (["--itn_rules", "itn_nothing"], "there is no such rule"),
        (["--profanity_words", "x"], "say with --profanity"),
        (["--vocabulary", "nowhere.txt"], "nowhere.txt"),
    ],
)
def test_flags_that_make_no_sense_are_refused(tmp_path, capsys, flags, message):
    flags = [flag.replace("OUT", str(tmp_path / "out")) for flag in flags]
    assert run("transcribe", "--input", SAMPLES, "--output", tmp_path / "out", *flags) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_recording_that_is_gone_when_its_copy_is_due_costs_the_copy(talks, tmp_path, monkeypatch, caplog):
    clips = tmp_path / "clips"
    clips.mkdir()
    shutil.copy(talks / "phone.wav", clips)

    def assemble(*args):
        assembled.append(real_assemble(*args))
        return assembled[-1]

    def gone(item, rows):
        muted.append(rows)
        (clips / "phone.wav").unlink(missing_ok=True)
        return real(item, rows)

    assembled, muted = [], []
    real_assemble, real = parts.assemble_records, parts.muting_of
    monkeypatch.setattr(parts, "assemble_records", assemble)
    monkeypatch.setattr(parts, "muting_of", gone)
    flags = ["--input", clips, "--output", tmp_path / "out", "--redact", "all", "--redact_audio", tmp_path / "audio"]
    assert run("transcribe", *flags, *QUICK) == 0
    assert "there is no muted copy of it" in caplog.text
    # the rows of the tables themselves say what is silent
    (rows,) = muted
    assert len(assembled) == 1
    assert rows is assembled[0]
    assert "[PHONE]" in table(tmp_path / "out", "transcripts")[0]["text"]
