"""Sound files as a `tf.data` pipeline: decoded and resampled in the graph by tensorflow-io where that is installed.

In the graph, reading runs in TensorFlow's own threads beside training, without Python's lock. tensorflow-io's last
release loads into TensorFlow 2.17 alone (the extra `tfio`); without it, and for kinds of files it has no decoder for,
soundfile and soxr do the same from outside of the graph. What a file is, its bytes decide and never its name.
"""

import struct
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soundfile
import soxr
import tensorflow as tf

from model.errors import BeamscribeError
from model.recognizer import SAMPLE_RATE_HZ

# how a file is read in the graph; OTHER is read from outside of it
KINDS = WAV_INT16, WAV_FLOAT32, FLAC_INT16, VORBIS, MP3, OTHER = range(6)
FULL_SCALE_INT16 = 32_768.0
HEAD_BYTES = 64
# tensorflow-io's resampler (Speex) is late by half its filter: so many samples of the lower rate, measured
RESAMPLER_LATENCY = 32


def has_tensorflow_io() -> bool:
    """Whether sound can be read in the graph."""
    return find_spec("tensorflow_io") is not None


def read_sounds(paths: Sequence[str], in_graph: bool | None = None) -> tf.data.Dataset:
    """The samples [n] of each local file in order: float32 at 16 kHz, its channels mixed, read ahead in parallel.

    in_graph: None takes tensorflow-io where it is installed. BeamscribeError where it is asked for and is not, or where
    a file cannot be opened.
    """
    in_graph = has_tensorflow_io() if in_graph is None else in_graph
    if in_graph and not has_tensorflow_io():
        raise BeamscribeError(
            "tensorflow-io is not installed: pip install -r requirements-tfio.txt, in Python 3.11-3.12"
        )
    kinds = [kind_of(path) if in_graph else OTHER for path in paths]
    rates_hz = [rate_of(path) if kind != OTHER else 0 for path, kind in zip(paths, kinds, strict=True)]
    files = tf.data.Dataset.from_tensor_slices((list(paths), kinds, np.array(rates_hz, np.int64)))
    # in the order of the paths: training is the same whatever is read first
    read = _read_in_graph if in_graph else lambda path, *_: _read_outside(path)
    return files.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)


def read_each(paths: Sequence[str], in_graph: bool | None = None) -> Iterator[np.ndarray]:
    """The same as arrays. Raises BeamscribeError also for a file that cannot be decoded."""
    sounds = read_sounds(paths, in_graph).as_numpy_iterator()
    for path in paths:
        try:
            samples = next(sounds)
        except tf.errors.OpError as error:
            raise BeamscribeError(f"{path} cannot be decoded: mend the file or leave its rows out") from error
        yield samples


def kind_of(path: str) -> int:
    """How a file is read, by its first bytes."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(HEAD_BYTES).ljust(HEAD_BYTES, b"\0")
    except OSError as error:
        raise BeamscribeError(f"{path} cannot be read ({error.strerror}): check the path and its rights") from error
    if head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt ":
        (coding,), (bits,) = struct.unpack("<H", head[20:22]), struct.unpack("<H", head[34:36])
        return {(1, 16): WAV_INT16, (3, 32): WAV_FLOAT32}.get((coding, bits), OTHER)
    if head[:4] == b"fLaC":
        # of STREAMINFO: 20 bits of rate, 3 of channels, 5 of bits a sample less one
        (packed,) = struct.unpack(">I", head[18:22])
        return FLAC_INT16 if (packed >> 4 & 31) + 1 == 16 else OTHER
    if head[:4] == b"OggS":
        return VORBIS if b"\1vorbis" in head else OTHER
    is_mp3 = head[:3] == b"ID3" or (head[0] == 0xFF and head[1] & 0xE6 == 0xE2)
    return MP3 if is_mp3 else OTHER


def rate_of(path: str) -> int:
    """The sample rate of a file in Hz, by its header: tensorflow-io's decoders give samples and nothing else."""
    try:
        return soundfile.info(path).samplerate
    except soundfile.LibsndfileError as error:
        raise BeamscribeError(f"{path} cannot be read ({error.error_string}): mend or leave out the file") from error


def _read_in_graph(path: tf.Tensor, kind: tf.Tensor, rate_hz: tf.Tensor) -> tf.Tensor:
    branches = {known: lambda known=known: _decode(path, known, rate_hz) for known in KINDS if known != OTHER}
    return tf.ensure_shape(tf.switch_case(kind, branches, default=lambda: _read_outside(path)), [None])


def _decode(path: tf.Tensor, kind: int, rate_hz: tf.Tensor) -> tf.Tensor:
    channels = _samples(tf.io.read_file(path), kind)
    mono = tf.reduce_mean(channels, axis=1)
    return tf.cond(tf.equal(rate_hz, SAMPLE_RATE_HZ), lambda: mono, lambda: _resample(mono, rate_hz))


def _samples(data: tf.Tensor, kind: int) -> tf.Tensor:
    """float32 [n, n_channels] of the bytes of a file.

    Not by `tfio.IOTensor`, which keeps one open file for all calls of the graph: read in parallel, files get each
    other's samples and rates (https://github.com/tensorflow/io/issues/1647 and 1764).
    """
    import tensorflow_io as tfio

    if kind == WAV_FLOAT32:
        return tfio.audio.decode_wav(data, dtype=tf.float32)
    if kind == VORBIS:
        return tfio.audio.decode_vorbis(data)
    if kind == MP3:
        return tfio.audio.decode_mp3(data)
    decode = {WAV_INT16: tfio.audio.decode_wav, FLAC_INT16: tfio.audio.decode_flac}[kind]
    return tf.cast(decode(data, dtype=tf.int16), tf.float32) / FULL_SCALE_INT16


def _resample(mono: tf.Tensor, rate_hz: tf.Tensor) -> tf.Tensor:
    import tensorflow_io as tfio

    ratio = SAMPLE_RATE_HZ / tf.cast(rate_hz, tf.float64)
    late = tf.cast(tf.math.ceil(RESAMPLER_LATENCY / tf.minimum(ratio, 1.0)), tf.int32)
    whole = tfio.audio.resample(tf.pad(mono, [[0, 2 * late]])[:, None], rate_hz, SAMPLE_RATE_HZ)[:, 0]
    start = tf.cast(tf.round(RESAMPLER_LATENCY * tf.maximum(ratio, 1.0)), tf.int32)
    return whole[start : start + tf.cast(tf.math.ceil(ratio * tf.cast(tf.size(mono), tf.float64)), tf.int32)]


def _read_outside(path: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(tf.numpy_function(_read_with_soundfile, [path], tf.float32), [None])


def _read_with_soundfile(path: bytes) -> np.ndarray:
    samples, rate_hz = soundfile.read(path.decode(), dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    return mono if rate_hz == SAMPLE_RATE_HZ else soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ).astype(np.float32)
