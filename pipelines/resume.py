"""What the jobs that write tables have in common: what an interrupted run has left, and what gives way at the end."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import apache_beam as beam

from pipelines.supervise import LOCAL_RUNNERS
from transforms import crashes, storage
from transforms.assets import WorkItem
from transforms.commit import PartEdits, PartOf
from transforms.history import History
from transforms.plan_files import PlanFile, Range, in_ranges, write_plan
from transforms.planning import Plan
from transforms.results import Found, ResultStore, StagedFile, find_results
from transforms.site import Site


def alone_first(
    parts: PartOf, store: ResultStore, work: Sequence[WorkItem], work_on: Callable[[PlanFile], None]
) -> list[WorkItem]:
    """Works on the assets on which a process has died, each alone; gives those up on which another one died.

    work_on: stages the results of a plan.
    """
    suspects = crashes.suspects()
    suspected = [item for item in work if item.asset.uri in suspects]
    found = find_results(store, (item.key for item in suspected))
    waiting = [item for item in (with_staged(item, found) for item in suspected) if not item.staged.complete]
    counts = crashes.count_crashes(item.asset.uri for item in waiting)
    given_up = {uri for uri, count in counts.items() if count >= crashes.MAX_CRASHES}
    for number, item in enumerate(i for i in waiting if i.asset.uri not in given_up):
        work_on(write_plan(storage.join(parts.staging, f"alone-{number}.jsonl"), in_ranges([item], 1), 1))
    return [replace(i, given_up=crashes.GIVEN_UP) if i.asset.uri in given_up else i for i in work]


def with_staged(item: WorkItem, found: Found) -> WorkItem:
    """A work item, with what an interrupted run has done of it."""
    staged = found.windows.get(item.key)
    return replace(item, staged=staged) if staged else item


def taken_over(ranges: Iterable[Range], found: Found) -> list[StagedFile]:
    """The files of results that an interrupted run has left."""
    shards = {item.key: item.shard for one in ranges for item in one.items}
    return [
        StagedFile(path, tuple(sorted({shards[key] for key in keys})), taken_over=True)
        for path, keys in found.files.items()
    ]


def site_of(beam_args: tuple[str, ...], runner: str, parts: PartOf) -> Site:
    """What the steps of a run are told."""
    return Site(beam_args, None if runner in LOCAL_RUNNERS else storage.join(parts.staging, "stop"))


def run_to_end(pipeline: beam.Pipeline) -> None:
    """Runs a pipeline to its end; a process that is interrupted meanwhile leaves no job behind on a cluster."""
    result = pipeline.run()
    try:
        result.wait_until_finish()
    except BaseException:
        with contextlib.suppress(Exception):
            result.cancel()
        raise


def edits_of(
    plan: Plan, history: History, finished: set[str], kept_old: set[str], tables: Sequence[str]
) -> dict[tuple[str, str], PartEdits]:
    """What changes in parts of earlier runs. tables: those of what is done, first the one that `history` is read from.

    finished: the assets of the plan that are done now; kept_old: those of them whose old rows stay.
    """
    edits: dict[tuple[str, str], PartEdits] = {}

    def edit(table: str, part: str) -> PartEdits:
        return edits.setdefault((table, part), PartEdits())

    for uri in [*(item.asset.uri for item in plan.work if item.asset.uri in finished), *plan.removed]:
        if (done := history.done.get(uri)) and uri not in kept_old:
            for table in tables:
                edit(table, done.part).gone.add(uri)
        if failed := history.failed.get(uri):
            edit("failures", failed.done.part).gone.add(uri)
    for asset in plan.touched:
        if done := history.done.get(asset.uri):
            edit(tables[0], done.part).touched[asset.uri] = asset.modified_at_us
        if failed := history.failed.get(asset.uri):
            edit("failures", failed.done.part).touched[asset.uri] = asset.modified_at_us
    return edits
