"""How far this process has come: counters that a main thread reads while a pipeline runs in another.

Beam reports metrics only when a run has ended; a module is shared by all threads of a process.
"""

import threading
from dataclasses import dataclass, replace

_lock = threading.Lock()


@dataclass(frozen=True)
class Progress:
    """What has been done so far, in this process."""

    # bytes of the files read to their end
    bytes_done: int = 0
    assets_done: int = 0
    audio_s: float = 0.0
    windows_found: int = 0
    windows_done: int = 0
    # recognised audio, silence left out
    recognized_s: float = 0.0


_progress = Progress()


def reset() -> None:
    """Starts from nothing: a run begins."""
    global _progress
    with _lock:
        _progress = Progress()


def snapshot() -> Progress:
    """What has been done so far."""
    return _progress


def asset_done(size_bytes: int, audio_s: float) -> None:
    """Counts an asset whose file was read to its end."""
    global _progress
    with _lock:
        p = _progress
        _progress = replace(
            p, bytes_done=p.bytes_done + size_bytes, assets_done=p.assets_done + 1, audio_s=p.audio_s + audio_s
        )


def window_found() -> None:
    """Counts a window that waits to be recognised."""
    global _progress
    with _lock:
        _progress = replace(_progress, windows_found=_progress.windows_found + 1)


def windows_done(n_samples: int, n_windows: int) -> None:
    """Counts recognised windows, by their samples at 16 kHz."""
    global _progress
    with _lock:
        p = _progress
        _progress = replace(
            p, windows_done=p.windows_done + n_windows, recognized_s=p.recognized_s + n_samples / 16_000
        )
