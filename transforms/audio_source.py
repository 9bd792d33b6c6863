"""What the decoders have in common: what they tell of a file, how they fail, and what they read it through."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np

# Outside of these a header is nonsense, and following it costs memory or days of resampled silence.
MIN_SAMPLE_RATE_HZ, MAX_SAMPLE_RATE_HZ = 1_000, 768_000
MAX_CHANNELS = 64


class AudioDecodeError(Exception):
    """A file's content cannot be decoded, or not wholly. The message says what is wrong in plain words."""

    def __init__(self, message: str, decoded_s: float = 0.0) -> None:
        super().__init__(message)
        # seconds delivered before the error
        self.decoded_s = decoded_s


@dataclass(frozen=True)
class AudioInfo:
    """What a file says of its sound."""

    sample_rate_hz: int
    channels: int
    # FFmpeg's name: pcm_s16le, pcm_mulaw, flac, mp3, vorbis, opus, aac, wmav2 ...
    codec: str
    # as the header says, or the decoder's estimate where the header says nothing; None: unknown
    duration_s: float | None

    def __post_init__(self) -> None:
        if not MIN_SAMPLE_RATE_HZ <= self.sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
            raise AudioDecodeError(f"damaged header: it gives a sample rate of {self.sample_rate_hz} Hz")
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise AudioDecodeError(f"damaged header: it gives {self.channels} channels")


class AudioSource(Protocol):
    """An opened file of one decoder."""

    info: AudioInfo
    # seconds of silence put where the timestamps leave a hole
    filled_s: float

    @property
    def promised_s(self) -> float | None:
        """After the last piece: the length that the header states outright; None if it is absent or an estimate."""

    def pieces(self) -> Iterator[np.ndarray]:
        """All that can be decoded, once, in order: float32 [n, channels] of any n."""

    def damage(self) -> str | None:
        """After the last piece: what was lost on the way, in plain words."""

    def close(self) -> None: ...


class SourceFile:
    """A seekable binary file as decoders in C see it: nameless, and it ends where reading fails.

    Nameless, so that the extension decides nothing. Exceptions do not cross the C code of a decoder: libsndfile
    takes them for the end of the file. They are kept, and raised by `raise_read_error`, so that a lost connection
    never looks like a truncated file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: Exception | None = None
        self.size_bytes = file.seek(0, os.SEEK_END)
        self._position = self._position_of_file = self.size_bytes
        self.seek(0)

    def read(self, size: int = -1) -> bytes:
        if self._error is not None or self._position >= self.size_bytes:
            return b""
        try:
            if self._position != self._position_of_file:
                self._file.seek(self._position)
            found = self._file.read(size)
        except Exception as error:  # noqa: BLE001 - of any filesystem; raised by raise_read_error
            self._error = error
            return b""
        self._position += len(found)
        self._position_of_file = self._position
        return found

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """-1, as of C's lseek, for a place before the start, where damaged headers send decoders."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size_bytes}[whence]
        if base + offset < 0:
            return -1
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`. Does not move the position, on which a decoder may rely."""
        position = self._position
        self._position = offset
        found = self.read(size)
        self._position = position
        return found

    def raise_read_error(self) -> None:
        """Raises what reading raised, if it did."""
        if self._error is not None:
            raise self._error
