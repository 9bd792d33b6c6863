"""What a worker makes of the results that earlier attempts of its run have staged."""

from dataclasses import replace

from tests.transforms.test_results import heard, window
from transforms import read_items
from transforms.assets import StagedWindows
from transforms.plan_files import in_ranges, write_plan
from transforms.read_items import ReadItems, with_earlier_attempts
from transforms.results import ResultStore, heard_record, window_record
from transforms.site import Site

ITEM = replace(heard().item, key="k" * 32, shard=3)


def test_what_was_staged_is_named_and_not_done_again(tmp_path):
    store = ResultStore(str(tmp_path))
    first = store.write([window_record(window(i, 0), ITEM.key) for i in (0, 1)])
    second = store.write([window_record(window(0, 0), "x" * 32), heard_record(heard(key=ITEM.key))])
    store.write([window_record(window(7, 0), "y" * 32)])
    files, left = with_earlier_attempts(store, ITEM, store.index())
    assert {(file.path, file.shards, file.taken_over) for file in files} == {
        (first, (3,), True),
        (second, (3,), True),
    }
    assert left.staged.complete


def test_what_the_plan_knows_already_is_not_named_again(tmp_path):
    store = ResultStore(str(tmp_path))
    store.write([window_record(window(0, 0), ITEM.key)])
    known = replace(ITEM, staged=StagedWindows(((0, 0),)))
    assert with_earlier_attempts(store, known, store.index()) == ([], known)


def test_failure_in_passing_is_tried_again(tmp_path):
    store = ResultStore(str(tmp_path))
    store.write([window_record(window(0, hypothesis=None, error=("E", "no")), ITEM.key)])
    assert with_earlier_attempts(store, ITEM, store.index()) == ([], ITEM)


def test_worker_looks_once_and_does_not_take_its_own_for_earlier(tmp_path, monkeypatch):
    monkeypatch.setattr(read_items, "_indexes", {})
    store = ResultStore(str(tmp_path))
    plan = write_plan(str(tmp_path / "plan.jsonl"), in_ranges([ITEM], 1), 1)
    for _ in range(2):
        step = ReadItems(plan, store, Site())
        step.setup()
        (item,) = step.process(0)
        assert item.staged == StagedWindows()
        store.write([window_record(window(0, 0), ITEM.key)])
    monkeypatch.setattr(read_items, "_indexes", {})
    step = ReadItems(plan, store, Site())
    step.setup()
    staged, item = step.process(0)
    assert staged.tag == ReadItems.STAGED
    assert item.staged.windows == ((0, 0),)
