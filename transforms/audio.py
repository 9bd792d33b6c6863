"""Sound of any kind from a seekable binary file, decoded as a stream in bounded memory.

What a file is, its bytes decide and never its name: `open_audio` takes libsndfile for uncompressed sound and FFmpeg
for all else. Times are those of the file: encoder delay is cut off, and holes between timestamps are silence.

    with open_audio(file) as audio:
        for block in audio.blocks():
            ...
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Self

import numpy as np

from transforms.audio_ffmpeg import open_with_ffmpeg
from transforms.audio_soundfile import open_with_soundfile
from transforms.audio_source import AudioDecodeError, AudioInfo, AudioSource, SourceFile
from transforms.media_types import MEDIA_EXTENSIONS, is_media
from transforms.sound_chunk import find_sound_chunk

__all__ = ["MEDIA_EXTENSIONS", "AudioDecodeError", "AudioInfo", "AudioStream", "is_media", "open_audio"]

# A file may fall this much short of its header without being called truncated.
_SHORTFALL_TOLERANCE_S = 0.25
# 64 MB a block at most, whatever rate and channels a file claims
_MAX_BLOCK_SAMPLES = 16_777_216
# Samples of a float file beyond this are garbage: their squares overflow.
_MAX_SAMPLE = 1e6


def open_audio(file: BinaryIO) -> "AudioStream":
    """Opens what `file` holds. The file stays the caller's to close.

    Raises AudioDecodeError if there is no sound in it that can be decoded, and whatever `file` raises on reading.
    """
    source_file = SourceFile(file)
    if source_file.size_bytes == 0:
        raise AudioDecodeError("empty file (0 bytes)")
    source = open_with_soundfile(source_file)
    source_file.raise_read_error()
    if source is None:
        _refuse_header_only(source_file)
        return AudioStream(open_with_ffmpeg(source_file), source_file)
    return AudioStream(source, source_file)


class AudioStream:
    """The sound of an opened file. A context manager; it is read once."""

    def __init__(self, source: AudioSource, file: SourceFile) -> None:
        self.info = source.info
        # samples that were NaN, infinite or absurd, and were replaced by 0
        self.bad_samples = 0
        self._source = source
        self._file = file
        self._n_delivered = 0

    @property
    def filled_s(self) -> float:
        """Seconds of silence so far that stand for holes between timestamps."""
        return self._source.filled_s

    @property
    def decoded_s(self) -> float:
        """Seconds decoded so far."""
        return self._n_delivered / self.info.sample_rate_hz

    def blocks(self, block_s: float = 10.0) -> Iterator[np.ndarray]:
        """The samples: float32 [n, channels], nominally in [-1, 1], in blocks of `block_s` but for the last.

        Raises AudioDecodeError after the last block if the file is damaged or shorter than its header promises, and
        what the file raised if reading it failed.
        """
        n_block = round(block_s * self.info.sample_rate_hz)
        n_block = max(1, min(n_block, _MAX_BLOCK_SAMPLES // self.info.channels))
        yield from map(self._clean, _blocks_of(self._source.pieces(), n_block))
        self._file.raise_read_error()
        problem = "; ".join(filter(None, (self._source.damage(), self._shortfall())))
        if problem:
            raise AudioDecodeError(problem, self.decoded_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    def _clean(self, block: np.ndarray) -> np.ndarray:
        self._n_delivered += len(block)
        good = np.abs(block) <= _MAX_SAMPLE
        if good.all():
            return block
        self.bad_samples += int(good.size - np.count_nonzero(good))
        return np.where(good, block, np.float32(0))

    def _shortfall(self) -> str | None:
        promised_s = self._source.promised_s
        if promised_s is None or promised_s - self.decoded_s <= _SHORTFALL_TOLERANCE_S:
            return None
        return f"truncated: the header promises {promised_s:.2f} s, the file holds {self.decoded_s:.2f} s"


def _blocks_of(pieces: Iterable[np.ndarray], n_block: int) -> Iterator[np.ndarray]:
    """The pieces joined and cut anew into blocks of n_block rows."""
    held: list[np.ndarray] = []
    n_held = 0
    for piece in pieces:
        held.append(piece)
        n_held += len(piece)
        if n_held < n_block:
            continue
        joined = np.concatenate(held)
        n_whole = n_held - n_held % n_block
        yield from (joined[start : start + n_block] for start in range(0, n_whole, n_block))
        held, n_held = [joined[n_whole:].copy()], n_held - n_whole
    if n_held:
        yield np.concatenate(held)


def _refuse_header_only(file: SourceFile) -> None:
    chunk = find_sound_chunk(file)
    if chunk is not None and chunk.held_bytes == 0:
        promised = f"; the header promises {chunk.promised_bytes} bytes of it" if chunk.promised_bytes else ""
        raise AudioDecodeError(f"no sound in the file{promised}")
