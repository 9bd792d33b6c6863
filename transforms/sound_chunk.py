"""Where the header of a chunked file (WAV, W64, AIFF, CAF) says that its samples lie.

Decoders clamp that to the size of the file, which hides that a file was cut.
"""

import struct
from dataclasses import dataclass

from transforms.audio_source import SourceFile

_MAX_CHUNKS = 1000


@dataclass(frozen=True)
class _Layout:
    # chunk id and size
    header: struct.Struct
    first_chunk: int
    # chunks start at multiples of this
    alignment: int
    size_includes_header: bool = False


_LAYOUTS = {
    b"RIFF": _Layout(struct.Struct("<4sI"), 12, 2),
    b"RF64": _Layout(struct.Struct("<4sI"), 12, 2),
    b"BW64": _Layout(struct.Struct("<4sI"), 12, 2),
    b"RIFX": _Layout(struct.Struct(">4sI"), 12, 2),
    b"FORM": _Layout(struct.Struct(">4sI"), 12, 2),
    b"caff": _Layout(struct.Struct(">4sQ"), 8, 1),
    b"riff": _Layout(struct.Struct("<4s12xQ"), 40, 8, size_includes_header=True),
}


@dataclass(frozen=True)
class SoundChunk:
    """The bytes that hold the samples. `promised_bytes` is None where the header leaves the length open."""

    promised_bytes: int | None
    held_bytes: int

    @property
    def promised_ratio(self) -> float | None:
        """How many times what the file holds was promised: 1 if the file is whole. None if unknown."""
        if self.promised_bytes is None or self.held_bytes == 0:
            return None
        return max(self.promised_bytes / self.held_bytes, 1.0)


def find_sound_chunk(file: SourceFile) -> SoundChunk | None:
    """The chunk with the samples; None where there is none or the file is of another kind."""
    layout = _LAYOUTS.get(file.read_at(0, 4))
    if layout is None:
        return None
    position, long_size = layout.first_chunk, None
    for _ in range(_MAX_CHUNKS):
        header = file.read_at(position, layout.header.size)
        if len(header) < layout.header.size:
            return None
        name, size = layout.header.unpack(header)
        body = position + layout.header.size
        if layout.size_includes_header:
            size = max(size - layout.header.size, 0)
        if name == b"ds64":  # RF64 (EBU Tech 3306): 64-bit sizes of the file and of its data
            long_size = int.from_bytes(file.read_at(body + 8, 8), "little")
        if name in (b"data", b"SSND"):
            promised = _known_size(size) if long_size is None else long_size
            return SoundChunk(promised, max(file.size_bytes - body, 0))
        position = -(-(body + size) // layout.alignment) * layout.alignment
    return None


def _known_size(size: int) -> int | None:
    """None for what programs write that do not know the length yet: 0, or just about 2 or 4 GiB, or -1."""
    unknown = size == 0 or size >= 2**63 or any(abs(size - limit) <= 4096 for limit in (2**31, 2**32))
    return None if unknown else size
