"""An asset opened and read to its end, whatever is wrong with it: the end is always a `Heard`."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import BinaryIO, TypeVar

from transforms import progress, storage
from transforms.assets import Asset, Track, WorkItem
from transforms.audio import AudioInfo
from transforms.content import sha256_of
from transforms.decoder import DecodedFile, DecodeFailedError
from transforms.heard import Failure, Heard, one_line

T = TypeVar("T")


class WorkerDiedError(OSError):
    """Processes died that worked on this asset alone."""


class ChangedWhileReadError(Exception):
    """The file was written while it was read: what was read is neither the old nor the new."""


def read_asset(item: WorkItem, read: Callable[[BinaryIO, Heard], Generator[T, None, Heard]]) -> Iterator[T | Heard]:
    """What `read` yields of the asset's file, and last what was heard of it. Whatever is wrong ends in `Heard`.

    read: is told what is known before the file is decoded, and returns that completed.
    """
    asset = item.asset
    heard = Heard(item)
    try:
        if item.given_up:
            raise WorkerDiedError(item.given_up)
        if asset.size_bytes is None and not storage.exists(asset.path):
            raise FileNotFoundError(f"no such file: {asset.path}")
        with storage.open_read(asset.path) as file:
            heard = replace(heard, content_sha256=sha256_of(file), etag=storage.etag_of(file))
            heard = yield from read(file, heard)
        _check_unchanged(asset)
    except DecodeFailedError as error:
        heard = replace(heard, failure=error.failure)
    except (OSError, ChangedWhileReadError) as error:
        retriable = not isinstance(error, storage.NotAFileError)
        heard = replace(heard, failure=Failure("read", type(error).__name__, _one_line(error), retriable))
    except Exception as error:  # noqa: BLE001 - no input ends the run: whatever a decoder raises is a failure row
        heard = replace(heard, failure=Failure("decode", type(error).__name__, _one_line(error), retriable=False))
    progress.asset_done(asset.size_bytes or 0, heard.duration_s)
    yield heard


def _one_line(error: Exception) -> str:
    return one_line(error) or type(error).__name__


def _check_unchanged(asset: Asset) -> None:
    now = storage.stat(asset.path)
    if now is None or (now.size_bytes, now.modified_at_us) != (asset.size_bytes, asset.modified_at_us):
        raise ChangedWhileReadError(f"{asset.path} changed while it was read; it is read again in the next run")


def choose_tracks(
    audio: DecodedFile, asset: Asset, channels: str, language: str | None = None
) -> tuple[list[Track], AudioInfo, bool]:
    """The channels to take, with the language of each; whether the channels of the file are all the same.

    channels: mix, separate, or numbers: 0,1. What a manifest says of the asset wins over it and over `language`.
    Raises DecodeFailedError for a channel that the file has not got.
    """
    asked = [track.channel for track in asset.tracks if track.channel is not None]
    if not asked and channels not in ("mix", "separate"):
        asked = [int(number) for number in channels.split(",")]
    found = audio.tracks(asked or channels)
    languages = {track.channel: track.language for track in asset.tracks}
    default = languages.get(None) or language
    return [Track(c, languages.get(c) or default) for c in found.channels], found.info, found.is_dual_mono
