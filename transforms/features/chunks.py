"""A recording in chunks of frames, with what lies around them: features of hours in the memory of a minute.

Frames are centred as librosa centres them: frame t looks at the samples around t x HOP_SAMPLES, beyond the ends of the
recording there are zeros, and n samples have 1 + n // HOP_SAMPLES frames. Chunks lie at fixed places, so that no number
depends on how the samples arrive.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import librosa
import numpy as np

from model.recognizer import SAMPLE_RATE_HZ
from transforms.windows import HeldAudio

FRAME_SAMPLES = 400  # 25 ms
HOP_SAMPLES = 160  # 10 ms
HOP_S = HOP_SAMPLES / SAMPLE_RATE_HZ
CHUNK_FRAMES = 3000  # 30 s
CHUNK_SAMPLES = CHUNK_FRAMES * HOP_SAMPLES
# half of the longest window that a frame is seen through
MARGIN_SAMPLES = 1024
# frames on each side for features that look at neighbours: 1 s
CONTEXT_FRAMES = 100
# frames on each side of `Chunk.magnitudes`: what the deltas of librosa's width of 9 look at
DELTA_FRAMES = 4


@dataclass(frozen=True)
class Chunk:
    """Some frames of a recording, and the samples around them."""

    index: int
    n_frames: int
    # frames of the recording before and after these whose samples are here: at most CONTEXT_FRAMES
    n_before: int
    n_after: int
    # from MARGIN_SAMPLES before the centre of the first of all these frames to as many after that of the last
    samples: np.ndarray
    # zeros at the start and at the end of `samples` that stand for what is beyond the recording
    n_padded_start: int
    n_padded_end: int

    @property
    def first_frame(self) -> int:
        return self.index * CHUNK_FRAMES

    @property
    def own_samples(self) -> np.ndarray:
        """The samples of the recording that are of this chunk and of no other: [<= CHUNK_SAMPLES] float32."""
        start = MARGIN_SAMPLES + self.n_before * HOP_SAMPLES
        return self.samples[start : min(start + CHUNK_SAMPLES, len(self.samples) - self.n_padded_end)]

    def around(self, half_window: int, n_context: int = 0, *, repeats_ends: bool = False) -> tuple[np.ndarray, int]:
        """Samples of frames that look half_window to each side, and how many of n_context frames are there before.

        A frame of 2 * half_window samples begins at each HOP_SAMPLES of them. repeats_ends: beyond the recording its
        first and its last sample stand instead of zeros.
        """
        before, after = min(n_context, self.n_before), min(n_context, self.n_after)
        samples = self.samples
        if repeats_ends:
            inner = samples[self.n_padded_start : len(samples) - self.n_padded_end]
            samples = np.pad(inner, (self.n_padded_start, self.n_padded_end), mode="edge")
        cut = MARGIN_SAMPLES - half_window
        start = cut + (self.n_before - before) * HOP_SAMPLES
        end = len(samples) - cut - (self.n_after - after) * HOP_SAMPLES
        return samples[start:end], before

    @cached_property
    def magnitudes(self) -> np.ndarray:
        """Spectrum of each frame under a Hann window, with up to DELTA_FRAMES more on each side: [201, n] float32."""
        samples, _ = self.around(FRAME_SAMPLES // 2, DELTA_FRAMES)
        return np.abs(librosa.stft(samples, n_fft=FRAME_SAMPLES, hop_length=HOP_SAMPLES, center=False))

    @property
    def own_magnitudes(self) -> np.ndarray:
        """Of the chunk's own frames: [201, n_frames]."""
        return self.own(self.magnitudes, DELTA_FRAMES)

    def own(self, frames: np.ndarray, n_context: int) -> np.ndarray:
        """The chunk's own of frames [..., n] that were made with n_context frames on each side: [..., n_frames]."""
        before = min(n_context, self.n_before)
        return frames[..., before : before + self.n_frames]


def cut_chunks(blocks: Iterable[np.ndarray]) -> Iterator[Chunk]:
    """Blocks [n] float32 of one recording at SAMPLE_RATE_HZ -> its chunks. Holds about 40 s."""
    held = HeldAudio()
    n_samples = index = 0
    for block in blocks:
        held.append(block)
        n_samples += len(block)
        while n_samples >= (index + 1) * CHUNK_SAMPLES + CONTEXT_FRAMES * HOP_SAMPLES + MARGIN_SAMPLES:
            yield _chunk(held, index, n_samples)
            index += 1
            held.drop_before(max(0, _first_sample(index)))
    n_frames = 1 + n_samples // HOP_SAMPLES if n_samples else 0
    while index * CHUNK_FRAMES < n_frames:
        yield _chunk(held, index, n_samples)
        index += 1


def _first_sample(index: int) -> int:
    """Where the samples of a chunk begin, before the recording maybe."""
    return max(0, index * CHUNK_FRAMES - CONTEXT_FRAMES) * HOP_SAMPLES - MARGIN_SAMPLES


def _chunk(held: HeldAudio, index: int, n_samples: int) -> Chunk:
    """A chunk of a recording that has n_samples so far: no more at all, or all that belong around the chunk."""
    first, last = index * CHUNK_FRAMES, 1 + n_samples // HOP_SAMPLES
    end = min(last, first + CHUNK_FRAMES)
    n_after = min(CONTEXT_FRAMES, last - end)
    start_sample = _first_sample(index)
    end_sample = (end + n_after - 1) * HOP_SAMPLES + MARGIN_SAMPLES
    n_padded_start, n_padded_end = max(0, -start_sample), max(0, end_sample - n_samples)
    found = held.between(max(0, start_sample), min(end_sample, n_samples))
    return Chunk(
        index=index,
        n_frames=end - first,
        n_before=min(CONTEXT_FRAMES, first),
        n_after=n_after,
        samples=np.pad(found, (n_padded_start, n_padded_end)),
        n_padded_start=n_padded_start,
        n_padded_end=n_padded_end,
    )
