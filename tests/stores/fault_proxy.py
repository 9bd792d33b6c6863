"""A proxy on loopback that stands between a client and a store and breaks things, the same way each time."""

import contextlib
import random
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class FaultProxy:
    """What to break, and what went through. The fields may be changed while it runs."""

    upstream_port: int
    port: int = 0
    # the next so many requests are answered with 503
    busy: int = 0
    # every so many-th request is answered with 503; 0: none
    busy_every: int = 0
    # after so many requests all are answered with 503
    busy_after: int | None = None
    # requests whose first line has what this pattern says are answered with 503
    busy_for: str | None = None
    # answers that are cut short, with a reset, after so many bytes; of the requests for which `cuts` says so
    cut_after_bytes: int | None = None
    # the part of requests that is cut, chosen at random by `seed`
    cut_share: float = 1.0
    seed: int = 1
    # answers come in pieces of 64 KiB, each so much later
    delay_s: float = 0.0
    # their first lines
    requests: list[str] = field(default_factory=list)
    n_faults: int = 0
    bytes_down: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextlib.contextmanager
def fault_proxy(upstream_port: int, **faults: float) -> Iterator[FaultProxy]:
    """Runs a proxy in front of a port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = FaultProxy(upstream_port, listener.getsockname()[1], **faults)  # type: ignore[arg-type]
        chance = random.Random(proxy.seed)
        threading.Thread(target=_accept, args=(listener, proxy, chance), daemon=True).start()
        try:
            yield proxy
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, proxy: FaultProxy, chance: random.Random) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, proxy, chance), daemon=True).start()


def _serve(client: socket.socket, proxy: FaultProxy, chance: random.Random) -> None:
    """One request, for every connection is closed after its answer."""
    with client, contextlib.suppress(OSError):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (piece := client.recv(1 << 16)):
                return
            head += piece
        with proxy.lock:
            proxy.requests.append(head.split(b"\r\n")[0].decode())
            busy = _is_busy(proxy)
            cut = proxy.cut_after_bytes if not busy and chance.random() < proxy.cut_share else None
            proxy.n_faults += busy
        if busy:
            _read_body(client, head)
            client.sendall(BUSY)
            return
        with socket.create_connection(("127.0.0.1", proxy.upstream_port)) as server:
            lines = head.split(b"\r\n")
            kept = [line for line in lines[1:] if not line.lower().startswith(b"connection:")]
            server.sendall(b"\r\n".join([lines[0], b"Connection: close", *kept]))
            _relay(client, server, proxy, cut)


def _is_busy(proxy: FaultProxy) -> bool:
    if proxy.busy:
        proxy.busy -= 1
        return True
    if proxy.busy_every and len(proxy.requests) % proxy.busy_every == 0:
        return True
    if proxy.busy_after is not None and len(proxy.requests) > proxy.busy_after:
        return True
    return proxy.busy_for is not None and re.search(proxy.busy_for, proxy.requests[-1]) is not None


def _read_body(client: socket.socket, head: bytes) -> None:
    """Takes what the client sends with its request: a connection that is closed on unread bytes is reset."""
    headers, _, body = head.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", headers, re.IGNORECASE)
    waits = re.search(rb"\r\nexpect: *100-continue", headers, re.IGNORECASE)
    left = 0 if waits or not length else int(length.group(1)) - len(body)
    while left > 0 and (piece := client.recv(1 << 16)):
        left -= len(piece)


def _relay(client: socket.socket, server: socket.socket, proxy: FaultProxy, cut: int | None) -> None:
    sent = 0
    while True:
        ready, _, _ = select.select([client, server], [], [])
        if client in ready:
            piece = client.recv(1 << 16)
            if not piece:
                return
            server.sendall(piece)
        if server in ready:
            piece = server.recv(1 << 16)
            if not piece:
                return
            if cut is not None and sent + len(piece) > cut:
                client.sendall(piece[: cut - sent])
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                with proxy.lock:
                    proxy.n_faults += 1
                return
            time.sleep(proxy.delay_s)
            client.sendall(piece)
            sent += len(piece)
            with proxy.lock:
                proxy.bytes_down += len(piece)
