"""The plan of a run as a file: a work item a line, in ranges that workers read for themselves.

What goes through a pipeline is the number of a range. Each range belongs to one shard (`transforms.parts`), and the
ranges of a shard lie together, so that results which are made together are mostly assembled together.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from transforms import storage
from transforms.assets import WorkItem, work_item

# ranges that are spread over the workers
MAX_RANGES = 2_000


@dataclass(frozen=True)
class PlanFile:
    """Where a plan is, and how it is divided."""

    path: str
    n_shards: int
    # where each range starts, in bytes, and where the last one ends
    offsets: tuple[int, ...]

    @property
    def n_ranges(self) -> int:
        return len(self.offsets) - 1

    def items(self, number: int) -> Iterator[WorkItem]:
        """The work items of one range."""
        return self._items(number, number + 1)

    def items_of(self, shard: int) -> Iterator[WorkItem]:
        """The work items of one shard."""
        numbers = [n for n in range(self.n_ranges) if _shard_of(n, self.n_ranges, self.n_shards) == shard]
        return self._items(numbers[0], numbers[-1] + 1) if numbers else iter(())

    def _items(self, first: int, end: int) -> Iterator[WorkItem]:
        with storage.open_read(self.path) as file:
            file.seek(self.offsets[first], os.SEEK_SET)
            data = file.read(self.offsets[end] - self.offsets[first])
        return map(work_item, data.decode().splitlines())


def in_ranges(work: Sequence[WorkItem], n_shards: int) -> list[list[WorkItem]]:
    """Work items, largest first, dealt out to ranges that are about equal, each item with its shard."""
    n_ranges = min(len(work), max(MAX_RANGES, n_shards))
    return [
        [replace(item, shard=_shard_of(number, n_ranges, n_shards)) for item in work[number::n_ranges]]
        for number in range(n_ranges)
    ]


def write_plan(path: str, ranges: Sequence[Sequence[WorkItem]], n_shards: int) -> PlanFile:
    """Writes a new plan file."""
    written = ["".join(item.to_json() + "\n" for item in items).encode() for items in ranges]
    offsets = [0]
    for data in written:
        offsets.append(offsets[-1] + len(data))
    storage.write_whole(path, b"".join(written))
    return PlanFile(path, n_shards, tuple(offsets))


def _shard_of(number: int, n_ranges: int, n_shards: int) -> int:
    return number * n_shards // n_ranges
