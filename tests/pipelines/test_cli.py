"""Wrong command lines: exit status 2 before any work, one line that names the thing and the mend."""

import subprocess
import sys

import pytest

from pipelines.cli import main
from pipelines.options import transcribe_options
from pipelines.run_columns import without_secrets
from pipelines.transcribe import parser
from tests.conftest import REPOSITORY

SAMPLES = str(REPOSITORY / "samples")


def options(*argv):
    return transcribe_options(parser(), ["--input", SAMPLES, "--output", "out", *argv])


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ([], "the following arguments are required: --input, --output"),
        (["--input", "gone/*.wav", "--output", "OUT"], "no input matches gone/*.wav"),
        (["--input", "OUT_FILE", "--output", "OUT_FILE/x"], "cannot be written"),
        (["--input", SAMPLES, "--output", "OUT", "--model", "tiny.xx"], "tiny.xx"),
        (["--input", SAMPLES, "--output", "OUT", "--language", "de"], "tiny.en"),
        (["--input", SAMPLES, "--output", "OUT", "--task", "translate"], "tiny.en"),
        (["--input", SAMPLES, "--output", "OUT", "--language_per_segment"], "knows English only"),
        (["--input", SAMPLES, "--output", "OUT", "--language_per_segment", "--language", "de"], "exclude each other"),
        (["--input", SAMPLES, "--output", "OUT", "--initial_prompt", "name " * 300], "shorten it to 221 tokens"),
        (["--input", SAMPLES, "--output", "OUT", "--word_timestamps", "maybe"], "invalid choice: 'maybe'"),
        (["--input", SAMPLES, "--output", "OUT", "--beam_size", "0"], "a beam size of 0"),
        (["--input", SAMPLES, "--output", "OUT", "--batch_windows", "0"], "--batch_windows 0: needs 1 to 16"),
        (["--input", SAMPLES, "--output", "OUT", "--batch_windows", "17"], "--batch_windows 17: needs 1 to 16"),
        (["--input", SAMPLES, "--output", "OUT", "--max_memory", "1"], "--max_memory 1: this model takes"),
        (["--input", SAMPLES, "--output", "OUT", "--max_memory", "-1"], "--max_memory -1: needs a number of gigabytes"),
        (["--input", SAMPLES, "--output", "OUT", "--max_memory", "4", "--batch_windows", "4"], "give one of them"),
        (["--input", SAMPLES, "--output", "OUT", "--exact", "--precision", "bfloat16"], "--exact is in float32"),
        (["--input", SAMPLES, "--output", "OUT", "--precision", "int8"], "invalid choice: 'int8'"),
        (["--input", SAMPLES, "--output", "OUT", "--channels", "left"], "--channels left: needs mix, separate"),
        (["--input", SAMPLES, "--output", "OUT", "--max_failed_fraction", "2"], "needs a fraction"),
        (["--input", SAMPLES, "--output", "OUT", "--speech_threshold", "1"], "needs a probability"),
        (["--input", SAMPLES, "--output", "OUT", "--asset_timeout_s", "0"], "--asset_timeout_s 0: needs a number of"),
        (["--input", SAMPLES, "--output", "OUT", "--asset_timeout_s", "nan"], "--asset_timeout_s nan: needs a number"),
        (["--input", SAMPLES, "--output", "OUT", "--beam_sise", "1"], "did you mean --beam_size?"),
        (["--input", SAMPLES, "--output", "OUT", "--beam", "1"], "unknown flag --beam"),
    ],
)
def test_wrong_command_line(argv, complaint, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    file = tmp_path / "file"
    names = {"OUT": str(tmp_path / "out"), "OUT_FILE": str(file), "OUT_FILE/x": str(file / "x")}
    assert main(["transcribe", *(names.get(arg, arg) for arg in argv)]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith("beamscribe transcribe: ")
    assert complaint in line
    assert not (tmp_path / "out").exists()


def test_unknown_command_and_none(capsys):
    assert main(["transcibe"]) == 2
    assert "unknown command transcibe" in capsys.readouterr().err
    assert main([]) == 2
    assert main(["--help"]) == 0


@pytest.mark.parametrize("command", ["transcribe", "plan", "show", "evaluate", "export"])
def test_help_of_every_command(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"usage: beamscribe {command}" in capsys.readouterr().out


def test_runner_is_named_and_beam_flags_pass_unchanged():
    assert "--runner=FnApiRunner" in options().beam_args
    assert "--direct_running_mode=multi_threading" in options().beam_args
    args = options("--runner=FlinkRunner", "--parallelism=4", "--s3_endpoint_url", "http://127.0.0.1:9000").beam_args
    assert args == ("--runner=FlinkRunner", "--parallelism=4", "--s3_endpoint_url", "http://127.0.0.1:9000")
    assert options("--direct_num_workers=3").beam_args.count("--direct_num_workers=3") == 1


def test_configuration_hash_covers_what_changes_rows_and_nothing_else():
    same = options(
        *("--batch_windows", "3", "--direct_num_workers=1", "--max_failed_fraction", "0.5", "--retry_failed"),
        *("--asset_timeout_s", "7"),
    )
    assert same.that_change_rows() == options().that_change_rows()
    flags = (
        "--beam_size=1",
        "--channels=separate",
        "--language=en",
        "--language_per_segment",
        "--speech_threshold=0.4",
        "--word_timestamps=false",
        "--initial_prompt=Kowalczyk",
    )
    for flag in flags:
        assert options(flag).that_change_rows() != options().that_change_rows()


def test_channels_are_one_set_however_they_are_written():
    assert options("--channels", "1,0,1").channels == "0,1"


def test_credentials_are_not_recorded():
    args = ["--s3_secret_access_key=abc", "--s3_access_key_id", "def", "--region=eu", "--azure_connection_string=ghi"]
    assert without_secrets(args) == [
        "--s3_secret_access_key=…",
        "--s3_access_key_id",
        "…",
        "--region=eu",
        "--azure_connection_string=…",
    ]


def test_help_needs_no_tensorflow():
    code = "import sys, pipelines.cli as c; c.main(['--help']); sys.exit('tensorflow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=False)
    assert run.returncode == 0
