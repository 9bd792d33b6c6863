"""What is new, what has changed, what is done: inputs held against the tables of earlier runs."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from transforms import storage
from transforms.assets import Asset, WorkItem
from transforms.content import sha256_of
from transforms.history import Done, History
from transforms.results import work_key

# files whose bytes are compared at once: reading waits for the store
N_READERS = 8


@dataclass(frozen=True)
class Version:
    """What besides an asset's own bytes decides on its rows."""

    # that can change a row
    options: Mapping[str, Any]
    # None: no model is used
    model_sha256: str | None
    code_version: str


@dataclass(frozen=True)
class Plan:
    """What a run has to do. Items keep the order of the inputs."""

    new: tuple[WorkItem, ...] = ()
    changed: tuple[WorkItem, ...] = ()
    # failed before, and worth another try
    retried: tuple[WorkItem, ...] = ()
    # written again, with the bytes they had: only the time in their rows changes
    touched: tuple[Asset, ...] = ()
    # in the tables and no longer among the inputs
    removed: tuple[str, ...] = ()
    # to be done, and left to a later run
    deferred: tuple[WorkItem, ...] = ()
    n_unchanged: int = 0
    # failed before, would fail again, left alone
    n_failed_before: int = 0

    @property
    def work(self) -> tuple[WorkItem, ...]:
        """Everything to transcribe, largest first, so that the last worker to finish has little left to do."""
        items = (*self.new, *self.changed, *self.retried)
        return tuple(sorted(items, key=lambda item: (-(item.asset.size_bytes or 0), item.asset.uri)))

    def only(self, taken: Iterable[WorkItem], deferred: Iterable[WorkItem]) -> "Plan":
        """The plan with some of its work left to a later run."""
        uris = {item.asset.uri for item in taken}
        new, changed, retried = (
            tuple(item for item in items if item.asset.uri in uris) for items in (self.new, self.changed, self.retried)
        )
        return replace(self, new=new, changed=changed, retried=retried, deferred=tuple(deferred))


@dataclass
class _Sorted:
    """Where assets are put while they are gone through."""

    new: list[WorkItem] = field(default_factory=list)
    changed: list[WorkItem] = field(default_factory=list)
    retried: list[WorkItem] = field(default_factory=list)
    n_unchanged: int = 0
    n_failed_before: int = 0
    # equal but for the time: their bytes decide
    unsure: list[tuple[Asset, Done]] = field(default_factory=list)


def config_hash(options: Mapping[str, Any], asset: Asset | None = None) -> str:
    """Hash of every option that can change a row, with what a manifest asks of this asset alone.

    What is done to texts after recognition (`text`) has a hash of its own, which follows after a hyphen.
    """
    tracks = [asdict(track) for track in asset.tracks] if asset else []
    heard = {name: value for name, value in options.items() if name != "text"}
    return with_text(_hash({"options": heard, "tracks": tracks})[:16], options.get("text"))


def with_text(key: str, text: Mapping[str, Any] | None) -> str:
    """A configuration hash with other options of texts; None: nothing is done to them."""
    heard = key.split("-")[0]
    return f"{heard}-{_hash(text)[:8]}" if text else heard


def _hash(what: Any) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def plan_work(
    assets: Iterable[Asset],
    history: History,
    version: Version,
    *,
    retry_failed: bool = False,
    prune: bool = False,
    same_content: Callable[[Asset, Done], bool] | None = None,
) -> Plan:
    """Holds the inputs against what is done: equal size, modification time, options and model mean unchanged.

    Where only the time differs, or is not known, the bytes decide (`same_content`). A failure is tried again when it
    was a passing one, when anything has changed, or when `retry_failed` asks for it. prune: whether rows of what is no
    longer among the inputs go.
    """
    found = _Sorted()
    assets = list(assets)
    for asset in assets:
        _sort(asset, history, version, retry_failed, found)
    touched = []
    with ThreadPoolExecutor(N_READERS) as pool:
        verdicts = list(pool.map(lambda pair: (same_content or has_same_content)(*pair), found.unsure))
    for (asset, _), is_same in zip(found.unsure, verdicts, strict=True):
        if is_same:
            touched.append(asset)
        else:
            found.changed.append(_item(asset, version, 1))
    return Plan(
        new=tuple(found.new),
        changed=tuple(found.changed),
        retried=tuple(found.retried),
        touched=tuple(touched),
        removed=_removed(assets, history) if prune else (),
        n_unchanged=found.n_unchanged,
        n_failed_before=found.n_failed_before,
    )


def _sort(asset: Asset, history: History, version: Version, retry_failed: bool, found: _Sorted) -> None:
    done, failed = history.done.get(asset.uri), history.failed.get(asset.uri)
    key = config_hash(version.options, asset)
    if done and _same(done, asset, key, version):
        if _same_time(done, asset):
            found.n_unchanged += 1
        else:
            found.unsure.append((asset, done))
    elif failed and _same(failed.done, asset, key, version) and _same_time(failed.done, asset):
        if failed.retriable or retry_failed:
            found.retried.append(_item(asset, version, failed.attempts + 1))
        else:
            found.n_failed_before += 1
    else:
        (found.changed if done or failed else found.new).append(_item(asset, version, 1))


def _item(asset: Asset, version: Version, attempts: int) -> WorkItem:
    key = config_hash(version.options, asset)
    return WorkItem(asset, key, attempts, work_key(asset, key, version.model_sha256, version.code_version))


def _same(done: Done, asset: Asset, key: str, version: Version) -> bool:
    return (done.size_bytes, done.config_hash, done.model_sha256) == (asset.size_bytes, key, version.model_sha256)


def _same_time(done: Done, asset: Asset) -> bool:
    """Whether a file is as it was by its time; a time that no store gives is none (a missing file has none either)."""
    if asset.size_bytes is not None and asset.modified_at_us is None:
        return False
    return done.modified_at_us == asset.modified_at_us


def has_same_content(asset: Asset, done: Done) -> bool:
    """Whether a file holds the bytes that were transcribed; not where it cannot be read, and then the run tells."""
    try:
        if done.etag is not None and storage.etag(asset.path) == done.etag:
            return True
        with storage.open_read(asset.path) as file:
            return sha256_of(file) == done.content_sha256
    except OSError:
        return False


def _removed(assets: Sequence[Asset], history: History) -> tuple[str, ...]:
    """What is in the tables and not among the inputs; nothing below a folder that could not be listed."""
    named = {asset.uri for asset in assets}
    unlisted = tuple(asset.uri.rstrip("/") + "/" for asset in assets if asset.size_bytes is None)
    gone = sorted(history.uris - named)
    return tuple(uri for uri in gone if not (unlisted and uri.startswith(unlisted)))
