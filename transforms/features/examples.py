"""Log-mel spectrograms of whole utterances, staged until they are written into TFRecords."""

from collections.abc import Iterable
from dataclasses import asdict

import numpy as np
import zstandard

from model.ctc.features import LogMelDefinition, log_mel
from model.recognizer import SAMPLE_RATE_HZ
from transforms import storage
from transforms.assets import WorkItem
from transforms.decoder import DecodeFailedError
from transforms.features.frame_files import path_of
from transforms.features.groups import Frames
from transforms.heard import Failure
from transforms.results import ResultStore

TABLE = "log_mel"
# a longer one is a recording, not an utterance: a network that learns takes it whole
MAX_UTTERANCE_S = 300.0
DEFINITION = LogMelDefinition()


def whole(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """All samples of an utterance: [n] float32. Raises DecodeFailedError where it is too long."""
    held: list[np.ndarray] = []
    n_left = round(MAX_UTTERANCE_S * SAMPLE_RATE_HZ)
    for block in blocks:
        held.append(block)
        n_left -= len(block)
        if n_left < 0:
            message = f"longer than {MAX_UTTERANCE_S:g} s; name utterances of it in a manifest (start_s, end_s)"
            raise DecodeFailedError(Failure("features", "UtteranceTooLong", message, retriable=False))
    return np.concatenate([np.zeros(0, np.float32), *held])


def log_mel_of(samples: np.ndarray) -> np.ndarray:
    """As DEFINITION says: [n_frames, n_mels] float32."""
    return np.ascontiguousarray(log_mel(samples, DEFINITION), "<f4")


def definition() -> dict[str, object]:
    """What the numbers are, for the manifest of a set."""
    return asdict(DEFINITION)


class KeepLogMel:
    """Stages the log-mel of an asset's channels. See `extract.KeepFrames`."""

    def __init__(self, store: ResultStore, item: WorkItem) -> None:
        self._store = store
        self._item = item

    def __call__(self, channel: int | None, chunk: int, frames: Frames, _: Frames) -> None:
        path = path_of(self._store, self._item.key, TABLE, channel, chunk)
        storage.write_whole(path, zstandard.compress(frames["log_mel"].tobytes()))


def read_log_mel(store: ResultStore, key: str, channel: int | None) -> bytes:
    """The bytes of [n_frames, n_mels] float32, little-endian, that `KeepLogMel` staged."""
    return zstandard.decompress(storage.read_whole(path_of(store, key, TABLE, channel, 0)))
