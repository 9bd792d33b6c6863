"""The plan of a run as a file: a work item a line, in ranges that workers read for themselves.

What goes through a pipeline is the number of a range. Each range belongs to one shard (`transforms.parts`), and the
ranges of a shard lie together, so that results which are made together are mostly assembled together.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
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
    # the shard of each
    shards: tuple[int, ...]
    # those of assets to be divided; of one asset each
    long_ranges: tuple[int, ...] = ()

    @property
    def n_ranges(self) -> int:
        return len(self.shards)

    @property
    def whole_ranges(self) -> list[int]:
        """The ranges of assets that are not divided."""
        return sorted({*range(self.n_ranges)} - {*self.long_ranges})

    def items(self, number: int) -> Iterator[WorkItem]:
        """The work items of one range."""
        return self._items(number, number + 1)

    def items_of(self, shard: int) -> Iterator[WorkItem]:
        """The work items of one shard."""
        numbers = [number for number, of_range in enumerate(self.shards) if of_range == shard]
        return self._items(numbers[0], numbers[-1] + 1) if numbers else iter(())

    def _items(self, first: int, end: int) -> Iterator[WorkItem]:
        with storage.open_read(self.path) as file:
            file.seek(self.offsets[first], os.SEEK_SET)
            data = file.read(self.offsets[end] - self.offsets[first])
        return map(work_item, data.decode().splitlines())


@dataclass(frozen=True)
class Range:
    """Some work items of one shard."""

    items: tuple[WorkItem, ...]
    # one asset, to be divided
    is_long: bool = False


def in_ranges(
    work: Sequence[WorkItem], n_shards: int, is_long: Callable[[WorkItem], bool] = lambda item: False
) -> list[Range]:
    """Work items, largest first, dealt out to ranges that are about equal, each item with its shard."""
    flags = [is_long(item) for item in work]
    long = [item for item, flag in zip(work, flags, strict=True) if flag]
    others = [item for item, flag in zip(work, flags, strict=True) if not flag]
    n_ranges = min(len(others), max(MAX_RANGES, n_shards))
    ranges = [([item], True) for item in long]
    ranges += [(others[number::n_ranges], False) for number in range(n_ranges)]
    # long ones and others are spread over all shards: the ranges of a shard are n_shards apart before they are sorted
    dealt = [(number % n_shards, items, is_long) for number, (items, is_long) in enumerate(ranges)]
    dealt.sort(key=lambda one: one[0])
    return [Range(tuple(replace(item, shard=shard) for item in items), is_long) for shard, items, is_long in dealt]


def write_plan(path: str, ranges: Sequence[Range], n_shards: int) -> PlanFile:
    """Writes a new plan file."""
    written = ["".join(item.to_json() + "\n" for item in one.items).encode() for one in ranges]
    storage.write_whole(path, b"".join(written))
    return PlanFile(
        path,
        n_shards,
        offsets=tuple(itertools.accumulate(map(len, written), initial=0)),
        shards=tuple(one.items[0].shard for one in ranges),
        long_ranges=tuple(number for number, one in enumerate(ranges) if one.is_long),
    )
