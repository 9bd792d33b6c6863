"""How long work takes on this machine."""

import statistics
import time
from collections.abc import Callable

ROUNDS = 3


def median_ms(work: Callable[[], object]) -> float:
    """Milliseconds: the median of ROUNDS, after one that is not measured."""
    work()
    times_s = []
    for _ in range(ROUNDS):
        started_s = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - started_s)
    return 1e3 * statistics.median(times_s)
