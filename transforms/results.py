"""Results that outlive the process: what was recognised is on disk before it is handed on.

Each batch of windows, and each handful of assets that were read to their end, becomes one complete file below
`OUTPUT/_beamscribe/results/`. A run that finds such files, because the one before it was killed, takes them instead of
recognising again. They are named by what can change them (`work_key`), so that results of another version of a file,
of other options, weights or code are never taken.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import zstandard

from transforms import storage
from transforms.assets import Asset, StagedWindows
from transforms.heard import Heard
from transforms.recognized import RecognizedWindow

RESULTS = "results"
ENDING = ".results"
# what a file begins with; another layout gets another number
MAGIC = b"beamscribe results 1\n"


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

    @property
    def is_window(self) -> bool:
        return self.window_index >= 0


def work_key(asset: Asset, config_hash: str, model_sha256: str, code_version: str) -> str:
    """Names one version of an asset under one configuration, model and code: [32 hexadecimal digits]."""
    what = [asset.uri, asset.size_bytes, asset.modified_at_us, config_hash, model_sha256, code_version]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]


def window_record(window: RecognizedWindow, key: str) -> Record:
    """A window to be staged."""
    return Record(window.uri, key, window.window_index, window.channel, (), _pack(window))


def heard_record(heard: Heard) -> Record:
    """An asset to be staged. Its path stays out: it may hold bytes that are no text, and its rows do not need it."""
    item = heard.item
    n_windows = tuple((track.channel, track.n_windows) for track in heard.tracks)
    bare = replace(heard, item=replace(item, asset=replace(item.asset, path=""), staged=StagedWindows()))
    return Record(item.asset.uri, item.key, -1, None, n_windows, _pack(bare))


def window_of(record: Record) -> RecognizedWindow:
    """The window that `window_record` packed."""
    return _unpack(record.payload, RecognizedWindow)


def heard_of(record: Record) -> Heard:
    """What `heard_record` packed."""
    return _unpack(record.payload, Heard)


def to_bytes(record: Record) -> bytes:
    """A record as one element of a pipeline."""
    return msgspec.msgpack.encode(record)


def from_bytes(data: bytes) -> Record:
    """The record that `to_bytes` wrote."""
    return msgspec.msgpack.decode(data, type=Record)


@dataclass(frozen=True)
class ResultStore:
    """The folder of the results below an output."""

    output: str

    @property
    def folder(self) -> str:
        return storage.join(self.output, "_beamscribe", RESULTS)

    def write(self, records: Sequence[Record]) -> None:
        """Stages records as one file; they are durable when this returns."""
        if records:
            path = storage.join(self.folder, f"{uuid.uuid4().hex}{ENDING}")
            storage.write_whole(path, MAGIC + msgspec.msgpack.encode(records))

    def read(self, path: str) -> list[Record]:
        """The records of a file; none where it is not whole, or of another layout."""
        try:
            data = storage.read_whole(path)
        except FileNotFoundError:
            return []
        if not data.startswith(MAGIC):
            return []
        try:
            return msgspec.msgpack.decode(data[len(MAGIC) :], type=list[Record])
        except msgspec.DecodeError:
            return []

    def paths(self) -> list[str]:
        """The files that runs before this one left."""
        return [info.path for info in storage.files_named(self.folder, ENDING)]


@dataclass(frozen=True)
class StagedFile:
    """A file of results, and which of its records are wanted."""

    path: str
    wanted: tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """What interrupted runs left that is of use to this one."""

    files: tuple[StagedFile, ...]
    # by key of the work
    windows: Mapping[str, StagedWindows]


def find_results(store: ResultStore, keys: Iterable[str]) -> Found:
    """Looks through all files of results for records of the work that `keys` name. Each result is taken once."""
    wanted = set(keys)
    seen: set[tuple[str, int | None, int]] = set()
    files: list[StagedFile] = []
    windows: dict[str, set[tuple[int | None, int]]] = {}
    n_windows: dict[str, tuple[tuple[int | None, int], ...]] = {}
    for path in store.paths() if wanted else []:
        taken = []
        for number, record in enumerate(store.read(path)):
            name = (record.key, record.channel, record.window_index)
            if record.key not in wanted or name in seen:
                continue
            seen.add(name)
            taken.append(number)
            if record.is_window:
                windows.setdefault(record.key, set()).add((record.channel, record.window_index))
            else:
                n_windows[record.key] = record.n_windows
        if taken:
            files.append(StagedFile(path, tuple(taken)))
    staged = {
        key: StagedWindows(tuple(sorted(windows.get(key, ()), key=_order)), n_windows.get(key))
        for key in windows.keys() | n_windows.keys()
    }
    return Found(tuple(files), staged)


def _order(window: tuple[int | None, int]) -> tuple[int, int]:
    channel, index = window
    return (-1 if channel is None else channel, index)


def read_staged(store: ResultStore, file: StagedFile) -> Iterator[Record]:
    """The wanted records of a file."""
    records = store.read(file.path)
    if len(records) <= max(file.wanted):
        raise OSError(f"{file.path}: results of an earlier run were there a moment ago and are gone; run again")
    yield from (records[number] for number in file.wanted)


def drop_results(store: ResultStore, wanted: set[str]) -> None:
    """Deletes the files of results that hold nothing of the work that `wanted` keys name."""
    if not wanted:
        storage.delete_folder(store.folder)
        return
    storage.delete(path for path in store.paths() if not any(record.key in wanted for record in store.read(path)))


def _pack(result: Any) -> bytes:
    return zstandard.compress(msgspec.msgpack.encode(result, enc_hook=_array_to_bytes))


def _unpack(payload: bytes, of_type: Any) -> Any:
    return msgspec.msgpack.decode(zstandard.decompress(payload), type=of_type, dec_hook=_array_from_bytes)


def _array_to_bytes(value: Any) -> bytes:
    if isinstance(value, np.ndarray):
        return value.astype(np.float32, copy=False).tobytes()
    raise NotImplementedError(f"no way to stage a {type(value).__name__}")


def _array_from_bytes(of_type: type, value: Any) -> Any:
    if of_type is np.ndarray:
        return np.frombuffer(value, np.float32)
    raise NotImplementedError(f"no way to read a staged {of_type.__name__}")
