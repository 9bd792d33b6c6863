"""Long recordings divided: the windows of a stretch, staged with their audio, to be recognised by any worker.

The speech of a recording is found from its start to its end, because what the detector hears depends on all that went
before; that is a hundredth of the work. What is found is staged in stretches of some minutes, so that no worker has to
decode from the start again, and the samples are those of an undivided recording to the last bit.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import zstandard

from transforms import storage
from transforms.assets import work_item
from transforms.recognize import WindowTask
from transforms.seal import Seal
from transforms.windows import Span, Window

# of a stretch: as many as the recogniser takes at once by default
STRETCH_WINDOWS = 16


class _Window(msgspec.Struct, frozen=True, array_like=True):
    index: int
    spans: list[tuple[int, int]]
    speech: list[tuple[int, int]]
    # float32, compressed one by one: few of them are unpacked at a time
    samples: bytes


class _Stretch(msgspec.Struct, frozen=True, array_like=True):
    # `WorkItem.to_json`
    item: str
    channel: int | None
    language: str | None
    windows: list[_Window]


@dataclass(frozen=True)
class Stretch:
    """The name of a staged stretch: what goes through a pipeline."""

    path: str


def write_stretch(folder: str, tasks: Sequence[WindowTask], seal: Seal | None = None) -> Stretch:
    """Stages windows of one channel of one asset as a new file, closed where there is a seal. Complete on return."""
    first = tasks[0]
    windows = [
        _Window(w.index, list(map(_pair, w.spans)), list(map(_pair, w.speech)), zstandard.compress(_bytes(w.samples)))
        for w in (task.window for task in tasks)
    ]
    packed = _Stretch(first.item.to_json(), first.channel, first.language, windows)
    path = storage.join(folder, f"{uuid.uuid4().hex}.stretch")
    data = msgspec.msgpack.encode(packed)
    storage.write_whole(path, seal.close(data) if seal else data)
    return Stretch(path)


def read_stretch(stretch: Stretch, seal: Seal | None = None) -> Iterator[WindowTask]:
    """The windows of a staged stretch, as they were. Raises OSError where another seal closed it."""
    data = storage.read_whole(stretch.path)
    opened = seal.open(data) if seal else data
    if opened is None:
        raise OSError(f"{stretch.path} was closed with another key")
    packed = msgspec.msgpack.decode(opened, type=_Stretch)
    item = work_item(packed.item)
    for window in packed.windows:
        samples = np.frombuffer(zstandard.decompress(window.samples), "<f4").astype(np.float32, copy=False)
        spans, speech = (tuple(Span(*pair) for pair in pairs) for pairs in (window.spans, window.speech))
        yield WindowTask(item, packed.channel, Window(window.index, spans, speech, samples), packed.language)


def _bytes(samples: np.ndarray) -> bytes:
    return samples.astype("<f4", copy=False).tobytes()


def _pair(span: Span) -> tuple[int, int]:
    return span.start_sample, span.end_sample
