"""The runners of the suite, each started when the first test asks for it and stopped when the session ends."""

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from pipelines.transcribe import MAX_UNDIVIDED_S
from tests.cluster import flink as flink_cluster
from tests.cluster.flink import FlinkCluster, is_worker, running_flink, running_pool
from tests.cluster.table import Outcomes
from tests.conftest import REPOSITORY, missing
from tests.pipelines.test_transcribe import table
from tests.stores.servers import INSTALLED

SAMPLES = REPOSITORY / "samples"
PRISM = INSTALLED / "prism"
FLAGS = ["--beam_size", "1", "--batch_windows", "4", "--max_failed_fraction", "1"]
# what one process may take, model and TensorFlow included
MAX_RESIDENT_BYTES = 2.5e9


@dataclass(frozen=True)
class Runner:
    """A way to run the same pipeline, as a column of the suite's table."""

    name: str
    kind: str
    workers: int
    # workers are started by a pool, not by the TaskManagers
    pooled: bool = False

    def __str__(self) -> str:
        return self.name


RUNNERS = (
    Runner("FnApiRunner, 1 worker", "local", 1),
    Runner("FnApiRunner, 2 workers", "local", 2),
    Runner("Prism", "prism", 1),
    Runner("Flink, parallelism 1", "flink", 1),
    Runner("Flink, parallelism 2", "flink", 2),
    Runner("Flink, parallelism 4, worker pool", "flink", 4, pooled=True),
)


@dataclass
class Ended:
    """A run of the main job that has ended."""

    status: int
    output: str
    # of each process that had the model, by its number: bytes at most
    resident: dict[int, int]


@pytest.fixture(scope="session")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    """A JobManager and two TaskManagers."""
    if shutil.which("java") is None or not flink_cluster.JOB_SERVER.exists():
        missing("Java and Flink (make .venv/servers/flink, which needs Maven)")
    with running_flink(tmp_path_factory.mktemp("flink")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A pool of workers for the cluster: its port."""
    with running_pool(tmp_path_factory.mktemp("pool")) as port:
        yield port


@pytest.fixture(scope="session")
def flags_of(request: pytest.FixtureRequest):
    """flags_of(runner): the flags that choose it, and nothing else differs."""

    def flags(runner: Runner) -> list[str]:
        if runner.kind == "flink":
            port = request.getfixturevalue("pool") if runner.pooled else None
            return request.getfixturevalue("flink").flags(runner.workers, port)
        if runner.kind == "prism":
            if not PRISM.exists():
                missing("Prism (make .venv/servers/prism, which needs Go)")
            return ["--runner=PrismRunner", f"--prism_location={PRISM}"]
        mode = ["--direct_running_mode=multi_threading"] if runner.workers > 1 else []
        return ["--runner=FnApiRunner", f"--direct_num_workers={runner.workers}", *mode]

    return flags


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    """What the suite has found: written to the page when the session ends, and nothing has failed."""
    found = Outcomes([runner.name for runner in RUNNERS])
    yield found
    if not request.session.testsfailed:
        found.write()


@contextlib.contextmanager
def started(inputs: list[Path | str], output: Path | str, *flags: str):
    """The main job as a user starts it; stopped if it outlives the block."""
    command = [sys.executable, "-m", "pipelines.cli", "transcribe", "--input", *map(str, inputs)]
    process = subprocess.Popen(
        [*command, "--output", str(output), *flags],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def run(inputs: list[Path | str], output: Path | str, *flags: str) -> Ended:
    """Runs the main job to its end, and looks meanwhile at what its processes take."""
    resident: dict[int, int] = {}
    with started(inputs, output, *FLAGS, *flags) as process:
        ended = threading.Event()
        watcher = threading.Thread(target=_watch_memory, args=(process.pid, resident, ended))
        watcher.start()
        try:
            printed, _ = process.communicate(timeout=400)
        finally:
            ended.set()
            watcher.join()
    return Ended(process.returncode, printed, resident)


def _watch_memory(pid: int, resident: dict[int, int], ended: threading.Event) -> None:
    while not ended.wait(0.5):
        for process in psutil.process_iter(["cmdline", "ppid"]):
            # the process that works on this machine is a fork of the one that watches over it
            is_ours = pid in (process.pid, process.info["ppid"])
            if is_ours or is_worker(process.info["cmdline"]):
                with contextlib.suppress(psutil.Error):
                    resident[process.pid] = max(resident.get(process.pid, 0), process.memory_info().rss)


def worker_processes() -> list[psutil.Process]:
    """The Python workers that a cluster has started."""
    return [process for process in psutil.process_iter(["cmdline"]) if is_worker(process.info["cmdline"])]


def wait_for(condition, process: subprocess.Popen, limit_s: float = 200.0) -> None:
    """Waits until a condition holds while a run is at work."""
    end_s = time.monotonic() + limit_s
    while not condition():
        assert process.poll() is None, f"the run ended too soon: {process.communicate()[0][-3000:]}"
        assert time.monotonic() < end_s, "nothing happened"
        time.sleep(0.1)


def latest(output: Path) -> dict:
    """The row of the last run."""
    return max(table(output, "runs"), key=lambda row: row["started_at"])


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples, a text that calls itself sound, a damaged file, and a recording that is divided for its length."""
    folder = tmp_path_factory.mktemp("mixed")
    for path in SAMPLES.iterdir():
        if path.suffix not in (".py", ".jsonl"):
            shutil.copy(path, folder)
    (folder / "notes.wav").write_text("not a sound at all")
    (folder / "torn.flac").write_bytes((SAMPLES / "dictation.flac").read_bytes()[:-4000])
    speech, rate_hz = soundfile.read(SAMPLES / "voicemail.wav", dtype="float32", always_2d=True)
    pause = np.zeros((45 * rate_hz, speech.shape[1]), np.float32)
    n_times = 1 + int(1.1 * MAX_UNDIVIDED_S * rate_hz / (len(speech) + len(pause)))
    soundfile.write(folder / "long.wav", np.concatenate([speech, pause] * n_times), rate_hz)
    return folder


INTERRUPTED = """
import sys
from pipelines import transcribe
from transforms import parts
def fail(*_):
    raise OSError("stopped by the test")
parts.assemble_records = fail
sys.exit(transcribe.command(sys.argv[1:]))
"""


@dataclass(frozen=True)
class Reference:
    """What every runner has to come to."""

    output: Path
    # left by a run that was stopped before it could write tables
    interrupted: Path


@pytest.fixture(scope="session")
def reference(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Tables of the mixed inputs, and what an interrupted run over some of them leaves."""
    folder = tmp_path_factory.mktemp("reference")
    local = ["--runner=FnApiRunner", "--direct_num_workers=1"]
    ended = run([mixed], folder / "out", *local)
    assert ended.status == 0, ended.output
    some = [str(mixed / name) for name in ("support_call.mp3", "station.ogg", "silence.wav")]
    stopped = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "--input", *some, "--output", folder / "interrupted", *FLAGS, *local],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert stopped.returncode == 1, stopped.stderr
    assert list((folder / "interrupted" / "_beamscribe" / "results").iterdir())
    return Reference(folder / "out", folder / "interrupted")


def as_json(rows: list[dict]) -> list[str]:
    """Rows as text, to be compared byte by byte."""
    return [json.dumps(row, default=str, sort_keys=True) for row in rows]
