"""What is to be transcribed: an asset is a file, or a part of one, as the inputs name it."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Track:
    """What a manifest asks of one channel of an asset."""

    # channel of the file, from 0; None: as --channels says
    channel: int | None
    # language code; None: as --language says
    language: str | None


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class WorkItem:
    """An asset that a run has to transcribe."""

    asset: Asset
    config_hash: str
    # this try included
    attempts: int

    def to_json(self) -> str:
        """One line; `work_item` reads it back."""
        return json.dumps(asdict(self))


def work_item(line: str) -> WorkItem:
    """The item that `WorkItem.to_json` wrote."""
    record = json.loads(line)
    tracks = tuple(Track(**track) for track in record["asset"].pop("tracks"))
    return WorkItem(Asset(**record.pop("asset"), tracks=tracks), **record)


def part_uri(path: str, start_s: float | None, end_s: float | None) -> str:
    """The name of a part of a file: a W3C media fragment, `call.wav#t=10,20`."""
    if start_s is None and end_s is None:
        return path
    start, end = ("" if s is None else f"{s:g}" for s in (start_s or 0.0, end_s))
    return f"{path}#t={start}" + (f",{end}" if end else "")


def channel_order(channel: int | None) -> int:
    """Where a channel sorts: all channels mixed come first."""
    return -1 if channel is None else channel
