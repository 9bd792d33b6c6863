"""How long a bulk job takes on more workers than this machine has: a simulation over measured durations and speeds.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --tables OUT --hours 10000 --workers 1 --workers 64

Durations are drawn from the `transcripts` of --tables (a run over recordings like yours), or else from two kinds that
are common: calls (lognormal, median 4 minutes) and meetings (lognormal, median 45 minutes, up to 4 hours). Speeds are
those of one core, see docs/scaling.md. Simulated are: finding speech, which nothing divides within a recording;
recognition in batches, of whole recordings or of stretches; elements dealt to the workers at random, as a shuffle does,
without moving them later; workers that start late; and the assembly of parts at the end. Printed is the time until the
last row is written, and how busy the workers were.
"""

import argparse
import heapq
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ours import read_rows

WINDOW_S = 24.0
STRETCH_WINDOWS = 16
MAX_UNDIVIDED_S = 600.0
ASSETS_PER_PART = 20_000


@dataclass(frozen=True)
class Speeds:
    """Of one core. The defaults: `python benchmarks/cores.py`, tiny.en with a beam of 5, see docs/scaling.md."""

    # seconds of audio a second: recognition, and decoding with speech detection
    recognition: float = 36.0
    finding: float = 3300.0
    # seconds a recording costs beside, and until a worker has its model
    asset_s: float = 0.004
    start_s: float = 17.0
    # seconds that a part of 20,000 recordings takes to be put together
    part_s: float = 60.0


@dataclass(frozen=True)
class Cluster:
    """What the work runs on."""

    workers: int
    divides: bool = True
    batch: int = 16
    # an engine that hands elements to whoever is idle, instead of dealing them at the start
    rebalances: bool = False


def durations(hours: float, kind: str, tables: Path | None, chance: random.Random) -> list[float]:
    """Seconds of each recording."""
    measured = [row["duration_s"] for row in read_rows(tables, "transcripts")] if tables else []
    found: list[float] = []
    left_s = hours * 3600
    while left_s > 0:
        if measured:
            seconds = chance.choice(measured)
        elif kind == "calls":
            seconds = min(chance.lognormvariate(math.log(240), 0.9), 2 * 3600)
        else:
            seconds = min(chance.lognormvariate(math.log(2700), 0.6), 4 * 3600)
        found.append(seconds)
        left_s -= seconds
    return found


def makespan(
    recordings: Sequence[float], speeds: Speeds, cluster: Cluster, chance: random.Random
) -> tuple[float, float]:
    """Seconds until the last row is written, and the share of that time in which workers were at work."""
    # work that can go to any worker: finding speech and recognising it, or one of both
    long = [s for s in recordings if cluster.divides and s > MAX_UNDIVIDED_S]
    short = [s for s in recordings if not (cluster.divides and s > MAX_UNDIVIDED_S)]
    first = [s / speeds.finding + speeds.asset_s for s in long]
    # a batch that is not full costs as much as one that is
    stretch_s = STRETCH_WINDOWS * WINDOW_S
    stretches = [min(stretch_s, s - at) for s in long for at in _steps(s, stretch_s)]
    second = [s / speeds.finding + s / speeds.recognition + speeds.asset_s for s in short]
    second += [s / speeds.recognition for s in stretches]
    waste_s = cluster.workers * cluster.batch * WINDOW_S / speeds.recognition / 2
    clock = _spread(first, cluster, chance) if first else 0.0
    clock = speeds.start_s + clock + _spread(second, cluster, chance) + waste_s / cluster.workers
    n_parts = 1 + len(recordings) // ASSETS_PER_PART
    clock += speeds.part_s * min(1.0, len(recordings) / ASSETS_PER_PART) * math.ceil(n_parts / cluster.workers)
    return clock, (sum(first) + sum(second)) / (clock * cluster.workers)


def _steps(seconds: float, step_s: float) -> list[float]:
    return [number * step_s for number in range(math.ceil(seconds / step_s))]


def _spread(costs: Sequence[float], cluster: Cluster, chance: random.Random) -> float:
    """When the last worker is done."""
    if cluster.rebalances:
        workers = [0.0] * cluster.workers
        for cost in sorted(costs, reverse=True):
            heapq.heapreplace(workers, workers[0] + cost)
        return max(workers)
    shuffled = list(costs)
    chance.shuffle(shuffled)
    return max(sum(shuffled[number :: cluster.workers]) for number in range(cluster.workers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, help="output of a run over recordings like yours")
    parser.add_argument("--hours", type=float, action="append", help="may be repeated (default: 10 10000)")
    parser.add_argument("--workers", type=int, action="append", help="cores, may be repeated (default: 1 16 256)")
    parser.add_argument("--recognition", type=float, default=Speeds.recognition, help="times real time, of one core")
    options = parser.parse_args()
    speeds = Speeds(recognition=options.recognition)
    print("| hours | recordings | workers | divided | dealt | time, h | busy, % |")
    print("|---:|---|---:|---|---|---:|---:|")
    for hours in options.hours or [10, 10_000]:
        kinds = (
            ["as in --tables"]
            if options.tables
            else ["calls", "meetings", "one file"]
            if hours <= 10
            else ["calls", "meetings"]
        )
        for kind in kinds:
            recordings = (
                [hours * 3600] if kind == "one file" else durations(hours, kind, options.tables, random.Random(1))
            )
            for workers in options.workers or [1, 16, 256]:
                for cluster in _clusters(workers):
                    seconds, busy = makespan(recordings, speeds, cluster, random.Random(2))
                    divided = "yes" if cluster.divides else "no"
                    dealt = "to the idle" if cluster.rebalances else "at random"
                    row = (f"{hours:g}", kind, workers, divided, dealt, f"{seconds / 3600:.2f}", f"{100 * busy:.0f}")
                    print(f"| {' | '.join(map(str, row))} |")
        sys.stdout.flush()


def _clusters(workers: int) -> list[Cluster]:
    plain = Cluster(workers)
    if workers == 1:
        return [plain]
    return [replace(plain, divides=False), plain, replace(plain, rebalances=True)]


if __name__ == "__main__":
    main()
