"""Files, local or on an object store, with the few guarantees that the tables need.

Beam's own local rename loses data when the folder is missing and its delete takes names for globs, so local paths go
straight to the operating system; everything with a scheme (`s3://`, `gs://`, `azfs://` …) goes to its store. Whatever
goes wrong there is tried again if that can help, and raised as OSError in one line.
"""

import os
import re
import shutil
import stat as stat_module
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit

from apache_beam.io.filesystem import BeamIOError, FileSystem
from apache_beam.io.filesystems import FileSystems

from transforms.folders import sync_folder
from transforms.remote_file import RemoteFile, open_remote
from transforms.stores import FileInfo, ReplacedError, store_of, tried

_NOT_FILES = {
    stat_module.S_IFIFO: "pipe",
    stat_module.S_IFSOCK: "socket",
    stat_module.S_IFCHR: "device",
    stat_module.S_IFBLK: "device",
}


class NotAFileError(OSError):
    """What has the name of a file is something that gives bytes without end, or waits for them."""


def is_local(path: str) -> bool:
    """Whether a path has no scheme."""
    return "://" not in path


def normalise(path: str) -> str:
    """The one name of a path: absolute where it is local, `file://` taken off; without a slash at its end."""
    if path.startswith("file://"):
        path = unquote(urlsplit(path).path)
    if is_local(path):
        return os.path.abspath(os.path.expanduser(path))
    scheme, _, rest = path.partition("://")
    return f"{scheme.lower()}://{rest.rstrip('/')}"


def join(folder: str, *parts: str) -> str:
    """A path below a folder."""
    return "/".join([folder.rstrip("/"), *parts])


def open_read(path: str) -> BinaryIO:
    """A seekable binary file, never decompressed. From an object store, the parts that are read are fetched.

    Raises NotAFileError for a pipe, a socket or a device.
    """
    if is_local(path):
        return open(path, "rb", opener=_open_file)
    info = stat(path)
    if info is None:
        raise FileNotFoundError(f"{path}: no such object")
    return cast(BinaryIO, open_remote(store_of(path), info))


def _open_file(path: str, flags: int) -> int:
    # looked at first: to open a device may set it going, and to open a pipe is to wait for somebody who writes
    kind = _NOT_FILES.get(stat_module.S_IFMT(os.stat(path).st_mode))
    if kind is not None:
        raise NotAFileError(f"{path} is a {kind}; copy what it gives into a file")
    return os.open(path, flags | os.O_NONBLOCK)


def read_whole(path: str) -> bytes:
    """All bytes of a file. One that is replaced meanwhile is read again."""
    try:
        with open_read(path) as file:
            return file.read()
    except ReplacedError:
        with open_read(path) as file:
            return file.read()


def write_whole(path: str, data: bytes) -> None:
    """Writes a complete file in one step: a reader sees nothing, or all of it.

    Local: written aside, forced to disk, renamed. Object stores: one object, visible when its upload completes.
    Raises ValueError for no bytes: empty files are what interrupted uploads leave, and some tools' marks of folders.
    """
    if not data:
        raise ValueError(f"{path}: nothing to write")
    if not is_local(path):
        store = store_of(path)
        tried(store, path, partial(store.write, path, data))
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
    sync_folder(os.path.dirname(path))


def move(source: str, destination: str) -> None:
    """Puts a file in the place of another, if there is one. Done twice, it is the same as once."""
    if is_local(destination):
        if os.path.exists(source):
            os.makedirs(os.path.dirname(destination), exist_ok=True)
            os.replace(source, destination)
            sync_folder(os.path.dirname(destination))
        elif not os.path.exists(destination):
            raise FileNotFoundError(source)
    elif stat(source) is not None:
        store = store_of(source)
        tried(store, source, partial(store.copy, source, destination))
        delete([source])
    elif stat(destination) is None:
        raise FileNotFoundError(f"{source}: no such object")


def delete(paths: Iterable[str]) -> None:
    """Deletes files; one that is gone already is no error."""
    remote = []
    for path in paths:
        if is_local(path):
            Path(path).unlink(missing_ok=True)
        else:
            remote.append(path)
    for bucket, together in groupby(sorted(remote), key=_bucket):
        store, names = store_of(bucket), list(together)
        tried(store, names[0], partial(store.delete, names))


def _bucket(path: str) -> str:
    """What has to be in common to all that one request deletes: scheme and bucket, or account and container."""
    return re.match(r"azfs://[^/]*/[^/]*|\w+://[^/]*", path).group()  # type: ignore[union-attr]


def delete_folder(folder: str) -> None:
    """Deletes a folder and all below it; one that is gone already is no error."""
    if is_local(folder):
        shutil.rmtree(folder, ignore_errors=False) if os.path.isdir(folder) else None
    else:
        delete(info.path for info in _listed(join(folder, "")))


def stat(path: str) -> FileInfo | None:
    """What the store says of one file; None where there is none. A request, on an object store."""
    if is_local(path):
        return _local_info(path) if os.path.isfile(path) else None
    if path == _bucket(path) or path.endswith("/"):
        return None
    store = store_of(path)
    return tried(store, path, partial(store.stat, path))


def etag(path: str) -> str | None:
    """What changes with the content of an object; None for a local or absent file. A request."""
    info = None if is_local(path) else stat(path)
    return info.etag if info else None


def etag_of(file: BinaryIO) -> str | None:
    """The same of a file that `open_read` opened, for nothing."""
    raw = getattr(file, "raw", None)
    return raw.etag if isinstance(raw, RemoteFile) else None


def match(pattern: str) -> list[FileInfo]:
    """The files that a glob names (`*`, `?`, `[…]`, and `**` across folders), sorted by path."""
    if is_local(pattern):
        return _match_local(pattern)
    start = re.match(r"[^\[*?]*", pattern)
    named = re.compile(FileSystem.translate_pattern(pattern))
    found = (info for info in _listed(start.group() if start else "") if named.match(info.path))
    return sorted((info for info in found if not _is_marker(info)), key=lambda info: info.path)


def _match_local(pattern: str) -> list[FileInfo]:
    try:
        (result,) = FileSystems.match([pattern])
    except BeamIOError as error:
        raise OSError(f"{pattern}: {error}") from error
    infos = (_local_info(metadata.path) for metadata in result.metadata_list)
    return sorted((info for info in infos if info is not None), key=lambda info: info.path)


def _listed(prefix: str, at_most: int | None = None) -> Iterator[FileInfo]:
    """All objects whose path starts with a prefix, fetched by the page, of `at_most` objects."""
    store = store_of(prefix)
    page, after = tried(store, prefix, partial(store.page, prefix, None, at_most))
    yield from page
    while after is not None:
        page, after = tried(store, prefix, partial(store.page, prefix, after, at_most))
        yield from page


def _is_marker(info: FileInfo) -> bool:
    """Whether it is the empty object that some tools make for a folder."""
    return info.path.endswith("/")


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
    """Whether a path is a folder: on an object store, whether anything is below it, which takes one request."""
    return os.path.isdir(path) if is_local(path) else any(True for _ in _listed(join(path, ""), at_most=1))


def printable(text: str) -> str:
    """Text that any table or terminal can hold: bytes of a file's name that are not UTF-8 become `\\xff`."""
    return text.encode("utf8", "surrogateescape").decode("utf8", "backslashreplace")


def list_files(folder: str) -> Iterator[FileInfo]:
    """All files below a folder. Links to folders are followed, each folder is visited once.

    A folder that cannot be listed comes as a file that cannot be looked at: it must not pass for an empty one.
    """
    if not is_local(folder):
        yield from (info for info in _listed(join(folder, "")) if not _is_marker(info))
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
