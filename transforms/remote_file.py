"""An object of a store as a seekable file: what is asked for is fetched, no more, and a fetch that breaks goes on."""

import io
import os
from typing import Any

from transforms.stores import FileInfo, Store, tried

# of each request for a part of an object
BLOCK_BYTES = 1 << 20
# of each request for the whole of one
WHOLE_BLOCK_BYTES = 16 << 20
# is asked for however often connections break
LEAST_BLOCK_BYTES = 1 << 14


def open_remote(store: Store, info: FileInfo) -> io.BufferedReader:
    """A file that reads ahead by BLOCK_BYTES. Reading raises OSError where the object is not what `info` describes."""
    return io.BufferedReader(RemoteFile(store, info), BLOCK_BYTES)


class RemoteFile(io.RawIOBase):
    """A request for each read."""

    def __init__(self, store: Store, info: FileInfo) -> None:
        self._store = store
        self._info = info
        self._size_bytes = info.size_bytes or 0
        self._position = 0
        # of one request; grows and shrinks with what gets through
        self._most_bytes = WHOLE_BLOCK_BYTES

    @property
    def etag(self) -> str | None:
        return self._info.etag

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size_bytes}[whence]
        if base + offset < 0:
            raise ValueError(f"{self._info.path}: no position before the start of a file")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self._size_bytes - self._position)
        if size <= 0:
            return 0
        found = self._fetch(size)
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)

    def readall(self) -> bytes:
        """All that is left, in as few requests as memory allows."""
        blocks = []
        while block := self.read(WHOLE_BLOCK_BYTES):
            blocks.append(block)
        return b"".join(blocks)

    def _fetch(self, size: int) -> bytes:
        """1 to `size` bytes. After a failure less is asked for: each try has less to lose, and some get through."""

        def fetch() -> bytes:
            asked = min(size, self._most_bytes)
            self._most_bytes = max(asked // 4, LEAST_BLOCK_BYTES)
            found = self._store.read(self._info, self._position, asked)
            if not found:
                raise ConnectionError("an empty answer")
            self._most_bytes = min(asked * 2, WHOLE_BLOCK_BYTES) if asked < size else WHOLE_BLOCK_BYTES
            return found

        return tried(self._store, self._info.path, fetch)
