"""From what the user names to the assets to transcribe: files, folders, globs, manifests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from model.errors import BeamscribeError
from transforms import storage
from transforms.assets import Asset, Track, part_uri
from transforms.audio import MEDIA_EXTENSIONS, is_media
from transforms.manifests import ManifestRow, is_manifest, read_manifest

HEAD_BYTES = 64


@dataclass(frozen=True)
class Inputs:
    """What the inputs come to, sorted by uri."""

    assets: tuple[Asset, ...]
    # files in input folders that are neither audio nor video
    skipped_not_media: int


def find_inputs(inputs: Sequence[str], leave_out: str | None = None) -> Inputs:
    """The assets that `inputs` name. The order of the inputs changes nothing.

    leave_out: a folder (the output) whose files are no input, even inside an input folder.
    Raises BeamscribeError for an input that names nothing.
    """
    files: dict[str, Asset] = {}
    rows: list[ManifestRow] = []
    skipped: set[str] = set()
    for name in inputs:
        path = storage.normalise(name)
        info = storage.stat(path)
        if info is not None and is_manifest(path):
            rows.extend(read_manifest(path))
        elif info is not None:
            files[info.path] = _whole(info)
        elif storage.is_folder(path):
            media, others = _media_below(path, leave_out)
            files.update({info.path: _whole(info) for info in media})
            skipped.update(others)
        else:
            files.update({info.path: _whole(info) for info in _match(name, path, leave_out)})
    # a row of a manifest says more of a file than a glob that names it too
    assets = {**{asset.uri: asset for asset in files.values()}, **_from_rows(rows)}
    if not assets:
        raise BeamscribeError(f"no audio or video in {', '.join(inputs)}; name files, folders, globs or manifests")
    return Inputs(tuple(assets[uri] for uri in sorted(assets)), len(skipped - files.keys()))


def _whole(info: storage.FileInfo) -> Asset:
    return Asset(storage.printable(info.path), info.path, info.size_bytes, info.modified_at_us)


def _match(name: str, pattern: str, leave_out: str | None) -> list[storage.FileInfo]:
    found = [info for info in storage.match(pattern) if not _inside(info.path, leave_out)]
    if not found:
        raise BeamscribeError(f"no input matches {name}; check the path, and quote globs so that the shell leaves them")
    return found


def _inside(path: str, folder: str | None) -> bool:
    return folder is not None and path.startswith(folder.rstrip("/") + "/")


def _media_below(folder: str, leave_out: str | None) -> tuple[list[storage.FileInfo], list[str]]:
    media: list[storage.FileInfo] = []
    others: list[str] = []
    for info in storage.list_files(folder):
        if _inside(info.path, leave_out):
            continue
        if info.size_bytes is None or _looks_like_media(info.path):
            media.append(info)
        else:
            others.append(info.path)
    return media, others


def _looks_like_media(path: str) -> bool:
    """By its extension, or by its first bytes. A file that cannot be read is left to fail in the open."""
    name = path.rsplit("/", 1)[-1]
    if "." in name and "." + name.rsplit(".", 1)[-1].lower() in MEDIA_EXTENSIONS:
        return True
    try:
        with storage.open_read(path) as file:
            return is_media(file.read(HEAD_BYTES))
    except OSError:
        return False


def _from_rows(rows: Iterable[ManifestRow]) -> dict[str, Asset]:
    """The assets of manifest rows: rows that differ in nothing but the channel are tracks of one asset."""
    assets: dict[str, Asset] = {}
    for row in rows:
        uri = part_uri(storage.printable(row.path), row.start_s, row.end_s)
        track = Track(row.channel, row.language)
        known = assets.get(uri)
        if known is None:
            info = storage.stat(row.path) or storage.FileInfo(row.path, None, None)
            assets[uri] = Asset(uri, row.path, info.size_bytes, info.modified_at_us, row.start_s, row.end_s, (track,))
        elif track not in known.tracks:
            if track.channel is None or any(t.channel in (None, track.channel) for t in known.tracks):
                raise BeamscribeError(
                    f"manifests ask for {uri} twice with different channels or languages; keep one row"
                )
            tracks = sorted((*known.tracks, track), key=lambda t: t.channel or 0)
            assets[uri] = replace(known, tracks=tuple(tracks))
    return {uri: _drop_empty_track(asset) for uri, asset in assets.items()}


def _drop_empty_track(asset: Asset) -> Asset:
    return replace(asset, tracks=()) if asset.tracks == (Track(None, None),) else asset
