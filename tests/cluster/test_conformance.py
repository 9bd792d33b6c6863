"""The same job on every runner: the same tables, byte by byte, whatever was done before and wherever files are."""

import re
import shutil
import threading

import pytest

from tests.cluster.conftest import (
    FLAGS,
    MAX_RESIDENT_BYTES,
    RUNNERS,
    SAMPLES,
    as_json,
    latest,
    run,
    started,
    wait_for,
    worker_processes,
)
from tests.pipelines.test_transcribe import stable
from transforms import storage, stores
from transforms.results import ResultStore

LOCAL, PRISM, FLINK = RUNNERS[0], RUNNERS[2], RUNNERS[4]
LATER = (LOCAL, PRISM, FLINK)
TABLES = ("transcripts", "segments", "words", "failures")
COUNTS = (
    "ok", "no_speech", "partial", "failed", "transcripts", "segments", "words", "windows", "windows_rescued",
    "violations", "audio_s", "speech_s",
)  # fmt: skip


def assert_same_tables(output, reference):
    for name in TABLES:
        assert as_json(stable(output, name)) == as_json(stable(reference, name)), name
    assert not (output / "_beamscribe").exists()


@pytest.mark.parametrize("runner", RUNNERS, ids=str)
def test_every_runner_comes_to_the_same_tables(runner, flags_of, mixed, reference, outcomes, tmp_path, request):
    flags = flags_of(runner)
    output = tmp_path / "out"
    shutil.copytree(reference.interrupted, output)
    # on one runner of each kind the last file turns up later
    later = {"weather.mp3"} if runner in LATER else set()
    ended = run(sorted(path for path in mixed.iterdir() if path.name not in later), output, *flags)
    assert ended.status == 0, ended.output
    rows = [latest(output)]
    assert rows[0]["windows_resumed"] > 0
    assert rows[0]["runner"] == {"local": "FnApiRunner", "prism": "PrismRunner", "flink": "FlinkRunner"}[runner.kind]
    outcomes.holds("takes over what an interrupted run has staged", runner.name)
    assert ended.resident
    assert max(ended.resident.values()) < MAX_RESIDENT_BYTES
    outcomes.holds("a worker's memory stays below 2.5 GB", runner.name)
    if later:
        assert (again := run([mixed], output, *flags)).status == 0, again.output
        rows.append(latest(output))
        assert rows[1]["planned"] == 1
        assert rows[1]["unchanged"] + rows[1]["failed_before"] == rows[0]["planned"]
        outcomes.holds("does only what is new", runner.name)
    assert_same_tables(output, reference.output)
    outcomes.holds("the same rows, byte by byte", runner.name)
    outcomes.holds("the same `failures`, of damaged files too", runner.name)
    whole = latest(reference.output)
    assert {name: pytest.approx(sum(row[name] for row in rows)) for name in COUNTS} == {n: whole[n] for n in COUNTS}
    outcomes.holds("counts and metrics in `runs`", runner.name)
    if runner.kind == "flink":
        loads = re.findall(r"is loaded in process (\d+)", request.getfixturevalue("flink").log())
        assert loads
        assert len(loads) == len(set(loads))
        outcomes.holds("one model a worker process", runner.name)


@pytest.mark.parametrize("runner", [PRISM, FLINK], ids=str)
def test_object_store_in_and_out(runner, flags_of, s3, reference, outcomes, tmp_path, request):
    clips = ("voicemail.wav", "weather.mp3")
    stores.use(tuple(s3.flags))
    inputs, output = f"{s3.folder()}/in", f"{s3.folder()}/out"
    for clip in clips:
        storage.write_whole(f"{inputs}/{clip}", (SAMPLES / clip).read_bytes())
    ended = run([inputs], output, *flags_of(runner), *s3.flags)
    assert ended.status == 0, ended.output
    for info in storage.list_files(output):
        path = tmp_path / "out" / info.path.removeprefix(f"{output}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(storage.read_whole(info.path))
    own = {"uri", "source_modified_at", "etag"}
    for name in ("transcripts", "segments", "words"):
        theirs = [row for row in stable(reference.output, name) if row["uri"].rsplit("/", 1)[-1] in clips]
        assert sorted(as_json([{k: v for k, v in row.items() if k not in own} for row in theirs])) == sorted(
            as_json([{k: v for k, v in row.items() if k not in own} for row in stable(tmp_path / "out", name)])
        )
    outcomes.holds("object store in and out", runner.name)
    if runner.kind == "flink":
        assert s3.key not in request.getfixturevalue("flink").log()


CORPUS_FLAGS = ["--batch_windows", "8", "--word_timestamps=false"]


@pytest.fixture(scope="module")
def corpora(clips, speech, tmp_path_factory):
    """The dev sets: clips of many speakers, and a chapter of twenty minutes; and the tables of a local run."""
    inputs = [str(speech / row["uri"]) for row in clips if row["corpus"] in ("librispeech", "longform")]
    output = tmp_path_factory.mktemp("corpora") / "out"
    ended = run(inputs, output, *CORPUS_FLAGS)
    assert ended.status == 0, ended.output
    return inputs, output


def test_flink_comes_to_the_tables_of_a_local_run(corpora, flink, tmp_path):
    inputs, whole = corpora
    ended = run(inputs, tmp_path / "out", *CORPUS_FLAGS, *flink.flags(2))
    assert ended.status == 0, ended.output
    for name in ("transcripts", "segments"):
        assert as_json(stable(tmp_path / "out", name)) == as_json(stable(whole, name))


def test_killed_workers_and_task_managers_cost_no_row_and_double_none(corpora, flink, outcomes, tmp_path):
    inputs, whole = corpora
    output = tmp_path / "out"
    # the chapter, and some clips, which are done first
    inputs = [*inputs[:20], *(uri for uri in inputs if "longform" in uri)]

    def n_results():
        return len(ResultStore(str(output)).paths())

    with started(inputs, output, *FLAGS, *CORPUS_FLAGS, *flink.flags(2)) as process:
        printed = []
        reader = threading.Thread(target=lambda: printed.append(process.stdout.read()))
        reader.start()
        wait_for(lambda: n_results() > 2, process)
        worker_processes()[0].kill()
        n_before = n_results()
        wait_for(lambda: n_results() > n_before, process)
        flink.kill_task_manager()
        assert process.wait(timeout=400) == 0, printed
        reader.join()
    flink.start_task_manager()
    for name in ("transcripts", "segments"):
        theirs = [row for row in stable(whole, name) if row["uri"] in inputs]
        assert as_json(stable(output, name)) == as_json(theirs)
    assert not (output / "_beamscribe").exists()
    assert flink.log().count("switched from state RUNNING to RESTARTING") >= 2
    outcomes.holds("a killed Python worker, a killed TaskManager: the same rows", FLINK.name)
