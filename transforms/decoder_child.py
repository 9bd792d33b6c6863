"""The process in which decoders read hostile bytes: `python -m transforms.decoder_child`, started by its worker.

A crash, an endless loop or too much memory ends this process and nothing else. It holds no credentials and opens no
file: it asks its worker for bytes. It answers one request at a time, over the socket that it was started with:

    {"do": "probe" | "tracks" | "samples", "asset": n, "size_bytes": n, ...}
        -> any number of {"say": "read", "offset": n, "size": n} <- {} and the bytes
        -> any number of {"say": "samples"} and float32 at 16 kHz
        -> {"say": "done", ...} or {"say": "failed", "stage", "error_type", "message"}
"""

import os
import resource
import signal
import socket
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from transforms.audio import AudioDecodeError
from transforms.channel_samples import ChannelSamples, choose_channels, probe
from transforms.frames import MAX_MESSAGE_CHARACTERS, pack, unpack

EXIT_OUT_OF_MEMORY = 77
READ_AHEAD_BYTES = 1 << 20
# A file whose sound and index, or sound and pictures, lie far apart is read in turns here and there.
_MAX_READ_AHEADS = 4
_WATCH_INTERVAL_S = 1.0


class Connection:
    """The way to the worker. Whatever is wrong with it, the worker is gone, and so is this process."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def send(self, header: dict[str, Any], body: bytes | memoryview = b"") -> None:
        try:
            self._socket.sendall(pack(header, len(body)))
            self._socket.sendall(body)
        except OSError:
            _end()

    def receive(self) -> tuple[dict[str, Any], bytearray]:
        return unpack(self._read)

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        left = memoryview(data)
        while len(left):
            try:
                n = self._socket.recv_into(left)
            except OSError:
                n = 0
            if n == 0:
                _end()
            left = left[n:]
        return data


def _end() -> NoReturn:
    # not SystemExit: the C code of a decoder, in whose callback this may be, would swallow it
    os._exit(0)


class WorkersFile:
    """The worker's file, read through the connection, some of it ahead. As much of a BinaryIO as decoders use."""

    def __init__(self, connection: Connection, size_bytes: int) -> None:
        self._connection = connection
        self._size_bytes = size_bytes
        self._position = 0
        # by their place in the file, the last used one at the end
        self._held: OrderedDict[int, bytearray] = OrderedDict()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size_bytes}[whence]
        return self._position

    def read(self, size: int = -1) -> bytes:
        n_left = max(self._size_bytes - self._position, 0)
        n_left = n_left if size < 0 else min(size, n_left)
        pieces = []
        while n_left:
            index, start = divmod(self._position, READ_AHEAD_BYTES)
            piece = self._block(index)[start : start + n_left]
            if not piece:  # the file became shorter
                break
            pieces.append(piece)
            self._position += len(piece)
            n_left -= len(piece)
        return b"".join(pieces)

    def _block(self, index: int) -> bytearray:
        if index not in self._held:
            offset = index * READ_AHEAD_BYTES
            size = min(READ_AHEAD_BYTES, self._size_bytes - offset)
            self._connection.send({"say": "read", "offset": offset, "size": size})
            _, self._held[index] = self._connection.receive()
            if len(self._held) > _MAX_READ_AHEADS:
                self._held.popitem(last=False)
        self._held.move_to_end(index)
        return self._held[index]


def serve(connection: Connection) -> None:
    """Answers requests for as long as the worker is there."""
    connection.send({"say": "ready"})
    asset, file = None, WorkersFile(connection, 0)
    while True:
        request, _ = connection.receive()
        if request["asset"] != asset:
            asset, file = request["asset"], WorkersFile(connection, request["size_bytes"])
        for header, body in answers(request, file):
            connection.send(header, body)


def answers(request: dict[str, Any], file: Any) -> Iterator[tuple[dict[str, Any], memoryview]]:
    """The messages that answer a request: samples, if it is for samples, and last `done` or `failed`."""
    try:
        match request["do"]:
            case "probe":
                done: dict[str, Any] = {"info": asdict(probe(file))}
            case "tracks":
                info, channels, is_dual_mono = choose_channels(file, request["asked"])
                done = {"info": asdict(info), "channels": channels, "is_dual_mono": is_dual_mono}
            case _:
                samples = ChannelSamples(file, request["channel"], request["start_s"], request["end_s"])
                for block in samples:
                    yield {"say": "samples"}, np.ascontiguousarray(block, "<f4").data.cast("B")
                done = {"duration_s": samples.duration_s, "damage": _short(samples.damage), "flags": samples.flags}
        yield {"say": "done", **done}, memoryview(b"")
    except MemoryError:
        os._exit(EXIT_OUT_OF_MEMORY)
    except Exception as error:  # noqa: BLE001 - whatever a decoder raises costs its file and no other
        stage = "open" if isinstance(error, AudioDecodeError) else "decode"
        what = {"stage": stage, "error_type": type(error).__name__, "message": _short(str(error))}
        yield {"say": "failed", **what}, memoryview(b"")


def _short(message: str | None) -> str | None:
    return message and message[:MAX_MESSAGE_CHARACTERS]


def limit_memory(more_bytes: int) -> None:
    """Lets this process take so much more address space than it has now."""
    pages = Path("/proc/self/statm")
    if not pages.exists():  # macOS has none, and does not honour the limit
        return
    now_bytes = int(pages.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limit_bytes = now_bytes + more_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit_bytes = min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def watch_parent(parent_pid: int, stuck_s: int) -> None:
    """Ends this process when its worker's is gone, even where the worker's end of the socket lives on in a fork."""
    while os.getppid() == parent_pid:
        # a decoder that loops without ever letting this thread run is ended by the kernel
        signal.alarm(stuck_s)
        time.sleep(_WATCH_INTERVAL_S)
    _end()


def main() -> None:
    """Arguments: the socket, the worker's process, the memory to stay below, how long a decoder may be stuck."""
    socket_fd, parent_pid, memory_limit_bytes, stuck_s = map(int, sys.argv[1:])
    # an interrupt at the terminal reaches all processes, and the worker still finishes what it has in hand
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=watch_parent, args=(parent_pid, stuck_s), daemon=True).start()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit_memory(memory_limit_bytes)
    # the C libraries' remarks on damaged files
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    serve(Connection(socket.socket(fileno=socket_fd)))


if __name__ == "__main__":
    main()
