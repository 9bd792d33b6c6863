"""The plan of a run as a file."""

import pytest

from transforms import plan_files
from transforms.assets import Asset, WorkItem
from transforms.plan_files import in_ranges, write_plan


def work(n_items):
    return [WorkItem(Asset(f"{i:04d}.wav", f"caf\udce9{i}.wav", 1000 - i, i), "c", 1, f"k{i}") for i in range(n_items)]


@pytest.mark.parametrize("n_shards", [1, 2, 7])
@pytest.mark.parametrize("n_items", [7, 40, 300])
def test_each_item_is_in_one_range_and_in_one_shard(tmp_path, monkeypatch, n_items, n_shards):
    monkeypatch.setattr(plan_files, "MAX_RANGES", 20)
    plan = write_plan(str(tmp_path / "plan.jsonl"), in_ranges(work(n_items), n_shards), n_shards)
    assert plan.n_ranges == min(20, n_items)
    read = [item for number in range(plan.n_ranges) for item in plan.items(number)]
    assert sorted(item.asset.path for item in read) == sorted(item.asset.path for item in work(n_items))
    by_shard = [list(plan.items_of(shard)) for shard in range(n_shards)]
    assert [item.key for items in by_shard for item in items] == [item.key for item in read]
    assert all(item.shard == shard for shard, items in enumerate(by_shard) for item in items)
    sizes = [len(items) for items in by_shard]
    assert max(sizes) - min(sizes) <= -(-n_items // 20)


def test_large_and_small_files_are_spread_evenly(monkeypatch):
    monkeypatch.setattr(plan_files, "MAX_RANGES", 10)
    sums = [sum(item.asset.size_bytes for item in one.items) for one in in_ranges(work(200), 2)]
    assert max(sums) < 1.02 * min(sums)


def test_results_of_a_range_are_of_one_shard():
    for one in in_ranges(work(5_000), 13):
        assert len({item.shard for item in one.items}) == 1


@pytest.mark.parametrize("n_items", [3, 50])
def test_long_assets_have_ranges_of_their_own(tmp_path, monkeypatch, n_items):
    monkeypatch.setattr(plan_files, "MAX_RANGES", 10)
    ranges = in_ranges(work(n_items), 2, lambda item: item.asset.size_bytes > 997)
    plan = write_plan(str(tmp_path / "plan.jsonl"), ranges, 2)
    long = [[item.asset.uri for item in plan.items(number)] for number in plan.long_ranges]
    assert sorted(long) == [["0000.wav"], ["0001.wav"], ["0002.wav"]]
    rest = [item.asset.uri for number in plan.whole_ranges for item in plan.items(number)]
    assert sorted(rest) == [f"{i:04d}.wav" for i in range(3, n_items)]
    assert {item.shard for shard in range(2) for item in plan.items_of(shard)} == {0, 1}


def test_hundred_thousand_short_files_are_few_elements():
    ranges = in_ranges(work(100_000), 6)
    assert len(ranges) == plan_files.MAX_RANGES
    assert {len(one.items) for one in ranges} == {50}
