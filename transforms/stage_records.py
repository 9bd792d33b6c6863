"""Assets that were read to their end, staged a handful at a time."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from transforms.results import Record, ResultStore, StagedFile, heard_record
from transforms.site import Site


class StageHeard(beam.DoFn):
    """Stages what was made of assets, a handful at a time. Elements have an `item`, a WorkItem.

    record_of: makes a record of an element.
    """

    HANDFUL = 32
    LONGEST_WAIT_S = 10.0

    def __init__(self, store: ResultStore, site: Site, record_of: Callable[[Any], Record] = heard_record) -> None:
        self._store = store
        self._site = site
        self._record_of = record_of

    def setup(self) -> None:
        self._site.enter()

    def start_bundle(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self._waiting: list[Record] = []
        self._shards: set[int] = set()
        self._since_s = time.monotonic()

    def process(self, element: Any) -> Iterator[StagedFile]:
        self._waiting.append(self._record_of(element))
        self._shards.add(element.item.shard)
        if len(self._waiting) >= self.HANDFUL or time.monotonic() - self._since_s > self.LONGEST_WAIT_S:
            yield self._written()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._waiting:
            yield GlobalWindows.windowed_value(self._written())

    def _written(self) -> StagedFile:
        file = StagedFile(self._store.write(self._waiting), tuple(sorted(self._shards)))
        self._empty()
        return file
