"""Makes sound files of every kind for tests."""

import io
from pathlib import Path

import av
import numpy as np
import soundfile


def read_speech(path: Path, seconds: float, rate_hz: int | None = None) -> tuple[np.ndarray, int]:
    """The start of a recording: float32 [n], and its rate (changed by linear interpolation if one is given)."""
    samples, own_rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    samples = samples[: int(seconds * own_rate_hz), 0]
    if rate_hz is None or rate_hz == own_rate_hz:
        return samples, own_rate_hz
    times = np.arange(int(len(samples) * rate_hz / own_rate_hz)) / rate_hz
    return np.interp(times, np.arange(len(samples)) / own_rate_hz, samples).astype(np.float32), rate_hz


def spread(samples: np.ndarray, channels: int) -> np.ndarray:
    """[n] -> [n, channels], each channel with a gain of its own, none louder than the original."""
    return samples[:, None] * np.linspace(1.0, 0.3, channels, dtype=np.float32)


def with_soundfile(samples: np.ndarray, rate_hz: int, kind: str, subtype: str, endian: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind, subtype=subtype, endian=endian)
    return file.getvalue()


def with_ffmpeg(
    samples: np.ndarray,
    rate_hz: int,
    muxer: str,
    codec: str,
    layout: str = "mono",
    bit_rate: int = 64_000,
    options: dict[str, str] | None = None,
    first_pts_s: dict[float, float] | None = None,
) -> bytes:
    """The samples [n, channels] in a file. first_pts_s: from this second of the samples on, they lie so much later."""
    file = io.BytesIO()
    with av.open(file, "w", format=muxer, options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        stream.bit_rate = bit_rate
        stream.open()
        for frame in _frames(samples, rate_hz, stream, layout, first_pts_s or {}):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _frames(samples, rate_hz, stream, layout, delays):
    # packed: PyAV 18 crashes on the planes of 8 channels
    whole = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), format="flt", layout=layout)
    whole.sample_rate = rate_hz
    frame_size = stream.frame_size or 1024
    converter = av.AudioResampler(stream.format.name, layout, rate_hz, frame_size=frame_size)
    position = 0
    for frame in [*converter.resample(whole), *converter.resample(None)]:
        delay_s = max((delay for start, delay in delays.items() if position >= start * rate_hz), default=0.0)
        frame.pts = position + round(delay_s * rate_hz)
        position += frame.samples
        yield frame


def video(samples: np.ndarray | None, rate_hz: int, muxer: str, picture_codec: str, codec: str = "aac") -> bytes:
    """A film of moving noise, 5 frames a second, with the samples [n, channels <= 2] as its sound, or silent."""
    file = io.BytesIO()
    random = np.random.default_rng(0)
    n_pictures = 10 if samples is None else int(len(samples) / rate_hz * 5)
    with av.open(file, "w", format=muxer) as container:
        pictures = container.add_stream(picture_codec, rate=5)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = None
        if samples is not None:
            layout = "mono" if samples.shape[1] == 1 else "stereo"
            sound = container.add_stream(codec, rate=rate_hz, layout=layout)
            sound.bit_rate = 128_000
            sound.open()
        for _ in range(n_pictures):
            picture = random.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(pictures.encode(None))
        if sound is not None:
            for frame in _frames(samples, rate_hz, sound, layout, {}):
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return file.getvalue()
