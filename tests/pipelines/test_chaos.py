"""Killed at any moment, again and again, a run ends with the tables of one that nothing disturbed."""

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
import soundfile

from tests.conftest import REPOSITORY
from tests.pipelines.test_recovery import latest, start
from tests.pipelines.test_transcribe import stable, table, transcribe
from transforms.results import ResultStore

# a pool of windows, which is staged as one, holds eight of such clips
N_CLIPS, CLIP_S = 192, 2.5
FLAGS = ["--beam_size", "1", "--batch_windows", "1", "--direct_num_workers=2"]
TABLES = ("transcripts", "segments", "words")
# what is killed, in an order that a seed decides: everything, the process that works, the one that decodes
KILLS = ["group"] * 8 + ["worker"] * 4 + ["decoder"] * 10


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Pieces of the samples, each in a file of its own."""
    folder = tmp_path_factory.mktemp("clips")
    spoken = [soundfile.read(REPOSITORY / "samples" / name) for name in ("dictation.flac", "voicemail.wav")]
    for number in range(N_CLIPS):
        samples, rate = spoken[number % 2]
        length = round(CLIP_S * rate)
        begin = number * 7919 % (len(samples) - length)
        soundfile.write(folder / f"clip {number:02d}.wav", samples[begin : begin + length], rate)
    return folder


@pytest.fixture(scope="module")
def whole(clips, tmp_path_factory):
    """The tables of a run that nothing disturbed; rows do not depend on the batches, and large ones are faster."""
    output = tmp_path_factory.mktemp("whole") / "out"
    assert transcribe(clips, output, "--beam_size", "1") == 0
    return output


def children(pid):
    """Processes that a process has started, from any of its threads."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # ended since it was listed
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(path.parent.name))
    return found


def pick(kind, process):
    """A process of this kind, if there is one at this moment."""
    workers = children(process.pid)
    if kind == "worker":
        return workers[0] if workers else None
    decoders = [pid for worker in workers for pid in children(worker)]
    return decoders[0] if decoders else None


def kill(kind, process):
    """True where something was killed; a group is killed whole, and waited for."""
    if kind == "group":
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    victim = pick(kind, process)
    deadline = time.monotonic() + 30
    while victim is None and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
        victim = pick(kind, process)
    try:
        os.kill(victim, signal.SIGKILL)
    except (TypeError, ProcessLookupError):  # there was none, or it has just ended
        return False
    return True


def wait_for_a_result(output, n_before, process):
    """Until another batch is staged, or the command has ended."""
    deadline = time.monotonic() + 240
    while process.poll() is None and len(ResultStore(str(output)).paths()) == n_before:
        assert time.monotonic() < deadline, "the command neither ends nor gets on"
        time.sleep(0.02)


def assert_one_version_of_whole_assets(output):
    """What a reader may see after a kill: nothing of an asset, or all of it, once."""
    if not (output / "transcripts").exists():
        return
    uris = Counter(row["uri"] for row in table(output, "transcripts"))
    assert set(uris.values()) <= {1}
    assert {row["uri"] for row in table(output, "segments")} <= uris.keys()


@pytest.mark.timeout(1500)
def test_tables_after_twenty_kills_are_those_of_an_undisturbed_run(clips, whole, tmp_path):
    chance = random.Random(20)
    output = tmp_path / "out"
    kills = chance.sample(KILLS, len(KILLS))
    done = Counter()
    process = start("--input", clips, "--output", output, flags=FLAGS)
    for kind in [*kills, "group"]:
        # now soon after a start, now in the middle of a batch, now between two
        n_before = len(ResultStore(str(output)).paths())
        if chance.random() < 0.8:
            wait_for_a_result(output, n_before, process)
        time.sleep(chance.uniform(0, 0.6))
        if process.poll() is None:
            done[kind] += kill(kind, process)
        if process.poll() is not None:
            process.communicate()
            assert_one_version_of_whole_assets(output)
            process = start("--input", clips, "--output", output, flags=FLAGS)
    assert process.communicate(timeout=300)[0] is not None
    # what was killed twice while it was alone is a passing failure, which the next run tries again
    for _ in range(3):
        assert transcribe(clips, output, *FLAGS, "--max_failed_fraction", "1") == 0
        if not (output / "failures").exists() or not table(output, "failures"):
            break
    assert done["group"] >= 8
    assert done.total() >= 20
    for name in TABLES:
        assert stable(output, name) == stable(whole, name)
    assert not [path for path in output.rglob("*") if path.is_file() and path.suffix != ".parquet"]
    assert not (output / "_beamscribe").exists()
    assert transcribe(clips, output, *FLAGS) == 0
    assert latest(output)["planned"] == 0
