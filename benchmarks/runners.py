"""What another runner costs, and how evenly one long recording keeps its workers busy.

    python benchmarks/runners.py
    python benchmarks/runners.py --hours 1 --runner "Flink, parallelism 2"

Transcribes one recording of --hours (the long one of BEAMSCRIBE_SPEECH, looped) on FnApiRunner, Prism and Flink, which
`make cluster-test` installs, one after the other, and --repeat times in turns. Times are whole commands. `first result`
is when the first results are staged: what came before is start-up and the search for speech. `busy` is the processor
time of each worker process between the first results and the last, in shares of an equal part of the machine; workers
of FnApiRunner are threads of one process, which then has the whole. Other flags go to the main job.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from memory import long_file
from ours import REPOSITORY, command

sys.path.insert(0, str(REPOSITORY))
from tests.cluster.flink import FlinkCluster, is_worker, running_flink
from tests.stores.servers import INSTALLED
from transforms.results import ResultStore

N_CORES = os.cpu_count() or 1
LOOK_EVERY_S = 0.5


@dataclass
class Measured:
    """One run."""

    seconds: float = 0.0
    first_result_s: float = 0.0
    recognition_s: float = 0.0
    # of each process that recognised: seconds of processor time, from the first results to the last
    worked_s: list[float] = field(default_factory=list)
    processor_s: float = 0.0


@contextlib.contextmanager
def flink() -> Iterator[FlinkCluster]:
    with tempfile.TemporaryDirectory() as folder, running_flink(Path(folder)) as cluster:
        yield cluster


@contextlib.contextmanager
def flags_of(runner: str) -> Iterator[list[str]]:
    """The flags of a runner, which is there for as long as the block runs."""
    name, _, workers = runner.partition(", ")
    if name == "Flink":
        with flink() as cluster:
            yield cluster.flags(int(workers.split()[-1]))
    elif name == "Prism":
        yield ["--runner=PrismRunner", f"--prism_location={INSTALLED / 'prism'}"]
    else:
        n_workers = int(workers.split()[0])
        mode = ["--direct_running_mode=multi_threading"] if n_workers > 1 else []
        yield ["--runner=FnApiRunner", f"--direct_num_workers={n_workers}", *mode]


RUNNERS = ("FnApiRunner, 1 worker", "FnApiRunner, 2 workers", "Prism", "Flink, parallelism 1", "Flink, parallelism 2")


def measure(path: Path, output: Path, flags: list[str]) -> Measured:
    """One run of the main job."""
    found = Measured()
    started_s = time.monotonic()
    process = subprocess.Popen(command([path], output, flags), cwd=REPOSITORY, stdout=sys.stderr)
    n_before, first_s, last_s = 0, 0.0, 0.0
    at_first: dict[int, float] = {}
    at_last: dict[int, float] = {}
    while process.poll() is None:
        n_results = len(ResultStore(str(output)).paths())
        now = _processor_times(process.pid)
        # the first file is the asset's own; a run that ends takes all of them away
        if n_results > max(n_before, 1):
            last_s, at_last = time.monotonic(), now
            if not at_first:
                first_s, at_first = last_s, now
        n_before = max(n_before, n_results)
        found.processor_s = max(found.processor_s, sum(now.values()))
        time.sleep(LOOK_EVERY_S)
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}: there is nothing to measure")
    found.seconds = time.monotonic() - started_s
    found.first_result_s = first_s - started_s
    found.recognition_s = last_s - first_s
    spent = [at_last.get(pid, 0.0) - seconds for pid, seconds in at_first.items()]
    found.worked_s = sorted((s for s in spent if s > 0.05 * found.recognition_s), reverse=True)
    return found


def _processor_times(pid: int) -> dict[int, float]:
    """Seconds of processor time of the command's process, its children, and workers that a cluster has started."""
    times: dict[int, float] = {}
    for process in psutil.process_iter(["cmdline", "ppid"]):
        words = process.info["cmdline"] or []
        # the process that works is a fork of the one that watches over it
        if process.pid == pid or is_worker(words) or (process.info["ppid"] == pid and "pipelines.cli" in words):
            with contextlib.suppress(psutil.Error):
                spent = process.cpu_times()
                times[process.pid] = spent.user + spent.system
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=0.5)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--runner", action="append", choices=RUNNERS, help="may be repeated (default: all)")
    options, flags = parser.parse_known_args()
    runners = options.runner or list(RUNNERS)
    found: dict[str, list[Measured]] = {runner: [] for runner in runners}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.wav")
        long_file(path, options.hours, 0.0)
        for number in range(options.repeat):
            for runner in runners:
                with flags_of(runner) as runner_flags:
                    output = Path(folder, f"out-{number}-{runners.index(runner)}")
                    found[runner].append(measure(path, output, [*flags, *runner_flags]))
    print(f"one recording of {options.hours:g} h, {options.repeat} runs each, medians\n")
    print("| runner | seconds | of the first | first result, s | recognition, s | processor, s | busy, % |")
    print("|---|---:|---:|---:|---:|---:|---|")
    base_s = statistics.median(m.seconds for m in found[runners[0]])
    for runner in runners:
        runs = found[runner]
        seconds, first_s, recognition_s, processor_s = (
            statistics.median(getattr(m, name) for m in runs)
            for name in ("seconds", "first_result_s", "recognition_s", "processor_s")
        )
        share_s = runs[-1].recognition_s * N_CORES / max(len(runs[-1].worked_s), 1)
        busy = [f"{100 * worked_s / share_s:.0f}" for worked_s in runs[-1].worked_s]
        print(
            f"| {runner} | {seconds:.0f} | {seconds / base_s:.2f} | {first_s:.0f} | {recognition_s:.0f} | "
            f"{processor_s:.0f} | {' '.join(busy)} |"
        )


if __name__ == "__main__":
    main()
