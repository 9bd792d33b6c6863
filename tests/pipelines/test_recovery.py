"""Runs that end before their end, and what the next one makes of them."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from pipelines import transcribe as main_job
from pipelines.cli import main
from tests.conftest import REPOSITORY
from tests.pipelines.test_transcribe import stable, table, transcribe
from transforms import lease, listen, parts, recognize, storage
from transforms.results import ResultStore

SAMPLES = REPOSITORY / "samples"
QUICK = ["--beam_size", "1", "--word_timestamps=false", "--batch_windows", "2", "--direct_num_workers=1"]
TABLES = ("transcripts", "segments")


def latest(output):
    return max(table(output, "runs"), key=lambda row: row["started_at"])


def staging(output):
    return sorted(path for path in (output / "_beamscribe").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The tables of a run that nothing disturbed."""
    output = tmp_path_factory.mktemp("whole") / "out"
    assert transcribe(SAMPLES, output, *QUICK) == 0
    return output


def assert_as_undisturbed(output, whole):
    for name in TABLES:
        assert stable(output, name) == stable(whole, name)
    assert not (output / "failures").exists()
    assert not (output / "_beamscribe").exists()


def test_what_was_recognised_before_a_crash_is_not_recognised_again(whole, tmp_path, monkeypatch, capsys):
    recognised, assembled = [], []
    hear = recognize.recognize

    def counting(tasks, *args):
        recognised.extend(f"{task.item.asset.uri} {task.window.index}" for task in tasks)
        return hear(tasks, *args)

    def failing(*_):
        assembled.append(1)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(recognize, "recognize", counting)
    with monkeypatch.context() as patched:
        patched.setattr(parts, "assemble_records", failing)
        assert transcribe(SAMPLES, tmp_path / "out", *QUICK) == 1
    assert "Input/output error" in capsys.readouterr().err
    assert assembled
    first = list(recognised)
    assert len(set(first)) == len(first) > 5
    assert not list((tmp_path / "out").glob("transcripts/**/*.parquet"))
    assert staging(tmp_path / "out")
    assert transcribe(SAMPLES, tmp_path / "out", *QUICK) == 0
    assert recognised == first
    assert_as_undisturbed(tmp_path / "out", whole)
    assert latest(tmp_path / "out")["windows_resumed"] == latest(tmp_path / "out")["windows"] == len(first)


def test_divided_recordings_have_the_same_rows_and_are_taken_over(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(listen, "STRETCH_WINDOWS", 1)
    two = [*QUICK[:-1], "--direct_num_workers=2", "--direct_running_mode=multi_threading"]
    with monkeypatch.context() as patched:
        patched.setattr(main_job, "MAX_UNDIVIDED_S", 8.0)
        assert transcribe(SAMPLES, tmp_path / "out", *two) == 0
        assert_as_undisturbed(tmp_path / "out", whole)
        patched.setattr(parts, "assemble_records", lambda *_: 1 / 0)
        assert transcribe(SAMPLES, tmp_path / "again", *two) == 1
    assert len(list((tmp_path / "again" / "_beamscribe").glob("*/stretches/*"))) > 2
    assert transcribe(SAMPLES, tmp_path / "again", *two) == 0
    assert_as_undisturbed(tmp_path / "again", whole)
    assert latest(tmp_path / "again")["windows_resumed"] == latest(tmp_path / "again")["windows"]


def test_other_options_take_over_nothing(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(parts, "assemble_records", lambda *_: 1 / 0)
        assert transcribe(SAMPLES / "voicemail.wav", tmp_path / "out", *QUICK) == 1
    assert ResultStore(str(tmp_path / "out")).paths()
    assert transcribe(SAMPLES / "voicemail.wav", tmp_path / "out", *QUICK, "--speech_threshold", "0.45") == 0
    assert latest(tmp_path / "out")["windows_resumed"] == 0
    assert not (tmp_path / "out" / "_beamscribe").exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_run_that_is_told_to_stop_commits_what_is_whole_and_goes_on_later(
    whole, tmp_path, monkeypatch, capsys, number, status
):
    n_begun = []
    hear = listen.listen

    def stopping_at_the_third(item, *args):
        n_begun.append(item.asset.uri)
        if len(n_begun) == 3:
            os.kill(os.getpid(), number)
            # the main thread takes the signal
            time.sleep(1)
        yield from hear(item, *args)

    output = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(listen, "listen", stopping_at_the_third)
        assert transcribe(SAMPLES, output, *QUICK) == status
    assert "run again to go on" in capsys.readouterr().out
    done = {row["uri"] for row in table(output, "transcripts")}
    assert 2 <= len(done) <= 3
    assert done <= set(n_begun)
    row = latest(output)
    assert (row["exit_status"], row["planned"], row["unfinished"]) == (status, len(done), 7 - len(done))
    kept = [row for row in stable(whole, "transcripts") if row["uri"] in done]
    assert stable(output, "transcripts") == kept
    assert transcribe(SAMPLES, output, *QUICK) == 0
    assert_as_undisturbed(output, whole)


def test_second_run_at_once_is_refused(whole, capsys):
    with lease.hold(str(whole)):
        assert transcribe(SAMPLES, whole, *QUICK) == 2
    line = capsys.readouterr().err
    assert "is being written by" in line
    assert f"(process {os.getpid()})" in line
    assert line.count("\n") == 1


def test_run_that_lost_its_lease_commits_nothing(tmp_path, monkeypatch, capsys):
    output = tmp_path / "out"

    def lose(*args):
        shutil.rmtree(output / "_beamscribe" / "leases")
        return assemble(*args)

    assemble = parts.assemble_records
    with monkeypatch.context() as patched:
        patched.setattr(parts, "assemble_records", lose)
        assert transcribe(SAMPLES / "voicemail.wav", output, *QUICK) == 1
    assert "another run has taken the output over" in capsys.readouterr().err
    assert not (output / "transcripts").exists()


# the main job, in which one asset kills the process that works on it
POISONED = textwrap.dedent("""
    import os, signal, sys
    from pipelines.cli import leave, main
    from pipelines.supervise import watch_over

    def work():
        from transforms import listen
        from transforms.heard import Heard
        hear = listen.listen

        def poisoned(item, *args):
            for found in hear(item, *args):
                if "poison" in item.asset.uri and not isinstance(found, Heard):
                    os.kill(os.getpid(), signal.SIGSEGV)
                yield found

        listen.listen = poisoned
        return main(sys.argv[1:])

    leave(watch_over(work))
""")


def test_asset_that_kills_its_process_is_tried_alone_and_given_up(whole, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(SAMPLES, folder)
    shutil.copy(SAMPLES / "voicemail.wav", folder / "poison.wav")
    command = [sys.executable, "-c", POISONED, "transcribe", "--input", str(folder), "--output", str(tmp_path / "out")]
    run = subprocess.run(
        [*command, *QUICK, "--max_failed_fraction", "1"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (run.returncode, run.stderr.count("was killed by SIGSEGV; another one goes on")) == (0, 2), run.stderr
    (failure,) = table(tmp_path / "out", "failures")
    assert failure["uri"] == str(folder / "poison.wav")
    assert (failure["stage"], failure["error_type"], failure["retriable"]) == ("read", "WorkerDiedError", True)
    assert "died" in failure["message"]
    texts = {Path(row["uri"]).name: row["text"] for row in table(tmp_path / "out", "transcripts")}
    assert texts == {Path(row["uri"]).name: row["text"] for row in table(whole, "transcripts")}
    assert not (tmp_path / "out" / "_beamscribe").exists()


def start(*args, flags=QUICK, **environment):
    """The installed command's own entry, in a process group of its own."""
    command = [sys.executable, "-m", "pipelines.cli", "transcribe", *map(str, args), *flags]
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=os.environ | environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition, process, what):
    deadline = time.monotonic() + 240
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def children(process):
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def test_working_process_that_is_killed_is_followed_by_another(whole, tmp_path):
    output = tmp_path / "out"
    process = start("--input", SAMPLES, "--output", output)
    wait_for(lambda: ResultStore(str(output)).paths(), process, "first results")
    (worker,) = children(process)
    os.kill(worker, signal.SIGKILL)
    printed = process.communicate(timeout=240)[0]
    assert process.returncode == 0, printed
    assert "was killed by SIGKILL; another one goes on" in printed
    assert_as_undisturbed(output, whole)
    assert latest(output)["windows_resumed"] > 0


def test_signal_to_the_command_reaches_the_process_that_works(whole, tmp_path):
    output = tmp_path / "out"
    process = start("--input", SAMPLES, "--output", output)
    wait_for(lambda: ResultStore(str(output)).paths(), process, "first results")
    process.send_signal(signal.SIGTERM)
    printed = process.communicate(timeout=240)[0]
    # all may have been read by then: the run then ends as if nothing had been asked
    assert process.returncode == 143, printed
    main(["transcribe", "--input", str(SAMPLES), "--output", str(output), *QUICK])
    assert_as_undisturbed(output, whole)


def test_process_that_nobody_watches_any_more_stops_and_gives_the_output_back(whole, tmp_path):
    output = tmp_path / "out"
    process = start("--input", SAMPLES, "--output", output)
    wait_for(lambda: ResultStore(str(output)).paths(), process, "first results")
    process.kill()
    # it ends when the process that works has ended too, which holds the other end of the pipe
    printed = process.communicate(timeout=240)[0]
    assert not list((output / "_beamscribe").glob("leases/*")), printed
    assert transcribe(SAMPLES, output, *QUICK) == 0
    assert_as_undisturbed(output, whole)


def test_no_log_at_any_level_says_what_was_said(whole, tmp_path):
    output = tmp_path / "out"
    flags = [*QUICK, "--s3_secret_access_key=geheim123", "--s3_access_key_id", "AKIAGEHEIM"]
    process = start("--input", SAMPLES, "--output", output, flags=flags, BEAMSCRIBE_LOG="DEBUG")
    wait_for(lambda: ResultStore(str(output)).paths(), process, "first results")
    os.kill(children(process)[0], signal.SIGKILL)
    printed = process.communicate(timeout=240)[0]
    assert process.returncode == 0, printed
    assert "another one goes on" in printed
    (run,) = table(output, "runs")
    for row in table(whole, "segments"):
        words = row["text"].split()
        for start_at in range(len(words) - 2):
            assert " ".join(words[start_at : start_at + 3]) not in printed
    for secret in ("geheim123", "AKIAGEHEIM"):
        assert secret not in printed
        assert secret not in json.dumps(run, default=str)


def test_bound_in_hours_takes_the_largest_or_the_oldest_first(tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for age, name in enumerate(("weather.mp3", "support_call.mp3")):
        shutil.copy(SAMPLES / name, folder)
        os.utime(folder / name, (1_700_000_000 + age, 1_700_000_000 + age))
    flags = ["--max_hours", "0.001", "--max_failed_fraction", "1"]
    assert main(["plan", "--input", str(folder), "--output", str(tmp_path / "out"), *flags, *QUICK]) == 0
    assert "deferred\t81939" in capsys.readouterr().out
    assert main(["plan", "--input", str(folder), "--output", str(tmp_path / "out"), *flags, "--first", "oldest"]) == 0
    assert "deferred\t227598" in capsys.readouterr().out
    for left, planned in ((1, 1), (0, 1), (0, 0)):
        assert transcribe(folder, tmp_path / "out", *flags, *QUICK) == 0
        row = latest(tmp_path / "out")
        assert (row["deferred"], row["planned"]) == (left, planned)
    assert len(table(tmp_path / "out", "transcripts")) == 2


def test_removed_inputs_stay_until_pruned_and_touched_ones_are_not_done_again(tmp_path):
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("voicemail.wav", "weather.mp3"):
        shutil.copy(SAMPLES / name, folder)
    assert transcribe(folder, output, *QUICK) == 0
    before = table(output, "transcripts")
    (folder / "weather.mp3").unlink()
    (folder / "voicemail.wav").touch()
    assert transcribe(folder, output, *QUICK) == 0
    row = latest(output)
    assert (row["planned"], row["unchanged"], row["touched"], row["removed"]) == (0, 1, 1, 0)
    assert [row["run_id"] for row in table(output, "transcripts")] == [row["run_id"] for row in before]
    info = storage.stat(str(folder / "voicemail.wav"))
    times = {Path(row["uri"]).name: row["source_modified_at"] for row in table(output, "transcripts")}
    assert round(times["voicemail.wav"].timestamp() * 1e6) == info.modified_at_us
    assert transcribe(folder, output, *QUICK, "--prune") == 0
    row = latest(output)
    assert (row["planned"], row["unchanged"], row["touched"], row["removed"]) == (0, 1, 0, 1)
    for name in TABLES:
        assert {Path(row["uri"]).name for row in table(output, name)} == {"voicemail.wav"}


def test_plan_tells_hours_and_the_time_that_earlier_runs_needed(whole, tmp_path, capsys):
    assert main(["plan", "--input", str(SAMPLES), "--output", str(whole), "--beam_size", "2"]) == 0
    printed = capsys.readouterr().out.splitlines()
    kinds = [line.split("\t") for line in printed[:-2]]
    assert {kind for kind, *_ in kinds} == {"changed"}
    assert all(float(seconds) > 0 for _, _, seconds, _ in kinds)
    assert re.search(r"about \d\d s of audio; about", printed[-1])
    assert "times real time of earlier runs" in printed[-1]


def test_options_of_a_run_that_was_killed_do_not_hold_up_other_outputs(tmp_path):
    """Two runs into two outputs at once are none of each other's business."""
    results = []

    def run(name):
        process = start("--input", SAMPLES / "weather.mp3", "--output", tmp_path / name)
        results.append((process.wait(timeout=240), json.dumps(table(tmp_path / name, "segments")[0]["text"])))

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _ in results] == [0, 0]
    assert len({text for _, text in results}) == 1
