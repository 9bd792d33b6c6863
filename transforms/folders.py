"""Folders of a local disk that change in one step."""

import contextlib
import ctypes
import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence

# linux/fs.h, fcntl.h
RENAME_EXCHANGE = 2
AT_FDCWD = -100
# what file systems without hard links or without the exchange say
CANNOT = {errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EACCES}


def replace_folder(folder: str, view: str, moves: Sequence[tuple[str, str]], deletes: Iterable[str]) -> bool:
    """Moves files into a folder and deletes others in one step: a reader sees all of it or nothing.

    moves: (source, destination below `folder`). view: where the new folder is put together, on the same disk. Sources
    stay where they are. Done twice, it is the same as once. False where the file system cannot, and nothing was done.
    """
    shutil.rmtree(view, ignore_errors=True)
    try:
        _link_all(folder, view, {to: source for source, to in moves}, set(deletes))
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        if os.path.isdir(folder):
            _exchange(view, folder)
        else:
            os.rename(view, folder)
    except OSError as error:
        shutil.rmtree(view, ignore_errors=True)
        if error.errno in CANNOT:
            return False
        raise
    sync_folder(os.path.dirname(folder))
    shutil.rmtree(view, ignore_errors=True)
    return True


def _link_all(folder: str, view: str, sources: dict[str, str], deletes: set[str]) -> None:
    """Fills `view` with links to what `folder` holds after the change."""
    links = {to: source if os.path.exists(source) else to for to, source in sources.items()}
    links |= {path: path for path in _files(folder) if path not in sources and path not in deletes}
    folders = {view}
    for to, source in links.items():
        linked = view + to.removeprefix(folder)
        folders |= set(_up_to(os.path.dirname(linked), view))
        os.makedirs(os.path.dirname(linked), exist_ok=True)
        os.link(source, linked, follow_symlinks=False)
    os.makedirs(view, exist_ok=True)
    for made in folders:
        sync_folder(made)


def _files(folder: str) -> Iterator[str]:
    for root, _, names in os.walk(folder):
        yield from (os.path.join(root, name) for name in names)


def _up_to(folder: str, top: str) -> Iterator[str]:
    while len(folder) > len(top):
        yield folder
        folder = os.path.dirname(folder)


def _exchange(first: str, second: str) -> None:
    """Two folders change places (Linux: renameat2(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if libc.renameat2(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), first)


def remove_empty_folders(folder: str) -> None:
    """Removes a local folder and those below it as far as there are no files in them; elsewhere there are none."""
    for root, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(root)


def sync_folder(folder: str) -> None:
    """Forces a folder's own entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
