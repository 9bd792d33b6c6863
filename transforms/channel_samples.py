"""One channel of a file, or the mix of all, as blocks of samples at the recogniser's rate.

What runs in the decoder's process: no Beam, no TensorFlow, and nothing of assets and rows.
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from model.recognizer import SAMPLE_RATE_HZ
from transforms.audio import AudioDecodeError, AudioInfo, open_audio
from transforms.channels import Likeness, mix, same_channels
from transforms.resample import Resampler

BLOCK_S = 10.0
# what is asked of the channels of a file: their mix, each by itself, or these numbers
Asked = str | list[int]


def probe(file: BinaryIO) -> AudioInfo:
    """What a file says of its sound. Raises AudioDecodeError."""
    file.seek(0)
    with open_audio(file) as stream:
        return stream.info


def choose_channels(file: BinaryIO, asked: Asked) -> tuple[AudioInfo, list[int | None], bool]:
    """What the file says, the channels to take (None: the mix), and whether they were found to be all the same.

    Raises AudioDecodeError, also for a channel that the file has not got.
    """
    file.seek(0)
    with open_audio(file) as stream:
        info = stream.info
        if not isinstance(asked, str):
            if max(asked) >= info.channels:
                raise AudioDecodeError(f"channel {max(asked)} was asked for and the file has {info.channels}, from 0")
            return info, [*asked], False
        if asked == "mix":
            return info, [None], False
        is_dual_mono = info.channels > 1 and same_channels(stream.blocks(BLOCK_S))
        return info, [None] if is_dual_mono else [*range(info.channels)], is_dual_mono


class ChannelSamples:
    """One channel of a file (None: the mix), from second to second, as blocks of float32 samples [n] at 16 kHz.

    Iterated to its end, it knows how long the sound is, and what was wrong where decoding stopped short.
    """

    def __init__(self, file: BinaryIO, channel: int | None, start_s: float | None, end_s: float | None) -> None:
        self._file = file
        self._channel = channel
        self._start_s = start_s or 0.0
        self._end_s = end_s
        self.duration_s = 0.0
        self.damage: str | None = None
        # `mixed_channels`: unlike channels were mixed into one
        self.flags: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[np.ndarray]:
        self._file.seek(0)
        with open_audio(self._file) as stream:
            resampler = Resampler(stream.info.sample_rate_hz, SAMPLE_RATE_HZ, 1)
            n_frames, likeness = 0, Likeness()
            try:
                for block in self._part(stream.blocks(BLOCK_S), stream.info.sample_rate_hz):
                    n_frames += len(block)
                    if self._channel is None:
                        likeness.push(block)
                    mono = mix(block) if self._channel is None else block[:, self._channel]
                    yield resampler.push(mono[:, None])[:, 0]
            except AudioDecodeError as error:
                self.damage = str(error)
            yield resampler.flush()[:, 0]
            self.duration_s = n_frames / stream.info.sample_rate_hz
            if stream.bad_samples and self.damage is None:
                self.damage = (
                    f"{stream.bad_samples} samples are not numbers of sound (NaN, infinite) and were taken as silence"
                )
            self.flags = ("mixed_channels",) if likeness.unlike else ()

    def _part(self, blocks: Iterator[np.ndarray], rate_hz: int) -> Iterator[np.ndarray]:
        """The frames from start to end."""
        start = round(self._start_s * rate_hz)
        end = None if self._end_s is None else round(self._end_s * rate_hz)
        at = 0
        for block in blocks:
            if end is not None and at >= end:
                return
            piece = block[max(0, start - at) : None if end is None else max(0, end - at)]
            at += len(block)
            if len(piece):
                yield piece
        if start and at <= start:
            raise AudioDecodeError(f"the part starts at {self._start_s:g} s and the file ends at {at / rate_hz:g} s")
