"""Apache Flink on loopback: a JobManager and TaskManagers, each a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.stores.processes import free_port, running
from tests.stores.servers import INSTALLED

JARS = INSTALLED / "flink" / "pyflink" / "lib"
JOB_SERVER = INSTALLED / "flink" / "jar" / "flink-job-server-1.jar"
WORKER = INSTALLED.parent / "bin" / "beamscribe-worker"
STARTUP_S = 90
SLOTS = 2
# what Flink's own scripts open to it on Java 17
OPENED = (
    *(f"java.base/{name}" for name in (
        "java.lang", "java.net", "java.io", "java.nio", "sun.nio.ch", "java.lang.reflect", "java.text", "java.time",
        "java.util", "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks",
    )),
)  # fmt: skip
CONFIGURATION = """
jobmanager.rpc.address: 127.0.0.1
jobmanager.bind-host: 127.0.0.1
jobmanager.rpc.port: {rpc_port}
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest_port}
taskmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
taskmanager.numberOfTaskSlots: {slots}
# both TaskManagers get work, not one all of it
taskmanager.load-balance.mode: SLOTS
taskmanager.cpu.cores: 1.0
taskmanager.memory.task.heap.size: 256m
taskmanager.memory.task.off-heap.size: 64m
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.managed.size: 64m
taskmanager.memory.network.min: 256m
taskmanager.memory.network.max: 256m
taskmanager.memory.jvm-metaspace.size: 192m
taskmanager.memory.jvm-overhead.min: 64m
taskmanager.memory.jvm-overhead.max: 64m
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 5
restart-strategy.fixed-delay.delay: 1 s
heartbeat.interval: 1000
heartbeat.timeout: 6000
web.submit.enable: true
io.tmp.dirs: {folder}/tmp
blob.storage.directory: {folder}/blobs
"""
LOGGING = """
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c - %m%n
"""
JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"


def is_worker(command: list[str] | None) -> bool:
    """Whether a process is a Python worker that a cluster has started, by its command line."""
    return any(word.endswith(WORKER.name) for word in command or [])


class FlinkCluster:
    """A running cluster. `running_flink` makes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rest_port, rpc_port = free_port(), free_port()
        self._task_managers: list[subprocess.Popen] = []
        for name in ("conf", "tmp", "blobs"):
            (folder / name).mkdir()
        configuration = CONFIGURATION.format(rpc_port=rpc_port, rest_port=self.rest_port, slots=SLOTS, folder=folder)
        (folder / "conf" / "config.yaml").write_text(configuration)
        (folder / "conf" / "log4j.properties").write_text(LOGGING)
        self._job_manager = self._java(JOB_MANAGER, "jobmanager", "-Xmx512m")

    def flags(self, parallelism: int, pool_port: int | None = None) -> list[str]:
        """What to give to a pipeline. Workers are started by the TaskManagers, or by a pool that listens on a port."""
        environment = ["--environment_type=PROCESS", "--environment_config=" + json.dumps({"command": str(WORKER)})]
        if pool_port is not None:
            environment = ["--environment_type=EXTERNAL", f"--environment_config=127.0.0.1:{pool_port}"]
        return [
            "--runner=FlinkRunner",
            "--flink_version=1.19",
            f"--flink_master=127.0.0.1:{self.rest_port}",
            f"--flink_job_server_jar={JOB_SERVER}",
            *environment,
            f"--parallelism={parallelism}",
        ]

    def ask(self, path: str) -> Any:
        """What the REST interface answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.rest_port}{path}", timeout=10) as answer:
            return json.load(answer)

    def start_task_manager(self) -> None:
        """One more, with SLOTS slots; returns when the JobManager knows it."""
        n_before = self.n_task_managers()
        number = len(self._task_managers)
        self._task_managers.append(self._java(TASK_MANAGER, f"taskmanager-{number}", "-Xmx400m", direct="500m"))
        self._wait(lambda: self.n_task_managers() > n_before, f"taskmanager-{number}")

    def n_task_managers(self) -> int:
        """Those that the JobManager knows."""
        try:
            return int(self.ask("/overview")["taskmanagers"])
        except OSError:
            return 0

    def kill_task_manager(self) -> None:
        """SIGKILL to the youngest that is alive."""
        process = next(p for p in reversed(self._task_managers) if p.poll() is None)
        process.kill()
        process.wait()

    def log(self) -> str:
        """What all processes wrote."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        for process in (*self._task_managers, self._job_manager):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait_until_up(self) -> None:
        self._wait(lambda: self._answers(), "jobmanager")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return "flink-version" in self.ask("/overview")
        return False

    def _wait(self, holds: Any, name: str) -> None:
        end_s = time.monotonic() + STARTUP_S
        while not holds():
            if time.monotonic() > end_s:
                raise RuntimeError(f"Flink: {name} does not come up: {self.log()[-3000:]}")
            time.sleep(0.2)

    def _java(self, main_class: str, name: str, heap: str, direct: str = "256m") -> subprocess.Popen:
        opened = [f"--add-opens={package}=ALL-UNNAMED" for package in OPENED]
        jars = [str(jar) for pattern in ("flink-dist*.jar", "log4j*.jar") for jar in sorted(JARS.glob(pattern))]
        command = [
            "java", *opened, heap, f"-XX:MaxDirectMemorySize={direct}",
            f"-Dlog4j.configurationFile={self.folder}/conf/log4j.properties", "-cp", ":".join(jars),
            main_class, "--configDir", str(self.folder / "conf"),
        ]  # fmt: skip
        with (self.folder / f"{name}.log").open("wb") as output:
            return subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )


@contextlib.contextmanager
def running_pool(folder: Path) -> Iterator[int]:
    """Beam's own pool, which starts workers when a TaskManager asks for one: its port."""
    port = free_port()
    module = "apache_beam.runners.worker.worker_pool_main"
    command = [sys.executable, "-m", module, f"--service_port={port}", f"--container_executable={WORKER}"]
    with running(command, port, folder / "pool.log"):
        yield port


@contextlib.contextmanager
def running_flink(folder: Path, n_task_managers: int = 2) -> Iterator[FlinkCluster]:
    """A cluster for as long as the block runs; its processes, and theirs, end with it."""
    cluster = FlinkCluster(folder)
    try:
        cluster.wait_until_up()
        for _ in range(n_task_managers):
            cluster.start_task_manager()
        yield cluster
    finally:
        cluster.stop()
