"""Results that outlive the process: what was recognised is on disk before it is handed on.

Each batch of windows, and each handful of assets that were read to their end, becomes one complete file below
`OUTPUT/_beamscribe/results/`. A run that finds such files, because the one before it was killed, takes them instead of
recognising again. They are named by what can change them (`work_key`), so that results of another version of a file,
of other options, weights or code are never taken.
"""

import hashlib
import itertools
import json
import uuid
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
import zstandard

from transforms import storage
from transforms.assets import Asset, StagedWindows, channel_order
from transforms.heard import Heard
from transforms.layout import RESULTS, STAGING
from transforms.recognized import RecognizedWindow
from transforms.seal import Seal

ENDING = ".results"
# what a file begins with; another layout gets another number
MAGIC = b"beamscribe results 3\n"
# files that are read at once: reading waits for the store
N_READERS = 8
# the name of a file begins with so many digits of each key of the work in it, and has room for so many keys
NAME_DIGITS = 5
MAX_NAMED = 32


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One result: a window that was recognised, or an asset that was read to its end."""

    uri: str
    key: str
    # of a window; of an asset -1
    window_index: int
    channel: int | None
    # of an asset: how many windows each of its channels has; of a window empty
    n_windows: tuple[tuple[int | None, int], ...]
    # the RecognizedWindow or Heard itself, compressed
    payload: bytes
    # failed in passing: good for the run that made it, tried again by another
    passing: bool = False

    @property
    def is_window(self) -> bool:
        return self.window_index >= 0


def work_key(asset: Asset, config_hash: str, model_sha256: str | None, code_version: str) -> str:
    """Names one version of an asset under one configuration, model and code: [32 hexadecimal digits]."""
    what = [asset.uri, asset.size_bytes, asset.modified_at_us, config_hash, model_sha256, code_version]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]


def window_record(window: RecognizedWindow, key: str) -> Record:
    """A window to be staged."""
    passing = window.hypothesis is None
    return Record(window.uri, key, window.window_index, window.channel, (), pack(window), passing)


def heard_record(heard: Heard) -> Record:
    """An asset to be staged."""
    n_windows = tuple((track.channel, track.n_windows) for track in heard.tracks)
    return end_record(heard, n_windows, bare(heard))


def bare(heard: Heard) -> Heard:
    """Without its path, which may hold bytes that are no text, and without what was staged: its rows need neither."""
    item = heard.item
    return replace(heard, item=replace(item, asset=replace(item.asset, path=""), staged=StagedWindows()))


def end_record(heard: Heard, n_windows: tuple[tuple[int | None, int], ...], result: Any) -> Record:
    """Says that an asset was read to its end. result: a dataclass of all that was made of it but for its windows."""
    item = heard.item
    passing = heard.failure is not None and heard.failure.retriable
    return Record(item.asset.uri, item.key, -1, None, n_windows, pack(result), passing)


def window_of(record: Record) -> RecognizedWindow:
    """The window that `window_record` packed."""
    return unpack(record.payload, RecognizedWindow)


def heard_of(record: Record) -> Heard:
    """What `heard_record` packed."""
    return unpack(record.payload, Heard)


@dataclass(frozen=True)
class StagedFile:
    """A file of results, and the shards of the run whose assets they are of: what goes through a pipeline."""

    path: str
    shards: tuple[int, ...]
    # an interrupted run wrote it
    taken_over: bool = False


@dataclass(frozen=True)
class ResultStore:
    """The folder of the results below an output."""

    output: str
    # what closes the results themselves; None: they may be read by anybody who can read the output
    seal: Seal | None = field(default=None, repr=False)

    @property
    def folder(self) -> str:
        return storage.join(self.output, STAGING, RESULTS)

    def write(self, records: Sequence[Record]) -> str:
        """Stages records, one or more, as one file: its path. They are durable when this returns."""
        keys = sorted({record.key[:NAME_DIGITS] for record in records})
        path = storage.join(self.folder, "-".join([*keys[:MAX_NAMED], uuid.uuid4().hex]) + ENDING)
        if self.seal:
            records = [msgspec.structs.replace(r, payload=self.seal.close(r.payload)) for r in records]
        storage.write_whole(path, MAGIC + msgspec.msgpack.encode(records))
        return path

    def read(self, path: str) -> list[Record]:
        """The records of a file; none where it is not whole, of another layout, or closed with another key."""
        try:
            data = storage.read_whole(path)
        except FileNotFoundError:
            return []
        if not data.startswith(MAGIC):
            return []
        try:
            records = msgspec.msgpack.decode(data[len(MAGIC) :], type=list[Record])
        except msgspec.DecodeError:
            return []
        return self._opened(records) if self.seal else records

    def _opened(self, records: Iterable[Record]) -> list[Record]:
        assert self.seal is not None  # asked for where there is one
        opened = [(record, self.seal.open(record.payload)) for record in records]
        return [msgspec.structs.replace(r, payload=payload) for r, payload in opened if payload is not None]

    def read_all(self, paths: Iterable[str]) -> Iterator[tuple[str, list[Record]]]:
        """Paths with their records, in order, few of them ahead of time."""
        left = iter(paths)
        with ThreadPoolExecutor(N_READERS) as pool:
            while some := list(itertools.islice(left, 4 * N_READERS)):
                yield from zip(some, pool.map(self.read, some), strict=True)

    def paths(self) -> list[str]:
        """The files that runs before this one left."""
        return [info.path for info in storage.files_named(self.folder, ENDING)]

    def index(self) -> "ResultIndex":
        """Which files there are now, without a look into any."""
        return ResultIndex(self.paths())


class ResultIndex:
    """Files of results by what their names say of the work in them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths: dict[str, list[str]] = {}
        for path in paths:
            for key in path.rsplit("/", 1)[-1].split("-")[:-1]:
                self._paths.setdefault(key, []).append(path)

    def paths(self, key: str) -> list[str]:
        """The files that may hold results of the work that `key` names; few others."""
        return self._paths.get(key[:NAME_DIGITS], [])


@dataclass(frozen=True)
class Found:
    """What interrupted runs left that is of use to this one."""

    # the files, and the keys of the work that each has results of
    files: Mapping[str, frozenset[str]]
    # by key of the work
    windows: Mapping[str, StagedWindows]


def find_results(store: ResultStore, keys: Iterable[str]) -> Found:
    """Looks through all files of results for records of the work that `keys` name."""
    wanted = set(keys)
    files: dict[str, frozenset[str]] = {}
    windows: dict[str, set[tuple[int | None, int]]] = {}
    n_windows: dict[str, tuple[tuple[int | None, int], ...]] = {}
    index = store.index() if wanted else ResultIndex([])
    for path, records in store.read_all(sorted({path for key in wanted for path in index.paths(key)})):
        taken = {record.key for record in records if record.key in wanted and not record.passing}
        for record in records:
            if record.key not in taken or record.passing:
                continue
            if record.is_window:
                windows.setdefault(record.key, set()).add((record.channel, record.window_index))
            else:
                n_windows[record.key] = record.n_windows
        if taken:
            files[path] = frozenset(taken)
    staged = {
        key: StagedWindows(tuple(sorted(windows.get(key, ()), key=window_order)), n_windows.get(key))
        for key in windows.keys() | n_windows.keys()
    }
    return Found(files, staged)


def window_order(window: tuple[int | None, int]) -> tuple[int, int]:
    """Where a window sorts, by its channel and number."""
    channel, index = window
    return channel_order(channel), index


def read_staged(store: ResultStore, files: Iterable[StagedFile], keys: Container[str]) -> dict[str, list[Record]]:
    """The records of the work that `keys` name, by key, each once: what this run made before what is taken over.

    Raises OSError for a file that is not there as it was.
    """
    found: dict[str, dict[tuple[int | None, int], Record]] = {}
    ordered = sorted(files, key=lambda file: (not file.taken_over, file.path))
    for file, (path, records) in zip(ordered, store.read_all(file.path for file in ordered), strict=True):
        if not records:
            raise OSError(f"{path}: results that were staged a moment ago are gone; run again")
        for record in records:
            if record.key in keys and not (file.taken_over and record.passing):
                found.setdefault(record.key, {})[record.channel, record.window_index] = record
    return {key: list(records.values()) for key, records in found.items()}


def drop_results(store: ResultStore, wanted: set[str]) -> None:
    """Deletes the files of results that hold nothing of the work that `wanted` keys name."""
    if not wanted:
        storage.delete_folder(store.folder)
        return
    everything = store.read_all(store.paths())
    storage.delete(path for path, records in everything if not any(record.key in wanted for record in records))


def pack(result: Any) -> bytes:
    """A dataclass as the payload of a record; arrays in it become float32. `unpack` reads it back."""
    return zstandard.compress(msgspec.msgpack.encode(result, enc_hook=_array_to_bytes))


def unpack(payload: bytes, of_type: Any) -> Any:
    """What `pack` packed."""
    return msgspec.msgpack.decode(zstandard.decompress(payload), type=of_type, dec_hook=_array_from_bytes)


def _array_to_bytes(value: Any) -> bytes:
    if isinstance(value, np.ndarray):
        return value.astype(np.float32, copy=False).tobytes()
    raise NotImplementedError(f"no way to stage a {type(value).__name__}")


def _array_from_bytes(of_type: type, value: Any) -> Any:
    if of_type is np.ndarray:
        return np.frombuffer(value, np.float32)
    raise NotImplementedError(f"no way to read a staged {of_type.__name__}")
