"""The same job from and to each of three real object stores: the tables are those of local files, whatever breaks."""

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from pipelines.cli import main
from tests.conftest import REPOSITORY
from tests.stores.fault_proxy import fault_proxy
from transforms import storage, stores

SAMPLES = REPOSITORY / "samples"
CLIPS = ("voicemail.wav", "weather.mp3")
QUICK = ("--beam_size=1", "--word_timestamps=false")
TABLES = ("transcripts", "segments", "failures")
# the last two are the store's to say
VOLATILE = {"run_id", "transcribed_at", "failed_at", "source_modified_at", "etag"}


def upload(folder, clips=CLIPS, names=None):
    for clip, name in zip(clips, names or clips, strict=True):
        storage.write_whole(f"{folder}/{name}", (SAMPLES / clip).read_bytes())


def transcribe(folder, *flags):
    return main(["transcribe", "--input", f"{folder}/in", "--output", f"{folder}/out", *QUICK, *flags])


def read(folder, table):
    """All rows of a table of `folder/out`."""
    files = storage.files_named(f"{folder}/out/{table}", ".parquet")
    return [row for info in files for row in pq.read_table(io.BytesIO(storage.read_whole(info.path))).to_pylist()]


def rows(folder, table):
    """The rows of a table, sorted, with uris relative to `folder`, without what differs by intention."""
    kept = [{name: value for name, value in row.items() if name not in VOLATILE} for row in read(folder, table)]
    relative = [row | {"uri": row["uri"].removeprefix(folder)} for row in kept]
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in relative)


def tables(folder):
    return {table: rows(folder, table) for table in TABLES}


def runs(folder):
    return sorted(read(folder, "runs"), key=lambda row: row["started_at"])


def exports(folder, *flags):
    """The files that `export` writes, by name; none is empty."""
    assert main(["export", "--from", f"{folder}/out", "--to", f"{folder}/texts", "--format=srt,vtt,txt", *flags]) == 0
    files = {
        info.path.removeprefix(folder): storage.read_whole(info.path) for info in storage.list_files(f"{folder}/texts")
    }
    assert len(files) == 6
    assert all(files.values())
    return files


def check_clean(folder):
    """No empty object in the output, nothing of the staging."""
    found = list(storage._listed(f"{folder}/out/"))
    assert [info.path for info in found if info.size_bytes == 0] == []
    assert [info.path for info in found if "/_beamscribe" in info.path] == []
    assert all(info.path.endswith(".parquet") for info in found)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The job on local files."""
    folder = str(tmp_path_factory.mktemp("local"))
    upload(folder + "/in")
    assert transcribe(folder) == 0
    return folder


@pytest.fixture(scope="module")
def replaced(tmp_path_factory):
    """The job on local files, of which one is another in the second run."""
    folder = str(tmp_path_factory.mktemp("replaced"))
    upload(folder + "/in", ("voicemail.wav", "silence.wav"), CLIPS)
    assert transcribe(folder) == 0
    return folder


@pytest.fixture(autouse=True)
def little_waiting(monkeypatch):
    monkeypatch.setattr(stores, "FIRST_DELAY_S", 0.05)


def test_tables_are_those_of_local_files(store, local, replaced, capsys):
    folder = store.folder()
    upload(folder + "/in")
    assert transcribe(folder, *store.flags) == 0
    assert tables(folder) == tables(local)
    assert len(rows(folder, "transcripts")) == 2
    for row in read(folder, "transcripts"):
        info = storage.stat(row["uri"])
        assert (row["etag"], row["source_modified_at"].timestamp()) == (info.etag, info.modified_at_us / 1e6)
    check_clean(folder)

    before = {info.path: info for info in storage.list_files(folder)}
    assert transcribe(folder, *store.flags) == 0
    after = {info.path: info for info in storage.list_files(folder)}
    assert {path: info for path, info in after.items() if path in before} == before
    (new,) = after.keys() - before.keys()
    assert "/out/runs/" in new
    assert [(run["planned"], run["unchanged"], run["windows"] > 0) for run in runs(folder)] == [
        (2, 0, True),
        (0, 2, False),
    ]

    upload(folder + "/in", ("silence.wav",), ("weather.mp3",))
    assert transcribe(folder, *store.flags) == 0
    assert tables(folder) == tables(replaced)
    assert runs(folder)[-1]["planned"] == 1
    check_clean(folder)

    capsys.readouterr()
    assert main(["show", f"{folder}/out", *store.flags]) == 0
    assert "voicemail.wav, " in capsys.readouterr().out
    assert exports(folder, *store.flags) == exports(replaced)


def test_manifest_on_a_store_is_transcribed_and_scored(s3):
    with s3.in_use():
        check_scored(s3)


def check_scored(store):
    folder = store.folder()
    upload(folder + "/in")
    manifest = (SAMPLES / "manifest.jsonl").read_text().splitlines()
    chosen = [line for line in manifest if json.loads(line)["uri"] in CLIPS]
    storage.write_whole(f"{folder}/in/manifest.jsonl", "\n".join(chosen).encode())
    output = ["--output", f"{folder}/out", *store.flags]
    assert main(["transcribe", "--input", f"{folder}/in/manifest.jsonl", *QUICK, *output]) == 0
    references = ["--references", f"{folder}/in/manifest.jsonl", "--transcripts", f"{folder}/out"]
    assert main(["evaluate", *references, "--output", f"{folder}/scores", *store.flags]) == 0
    assert storage.is_folder(f"{folder}/scores/group_scores")
    assert not storage.is_folder(f"{folder}/scores/_beamscribe")


def test_tables_are_the_same_whatever_breaks(store, local):
    folder = store.folder()
    upload(folder + "/in")
    with fault_proxy(store.port, busy=3, busy_every=7, cut_after_bytes=50_000, delay_s=0.01) as proxy:
        broken = store.at(proxy.port)
        with broken.in_use():
            assert transcribe(folder, *broken.flags) == 0
        assert proxy.n_faults > 5
    assert tables(folder) == tables(local)
    check_clean(folder)


def test_object_that_cannot_be_read_is_a_failure_row_and_read_by_the_next_run(store, local):
    folder = store.folder()
    upload(folder + "/in")
    with fault_proxy(store.port) as proxy:
        broken = store.at(proxy.port)
        with broken.in_use():
            job = ["--input", f"{folder}/in", "--output", f"{folder}/out", *broken.flags]
            assert main(["plan", *job]) == 0
            # what fetches the object, but not what describes or lists it
            proxy.busy_for = r"GET (/calls/|/download/|/devstoreaccount1/calls/).*weather\.mp3"
            assert transcribe(folder, *broken.flags) == 3
    (row,) = (json.loads(row) for row in rows(folder, "failures"))
    assert (row["uri"], row["stage"], row["error_type"]) == ("/in/weather.mp3", "read", "OSError")
    assert row["retriable"]
    assert "not ready in 5 tries (503" in row["message"]
    check_clean(folder)
    assert transcribe(folder, *store.flags) == 0
    assert tables(folder) == tables(local)


@pytest.fixture(scope="module")
def n_requests(s3):
    """How many requests the job makes of S3."""
    with fault_proxy(s3.port) as proxy, s3.at(proxy.port).in_use():
        folder = s3.folder()
        upload(folder + "/in")
        proxy.requests.clear()
        assert transcribe(folder, *s3.at(proxy.port).flags) == 0
        return len(proxy.requests)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8, 0.95])
def test_store_that_goes_away_during_a_run_costs_nothing_but_another_run(s3, local, n_requests, share, capsys):
    with s3.in_use():
        folder = s3.folder()
        upload(folder + "/in")
        capsys.readouterr()
        with fault_proxy(s3.port, busy_after=int(share * n_requests)) as proxy, s3.at(proxy.port).in_use():
            assert transcribe(folder, *s3.at(proxy.port).flags) in (1, 2)
        assert re.fullmatch(r"beamscribe transcribe: .*not ready in 5 tries.*\n", told(capsys))
        # the process that took it lives on: it is this one
        storage.delete_folder(f"{folder}/out/_beamscribe/leases")
        assert transcribe(folder, *s3.flags) == 0
        assert tables(folder) == tables(local)
        check_clean(folder)


def told(capsys):
    """What a command said on standard error, without what Beam logs in a process that is not the command's own."""
    return "".join(line for line in capsys.readouterr().err.splitlines(True) if line.startswith("beamscribe"))


def refusal(capsys, *argv):
    """The one line of a command that is refused with exit status 2."""
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    return line


def commands(store, source, target):
    """Commands that read `source` and write `target`."""
    yield "transcribe", "--input", source, "--output", target, *store.flags
    yield "plan", "--input", source, "--output", target, *store.flags
    yield "export", "--from", source, "--to", target, *store.flags
    yield "show", source, *store.flags
    yield "evaluate", "--transcripts", source, "--references", source, "--output", target, *store.flags


def test_bucket_that_is_absent_is_refused(store, capsys, tmp_path):
    absent = store.bucket.replace("calls", "absent")
    for command in commands(store, absent + "/in", str(tmp_path / "out")):
        line = refusal(capsys, *command)
        assert "no such object or bucket (404" in line
    for command in ("transcribe", "plan"):
        line = refusal(capsys, command, "--input", SAMPLES, "--output", absent + "/out", *store.flags)
        assert "no such object or bucket (404" in line
    assert not (tmp_path / "out").exists()


def test_installed_command_prints_one_line_and_no_more(store):
    """In a process of its own, where clients and Beam have not been told yet to be quiet."""
    absent = store.bucket.replace("calls", "absent")
    command = [sys.executable, "-m", "pipelines.cli", "show", absent + "/out", *store.flags]
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=REPOSITORY, env={**os.environ, **store.environment}
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(r"beamscribe show: .*no such object or bucket \(404 .*\n", ended.stderr)


@pytest.mark.parametrize("scheme", ["s3", "azfs"])
def test_wrong_key_is_refused(scheme, request, capsys, tmp_path):
    store = request.getfixturevalue(scheme)
    wrong = replace(store, key="AAAA" + store.key[4:])
    with wrong.in_use():
        for command in commands(wrong, store.bucket + "/in", str(tmp_path / "out")):
            line = refusal(capsys, *command)
            assert "access refused (403" in line
            assert wrong.key not in line


def test_store_that_is_away_is_refused(store, capsys, tmp_path):
    away = store.at(9)
    with away.in_use():
        for command in commands(away, store.bucket + "/in", str(tmp_path / "out")):
            assert "no answer in 5 tries" in refusal(capsys, *command)


def test_store_that_is_always_busy_is_refused(store, capsys, tmp_path):
    with fault_proxy(store.port, busy=10_000) as proxy:
        busy = store.at(proxy.port)
        with busy.in_use():
            for command in commands(busy, store.bucket + "/in", str(tmp_path / "out")):
                assert "not ready in 5 tries (503" in refusal(capsys, *command)


def test_key_of_a_store_is_not_in_the_tables(s3):
    with s3.in_use():
        folder = s3.folder()
        upload(folder + "/in", ("silence.wav",))
        assert transcribe(folder, *s3.flags) == 0
        for info in storage.list_files(f"{folder}/out"):
            assert s3.key not in str(pq.read_table(io.BytesIO(storage.read_whole(info.path))).to_pylist())
