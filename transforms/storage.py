"""Files, local or on any of Beam's object stores, with the few guarantees that the tables need.

Beam's own local rename loses data when the folder is missing and its delete takes names for globs, so local paths go
straight to the operating system; everything with a scheme (`s3://`, `gs://`, `azfs://` …) goes through Beam.
"""

import os
import shutil
import stat as stat_module
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

MICROSECONDS = 1_000_000
REMOTE_BUFFER_BYTES = 1 << 20


_NOT_FILES = {
    stat_module.S_IFIFO: "pipe",
    stat_module.S_IFSOCK: "socket",
    stat_module.S_IFCHR: "device",
    stat_module.S_IFBLK: "device",
}


class NotAFileError(OSError):
    """What has the name of a file is something that gives bytes without end, or waits for them."""


@dataclass(frozen=True)
class FileInfo:
    """A file as its store describes it."""

    path: str
    # None: it cannot be looked at
    size_bytes: int | None
    # microseconds since the epoch, UTC; None where the store does not say
    modified_at_us: int | None


def is_local(path: str) -> bool:
    """Whether a path has no scheme."""
    return "://" not in path


def normalise(path: str) -> str:
    """The one name of a path: absolute where it is local, `file://` taken off."""
    if path.startswith("file://"):
        path = unquote(urlsplit(path).path)
    return os.path.abspath(os.path.expanduser(path)) if is_local(path) else path


def join(folder: str, *parts: str) -> str:
    """A path below a folder."""
    return "/".join([folder.rstrip("/"), *parts])


def open_read(path: str) -> BinaryIO:
    """A seekable binary file, never decompressed. Raises NotAFileError for a pipe, a socket or a device."""
    if is_local(path):
        return open(path, "rb", opener=_open_file)
    return cast(BinaryIO, FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED))


def _open_file(path: str, flags: int) -> int:
    # looked at first: to open a device may set it going, and to open a pipe is to wait for somebody who writes
    kind = _NOT_FILES.get(stat_module.S_IFMT(os.stat(path).st_mode))
    if kind is not None:
        raise NotAFileError(f"{path} is a {kind}; copy what it gives into a file")
    return os.open(path, flags | os.O_NONBLOCK)


def read_whole(path: str) -> bytes:
    """All bytes of a file."""
    with open_read(path) as file:
        return file.read()


def write_whole(path: str, data: bytes) -> None:
    """Writes a complete file in one step: a reader sees nothing, or all of it.

    Local: written aside, forced to disk, renamed. Object stores: one object, visible when its upload completes.
    """
    if not is_local(path):
        with FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            file.write(data)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    aside = f"{path}.{os.getpid()}.aside"
    try:
        with open(aside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        Path(aside).unlink(missing_ok=True)
    _sync_folder(os.path.dirname(path))


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move(source: str, destination: str) -> None:
    """Puts a file in the place of another, if there is one. Done twice, it is the same as once."""
    if is_local(destination):
        if os.path.exists(source):
            os.makedirs(os.path.dirname(destination), exist_ok=True)
            os.replace(source, destination)
            _sync_folder(os.path.dirname(destination))
        elif not os.path.exists(destination):
            raise FileNotFoundError(source)
    elif FileSystems.exists(source):
        FileSystems.copy([source], [destination])
        FileSystems.delete([source])
    elif not FileSystems.exists(destination):
        raise FileNotFoundError(source)


def delete(paths: Iterable[str]) -> None:
    """Deletes files; one that is gone already is no error."""
    for path in paths:
        if is_local(path):
            Path(path).unlink(missing_ok=True)
        elif FileSystems.exists(path):
            FileSystems.delete([path])


def delete_folder(folder: str) -> None:
    """Deletes a folder and all below it; one that is gone already is no error."""
    if is_local(folder):
        shutil.rmtree(folder, ignore_errors=False) if os.path.isdir(folder) else None
    else:
        delete(info.path for info in list_files(folder))


def stat(path: str) -> FileInfo | None:
    """What the store says of one file; None where there is none."""
    if is_local(path):
        return _local_info(path) if os.path.isfile(path) else None
    found = [info for info in match(path) if info.path == path]
    return found[0] if found else None


def etag(path: str) -> str | None:
    """What an object store calls this version of a file; None on a local disk. Costs a request."""
    return None if is_local(path) else FileSystems.checksum(path)


def match(pattern: str) -> list[FileInfo]:
    """The files that a glob names (`*`, `?`, `[…]`, and `**` across folders), sorted by path."""
    try:
        (result,) = FileSystems.match([pattern])
    except BeamIOError as error:
        raise OSError(f"{pattern}: {error}") from error
    infos = (
        _local_info(m.path) if is_local(m.path) else FileInfo(m.path, m.size_in_bytes, _microseconds(m))
        for m in result.metadata_list
    )
    return sorted((info for info in infos if info is not None), key=lambda info: info.path)


def _microseconds(metadata) -> int | None:  # type: ignore[no-untyped-def]
    seconds = metadata.last_updated_in_seconds
    return round(seconds * MICROSECONDS) if seconds else None


def _local_info(path: str) -> FileInfo | None:
    try:
        status = os.stat(path)
    except OSError:  # vanished between listing and looking, or a dangling link
        return None
    return FileInfo(path, status.st_size, status.st_mtime_ns // 1000)


def exists(path: str) -> bool:
    """Whether there is anything of this name, be it no file."""
    return os.path.exists(path) if is_local(path) else stat(path) is not None or is_folder(path)


def is_folder(path: str) -> bool:
    """Whether a path is a folder: on an object store, whether anything is below it."""
    return os.path.isdir(path) if is_local(path) else any(True for _ in list_files(path))


def printable(text: str) -> str:
    """Text that any table or terminal can hold: bytes of a file's name that are not UTF-8 become `\\xff`."""
    return text.encode("utf8", "surrogateescape").decode("utf8", "backslashreplace")


def list_files(folder: str) -> Iterator[FileInfo]:
    """All files below a folder. Links to folders are followed, each folder is visited once.

    A folder that cannot be listed comes as a file that cannot be looked at: it must not pass for an empty one.
    """
    if not is_local(folder):
        yield from match(join(folder, "**"))
        return
    seen: set[tuple[int, int]] = set()
    unlisted: list[str] = []
    for root, folders, names in os.walk(folder, followlinks=True, onerror=lambda e: unlisted.append(e.filename)):
        yield from (FileInfo(path, None, None) for path in unlisted)
        unlisted.clear()
        try:
            status = os.stat(root)
        except OSError:  # vanished since it was listed
            continue
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        yield from filter(None, (_local_info(os.path.join(root, name)) for name in sorted(names)))
    yield from (FileInfo(path, None, None) for path in unlisted)


def files_named(folder: str, ending: str) -> list[FileInfo]:
    """The files below a folder whose names end so, in order; none where there is no folder."""
    if is_local(folder) and not os.path.isdir(folder):
        return []
    return [info for info in list_files(folder) if info.path.endswith(ending)]
