"""Compressed sound, and the sound of video, through FFmpeg (PyAV)."""

import contextlib
import itertools
from collections.abc import Iterator

import av
import numpy as np
from av.error import FFmpegError

from transforms.audio_source import AudioDecodeError, AudioInfo, SourceFile
from transforms.ffmpeg_container import audio_stream, estimated_s, format_name, open_container, origin_s, promised_s
from transforms.sound_chunk import find_sound_chunk

# Timestamps are rounded, and clocks of recorders drift: smaller holes are no holes.
_HOLE_TOLERANCE_S = 0.1
# More undecodable sound than this is damage. One bad packet is 20-30 ms; a file may well end amid one.
_DAMAGE_TOLERANCE_S = 0.05
# Broadcast timestamps jump where recordings were joined: a longer hole is none.
_MAX_HOLE_OF_UNSURE_END_S = 10.0
_UNSURE_END = {"mpegts", "mpeg", "flv"}
# A hostile file may claim years of silence.
_MAX_FILLED_S = 24 * 3600.0
# PyAV 18 reads past the end of the list of planes of such a frame, and crashes.
_MIN_CHANNELS_TO_PACK = 8
# Their timestamps count samples: a hole is loss. In other containers the recorder may have paused.
_COUNTS_SAMPLES = {"flac", "ogg"}
_COUNTED_HOLE_TOLERANCE_S = 0.02


class FfmpegSource:
    """Sound that FFmpeg reads. Holes between timestamps become silence, so that times stay those of the file."""

    def __init__(self, file: SourceFile, container: av.container.InputContainer) -> None:
        self.filled_s = 0.0
        self._container = container
        self._stream = audio_stream(container)
        self._format = format_name(container)
        self._origin_s = origin_s(container)
        self._n_delivered = 0
        self._lost_s = 0.0
        # undecodable since the last good frame
        self._undecodable_s = 0.0
        self._stopped_by: str | None = None
        chunk = find_sound_chunk(file)
        self._promised_ratio = chunk.promised_ratio if chunk else None
        self._promised_s = promised_s(file, container, self._stream)
        duration_s = self._promised_s or estimated_s(container, self._stream)
        # how the sound is laid out is known by its first frame: AAC may double the rate that the header gives
        self._frames = self._decode()
        first = next(self._frames, None)
        if first is None:
            raise AudioDecodeError(self.damage() or "no sound in the file")
        self._first = first
        codec = self._stream.codec_context.codec.canonical_name
        self.info = AudioInfo(first.sample_rate, first.layout.nb_channels, codec, duration_s)

    @property
    def promised_s(self) -> float | None:
        if self._promised_ratio is None:
            return self._promised_s
        return self._promised_ratio * self._n_delivered / self.info.sample_rate_hz

    def pieces(self) -> Iterator[np.ndarray]:
        matched = _Matched(self._first)
        for frame in itertools.chain([self._first], self._frames):
            hole_s = self._hole_s(frame)
            if hole_s:
                yield from self._silence(hole_s)
            try:
                alike = matched.push(frame)
            except (FFmpegError, ValueError):
                self._stopped_by = f"the sound turns into {frame.layout.nb_channels} channels midway"
                return
            yield from map(self._delivered, alike)
        yield from map(self._delivered, matched.flush())

    def damage(self) -> str | None:
        lost_s = self._lost_s + self._undecodable_s
        lost = f"damaged: {lost_s:.2f} s cannot be decoded" if lost_s > _DAMAGE_TOLERANCE_S else None
        return "; ".join(filter(None, (lost, self._stopped_by))) or None

    def close(self) -> None:
        self._container.close()

    def _decode(self) -> Iterator[av.AudioFrame]:
        """Frames of all packets that can be decoded."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError as error:
                self._stopped_by = f"damaged: unreadable from here on ({error.strerror})"
                return
            except IndexError:
                # the end: PyAV 18 stumbles there over tracks that turned up midway, after having flushed this one
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except FFmpegError:
                self._undecodable_s += float((packet.duration or 0) * (packet.time_base or 0))
                continue
            yield from frames

    def _hole_s(self, frame: av.AudioFrame) -> float:
        """Seconds between what was delivered and where the frame belongs; books what was lost before the frame."""
        undecodable_s, self._undecodable_s = self._undecodable_s, 0.0
        self._lost_s += undecodable_s
        # the timestamps of AVI are guesses where the bit rate varies
        if frame.time is None or self._format == "avi":
            return 0.0
        position_s = self._n_delivered / self.info.sample_rate_hz
        hole_s = frame.time - self._origin_s - position_s
        tolerance_s = _COUNTED_HOLE_TOLERANCE_S if self._format in _COUNTS_SAMPLES else _HOLE_TOLERANCE_S
        if not tolerance_s < hole_s <= self._max_hole_s(position_s):
            return 0.0
        if undecodable_s or self._format in _COUNTS_SAMPLES:
            self._lost_s += max(hole_s - undecodable_s, 0.0)
        return hole_s

    def _max_hole_s(self, position_s: float) -> float:
        if self._format in _UNSURE_END or self.info.duration_s is None:
            return _MAX_HOLE_OF_UNSURE_END_S
        return min(self.info.duration_s - position_s + 1.0, _MAX_FILLED_S - self.filled_s)

    def _silence(self, duration_s: float) -> Iterator[np.ndarray]:
        self.filled_s += duration_s
        n_left = round(duration_s * self.info.sample_rate_hz)
        while n_left > 0:
            n = min(n_left, self.info.sample_rate_hz)
            n_left -= n
            self._n_delivered += n
            yield np.zeros((n, self.info.channels), np.float32)

    def _delivered(self, frame: av.AudioFrame) -> np.ndarray:
        self._n_delivered += frame.samples
        return samples_of(frame)


class _Matched:
    """Frames in the rate and channels of the first, whatever a joined file or a broadcast turns to midway."""

    def __init__(self, first: av.AudioFrame) -> None:
        self._layout, self._sample_rate_hz = first.layout, first.sample_rate
        self._like_first = self._now = _sound_of(first)
        self._pack = first.format.is_planar and first.layout.nb_channels >= _MIN_CHANNELS_TO_PACK
        self._converter: av.AudioResampler | None = None

    def push(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        frames = []
        if _sound_of(frame) != self._now:
            frames = self.flush()
            self._now = _sound_of(frame)
        if self._now == self._like_first and not self._pack:
            return [*frames, frame]
        if self._converter is None:
            self._converter = av.AudioResampler("flt", self._layout, self._sample_rate_hz)
        frame.pts = None
        return [*frames, *self._converter.resample(frame)]

    def flush(self) -> list[av.AudioFrame]:
        if self._converter is None:
            return []
        converter, self._converter = self._converter, None
        return converter.resample(None)


def _sound_of(frame: av.AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.layout.name, frame.format.name


def open_with_ffmpeg(file: SourceFile) -> FfmpegSource:
    """The file as FFmpeg reads it. Raises AudioDecodeError, and what reading the file raised."""
    container = open_container(file)
    with contextlib.ExitStack() as on_error:
        on_error.callback(container.close)
        try:
            source = FfmpegSource(file, container)
        finally:
            file.raise_read_error()
        on_error.pop_all()
        return source


def samples_of(frame: av.AudioFrame) -> np.ndarray:
    """The samples of a frame: float32 [n, channels], integers scaled to [-1, 1)."""
    samples = frame.to_ndarray()
    samples = samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)
    if samples.dtype == np.float32:
        return samples
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype == np.float64:
        with np.errstate(over="ignore"):
            return samples.astype(np.float32)
    return samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
