"""The first step of a pipeline: ranges of the plan become work items, less what was staged before."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import apache_beam as beam

from transforms.assets import StagedWindows, WorkItem
from transforms.plan_files import PlanFile
from transforms.results import ResultIndex, ResultStore, StagedFile, window_order
from transforms.site import Site
from transforms.stretches import Stretch


class ReadItems(beam.DoFn):
    """The work items of ranges of the plan; stretches pass through.

    An engine that has lost a worker starts again: what was staged before is not done again, and goes to the output
    STAGED.
    """

    STAGED = "staged"

    def __init__(self, plan: PlanFile, store: ResultStore, site: Site) -> None:
        self._plan = plan
        self._store = store
        self._site = site

    def setup(self) -> None:
        self._site.enter()
        self._index = index_at_start(self._store, self._plan)

    def process(self, element: int | Stretch) -> Iterator[Any]:  # WorkItem, Stretch, and StagedFile to STAGED
        if isinstance(element, Stretch):
            yield element
            return
        for item in self._plan.items(element):
            files, item = with_earlier_attempts(self._store, item, self._index)
            yield from (beam.pvalue.TaggedOutput(self.STAGED, file) for file in files)
            yield item


_indexing = threading.Lock()
_indexes: dict[str, ResultIndex] = {}


def index_at_start(store: ResultStore, plan: PlanFile) -> ResultIndex:
    """What was staged when this process began to work on a plan: of what it stages itself it needs no list."""
    with _indexing:
        if plan.path not in _indexes:
            _indexes.clear()
            _indexes[plan.path] = store.index()
        return _indexes[plan.path]


def with_earlier_attempts(store: ResultStore, item: WorkItem, index: ResultIndex) -> tuple[list[StagedFile], WorkItem]:
    """The files in which earlier attempts of this run have staged something of an item, and what then is left of it."""
    if not (paths := index.paths(item.key)):
        return [], item
    files: list[StagedFile] = []
    windows, n_windows = set(item.staged.windows), item.staged.n_windows
    for path, records in store.read_all(paths):
        mine = [record for record in records if record.key == item.key and not record.passing]
        found = {(record.channel, record.window_index) for record in mine if record.is_window}
        ends = [record.n_windows for record in mine if not record.is_window]
        if found <= windows and (n_windows is not None or not ends):
            continue
        windows |= found
        n_windows = n_windows if n_windows is not None or not ends else ends[0]
        files.append(StagedFile(path, (item.shard,), taken_over=True))
    if not files:
        return files, item
    return files, replace(item, staged=StagedWindows(tuple(sorted(windows, key=window_order)), n_windows))
