"""What is to be transcribed: an asset is a file, or a part of one, as the inputs name it."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Track:
    """What a manifest asks of one channel of an asset."""

    # channel of the file, from 0; None: as --channels says
    channel: int | None
    # language code; None: as --language says
    language: str | None


@dataclass(frozen=True, slots=True)
class Asset:
    """One unit of planning: its rows are replaced together."""

    # the name in the tables
    uri: str
    # the file that is opened
    path: str
    # None: the file could not be found
    size_bytes: int | None
    # microseconds since the epoch, UTC
    modified_at_us: int | None
    # part of the file, in seconds; None: from its start, to its end
    start_s: float | None = None
    end_s: float | None = None
    # empty: nothing but the flags of the run applies
    tracks: tuple[Track, ...] = ()


@dataclass(frozen=True, slots=True)
class StagedWindows:
    """What an interrupted run has left of an asset (`transforms.results`)."""

    # channel and number of each window that is recognised
    windows: tuple[tuple[int | None, int], ...] = ()
    # windows of each channel; None: the asset was not read to its end
    n_windows: tuple[tuple[int | None, int], ...] | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do but to assemble it."""
        if self.n_windows is None:
            return False
        return set(self.windows) >= {(channel, i) for channel, n in self.n_windows for i in range(n)}


@dataclass(frozen=True, slots=True)
class WorkItem:
    """An asset that a run has to transcribe."""

    asset: Asset
    config_hash: str
    # this try included
    attempts: int
    # names this version of the asset under this configuration, model and code
    key: str = ""
    staged: StagedWindows = StagedWindows()
    # why it is not tried again: what happened to the processes that worked on it alone
    given_up: str | None = None
    # which part of the run its rows are in
    shard: int = 0

    def to_json(self) -> str:
        """One line; `work_item` reads it back."""
        return json.dumps(asdict(self))


def work_item(line: str) -> WorkItem:
    """The item that `WorkItem.to_json` wrote."""
    record = json.loads(line)
    tracks = tuple(Track(**track) for track in record["asset"].pop("tracks"))
    windows, n_windows = record["staged"].values()
    staged = StagedWindows(_pairs(windows), None if n_windows is None else _pairs(n_windows))
    return WorkItem(**{**record, "asset": Asset(**record["asset"], tracks=tracks), "staged": staged})


def _pairs(lists: list[list[Any]]) -> tuple[tuple[int | None, int], ...]:
    return tuple((first, second) for first, second in lists)


def part_uri(path: str, start_s: float | None, end_s: float | None) -> str:
    """The name of a part of a file: a W3C media fragment, `call.wav#t=10,20`."""
    if start_s is None and end_s is None:
        return path
    start, end = ("" if s is None else f"{s:g}" for s in (start_s or 0.0, end_s))
    return f"{path}#t={start}" + (f",{end}" if end else "")


def channel_order(channel: int | None) -> int:
    """Where a channel sorts: all channels mixed come first."""
    return -1 if channel is None else channel
