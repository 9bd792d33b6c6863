"""What a decoder's process says, checked before it is believed. Everything here raises FrameError for nonsense."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from model.recognizer import SAMPLE_RATE_HZ
from transforms.audio_source import MAX_CHANNELS, AudioDecodeError, AudioInfo
from transforms.decoder_child import READ_AHEAD_BYTES
from transforms.frames import FrameError
from transforms.heard import Failure, one_line

# what a duration may be off from the number of samples
_DURATION_TOLERANCE_S = 0.1
_FLAGS = frozenset(("mixed_channels",))


@dataclass(frozen=True)
class Tracks:
    """What of a file is to be taken."""

    info: AudioInfo
    # None: the mix of all
    channels: tuple[int | None, ...]
    # each by itself was asked for, and all carry the same sound
    is_dual_mono: bool


@dataclass(frozen=True)
class Ending:
    """What is known of the samples of a channel when they have all come."""

    duration_s: float
    failure: Failure | None
    flags: tuple[str, ...]


def read_of(header: dict[str, Any], size_bytes: int) -> tuple[int, int]:
    """The place and the number of bytes of a file that are asked for."""
    match header:
        case {"offset": int(offset), "size": int(size)} if 0 <= offset < size_bytes and 0 < size <= READ_AHEAD_BYTES:
            return offset, size
        case other:
            raise FrameError(f"as what to read of {size_bytes} bytes {other!r}")


def samples_of(header: dict[str, Any], body: bytearray) -> np.ndarray:
    """Samples float32 [n]."""
    if header.get("say") != "samples" or len(body) % 4:
        raise FrameError(f"as samples {header!r} and {len(body)} bytes")
    samples = np.frombuffer(body, "<f4")
    if not np.isfinite(samples).all():
        raise FrameError("samples that are no numbers")
    return samples


def info_of(header: dict[str, Any]) -> AudioInfo:
    """What the file says of its sound."""
    match header.get("info"):
        case {"sample_rate_hz": int(rate_hz), "channels": int(channels), "codec": str(codec), "duration_s": duration_s}:
            try:
                return AudioInfo(int(rate_hz), int(channels), _line(codec), _seconds(duration_s))
            except AudioDecodeError as error:
                raise FrameError(str(error)) from error
        case other:
            raise FrameError(f"as what a file says of its sound {other!r}")


def tracks_of(header: dict[str, Any]) -> Tracks:
    """Which channels to take."""
    info, channels = info_of(header), header.get("channels")
    if not isinstance(channels, list) or not 0 < len(channels) <= MAX_CHANNELS:
        raise FrameError(f"as channels {channels!r}")
    if any(c is not None and not (isinstance(c, int) and 0 <= c < info.channels) for c in channels):
        raise FrameError(f"channels {channels!r} of {info.channels}")
    return Tracks(info, tuple(channels), header.get("is_dual_mono") is True)


def ending_of(header: dict[str, Any], n_samples: int) -> Ending:
    """How the samples ended, `n_samples` having come."""
    match header:
        case {"duration_s": said, "damage": None | str() as damage, "flags": list(flags)}:
            duration_s = _seconds(said)
            if duration_s is None or abs(duration_s - n_samples / SAMPLE_RATE_HZ) > _DURATION_TOLERANCE_S:
                raise FrameError(f"{n_samples} samples for {said!r} s")
            if not all(isinstance(flag, str) and flag in _FLAGS for flag in flags):
                raise FrameError(f"flags {flags!r}")
            failure = None if damage is None else Failure("decode", "AudioDecodeError", _line(damage), False)
            return Ending(duration_s, failure, tuple(flags))
        case other:
            raise FrameError(f"as an end {other!r}")


def failure_of(header: dict[str, Any]) -> Failure:
    """Why the file cannot be decoded."""
    match header:
        case {"stage": "open" | "decode" as stage, "error_type": str(error_type), "message": str(message)}:
            return Failure(stage, _line(error_type), _line(message) or _line(error_type), retriable=False)
        case other:
            raise FrameError(f"as a failure {other!r}")


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    # a header may claim what it likes, but numbers end somewhere
    if not isinstance(value, int | float) or not abs(value) < 1e30:
        raise FrameError(f"as seconds {value!r}")
    return float(value)


def _line(message: str) -> str:
    # JSON can carry halves of surrogate pairs, which no table can
    return one_line(message.encode("utf8", "replace").decode())
