"""Messages between a worker and its decoder: a JSON object and raw bytes, behind their lengths.

Never pickle: the decoder reads hostile bytes, and what comes from it may be what they made of it.
"""

import json
import struct
from collections.abc import Callable
from typing import Any

# of the JSON, and of the bytes
_LENGTHS = struct.Struct("<II")
MAX_HEADER_BYTES = 64 << 10
MAX_BODY_BYTES = 4 << 20
# a message in a header: even with every character escaped it fits
MAX_MESSAGE_CHARACTERS = 4000


class FrameError(Exception):
    """What came from the other side is no message that belongs there."""


def pack(header: dict[str, Any], n_body_bytes: int = 0) -> bytes:
    """What is sent before the body of a message."""
    text = json.dumps(header).encode()
    return _LENGTHS.pack(len(text), n_body_bytes) + text


def unpack(read: Callable[[int], bytearray]) -> tuple[dict[str, Any], bytearray]:
    """The next message. `read` gives exactly as many bytes as it is asked for. Raises FrameError."""
    n_header_bytes, n_body_bytes = _LENGTHS.unpack(read(_LENGTHS.size))
    if n_header_bytes > MAX_HEADER_BYTES or n_body_bytes > MAX_BODY_BYTES:
        raise FrameError(f"a message of {n_header_bytes} + {n_body_bytes} bytes")
    try:
        header = json.loads(read(n_header_bytes))
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a header that is not JSON ({error})") from error
    if not isinstance(header, dict):
        raise FrameError("a header that is not a JSON object")
    return header, read(n_body_bytes)
