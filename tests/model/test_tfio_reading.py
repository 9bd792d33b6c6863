"""Sound read as `tf.data`: the same in the graph and outside of it, in every format."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from model.errors import BeamscribeError
from model.tfio_reading import (
    FLAC_INT16,
    MP3,
    OTHER,
    VORBIS,
    WAV_FLOAT32,
    WAV_INT16,
    has_tensorflow_io,
    kind_of,
    read_each,
    read_sounds,
)
from model.whisper.audio import log_mel

# name, what soundfile is to write, how it is read, how near decoders come to each other
FORMATS = [
    ("int16.wav", {"subtype": "PCM_16"}, WAV_INT16, 1e-4),
    ("float32.wav", {"subtype": "FLOAT"}, WAV_FLOAT32, 1e-6),
    ("int24.wav", {"subtype": "PCM_24"}, OTHER, 1e-6),
    ("int16.flac", {"subtype": "PCM_16"}, FLAC_INT16, 1e-4),
    ("int24.flac", {"subtype": "PCM_24"}, OTHER, 1e-6),
    ("vorbis.ogg", {"format": "OGG", "subtype": "VORBIS"}, VORBIS, 0.05),
    ("opus.ogg", {"format": "OGG", "subtype": "OPUS"}, OTHER, 0.05),
    ("sound.mp3", {"format": "MP3"}, MP3, 0.05),
]
IN_GRAPH = [
    False,
    pytest.param(True, marks=pytest.mark.skipif(not has_tensorflow_io(), reason="tensorflow-io: make tfio-test")),
]


def sweep(rate_hz: int) -> np.ndarray:
    """A second from 200 Hz to 2 kHz on one side, silence on the other."""
    t = np.arange(rate_hz) / rate_hz
    left = 0.4 * np.sin(2 * np.pi * (200 * t + 900 * t**2))
    return np.stack([left, 0 * left], axis=1).astype(np.float32)


def write(folder: Path, name: str, rate_hz: int, flags: dict) -> str:
    # the name says nothing: the bytes do
    path = folder / f"{rate_hz}-{name}".replace(".", "_")
    soundfile.write(path, sweep(rate_hz), rate_hz, **({"format": name.rsplit(".", 1)[1].upper()} | flags))
    return str(path)


@pytest.mark.parametrize(("name", "flags", "kind", "tolerance"), FORMATS, ids=[f[0] for f in FORMATS])
@pytest.mark.parametrize("in_graph", IN_GRAPH)
def test_sound_of_16_khz_is_what_was_written(name, flags, kind, tolerance, in_graph, tmp_path):
    path = write(tmp_path, name, 16_000, flags)
    assert kind_of(path) == kind
    (samples,) = read_sounds([path], in_graph).as_numpy_iterator()
    assert samples.dtype == np.float32
    expected = sweep(16_000).mean(axis=1)
    # at an edge what codecs lose, and add
    np.testing.assert_allclose(samples[800:15_200], expected[800:15_200], atol=tolerance)


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100])
@pytest.mark.parametrize("in_graph", IN_GRAPH)
def test_other_rates_come_to_the_same_log_mel(rate_hz, in_graph, tmp_path):
    paths = [write(tmp_path, "float32.wav", rate, {"subtype": "FLOAT"}) for rate in (rate_hz, 16_000)]
    resampled, expected = read_sounds(paths, in_graph).as_numpy_iterator()
    assert abs(len(resampled) - 16_000) <= 1
    mels = [log_mel(tf.constant(samples[:15_840]), 80).numpy() for samples in (resampled, expected)]
    # in powers of ten over four; at its bottom, 80 dB down, resamplers differ
    loud = mels[1] > 0
    assert loud.sum() > 500
    np.testing.assert_allclose(mels[0][loud], mels[1][loud], atol=0.1)
    assert np.abs(mels[0] - mels[1])[loud].mean() < 0.01


@pytest.mark.parametrize("in_graph", IN_GRAPH)
def test_files_come_in_order_whatever_they_are(in_graph, tmp_path):
    paths = [write(tmp_path, name, 16_000, flags) for name, flags, _, _ in FORMATS]
    alone = [next(read_sounds([path], in_graph).as_numpy_iterator()) for path in paths]
    for ours, theirs in zip(read_sounds(paths, in_graph).as_numpy_iterator(), alone, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("in_graph", IN_GRAPH)
def test_files_read_at_once_keep_their_own_samples(in_graph, tmp_path, monkeypatch):
    """https://github.com/tensorflow/io/issues/1647: with tfio.IOTensor files get each other's samples."""
    monkeypatch.setattr(tf.data, "AUTOTUNE", 8)
    paths = [str(tmp_path / f"{number}.wav") for number in range(400)]
    for number, path in enumerate(paths):
        soundfile.write(path, np.full(30_000 + 100 * number, number / 512, np.float32), 16_000, "FLOAT")
    sounds = read_sounds(paths, in_graph).as_numpy_iterator()
    found = [(len(samples), samples.min(), samples.max()) for samples in sounds]
    assert found == [(30_000 + 100 * number, number / 512, number / 512) for number in range(400)]


@pytest.mark.parametrize("in_graph", IN_GRAPH)
@pytest.mark.parametrize("name", ["int16.wav", "int16.flac"])
def test_a_file_that_is_damaged_is_named(name, in_graph, tmp_path):
    flags = {"subtype": "PCM_16"}
    whole, broken = (write(tmp_path, name, rate_hz, flags) for rate_hz in (16_000, 8_000))
    data = Path(broken).read_bytes()
    Path(broken).write_bytes(data[:30] if name.endswith("wav") else data[: len(data) // 2])
    sounds = read_each([whole, broken], in_graph)
    with pytest.raises(BeamscribeError, match=r"8000-int16_(wav|flac) cannot be (read|decoded)"):
        list(sounds)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BeamscribeError, match=r"gone\.wav cannot be read \(No such file or directory\)"):
        kind_of(str(tmp_path / "gone.wav"))


@pytest.mark.skipif(has_tensorflow_io(), reason="tensorflow-io is installed")
def test_without_tensorflow_io_its_path_is_refused(tmp_path):
    with pytest.raises(BeamscribeError, match="tensorflow-io is not installed: pip install -r requirements-tfio"):
        read_sounds([write(tmp_path, "int16.wav", 16_000, {})], in_graph=True)


@pytest.mark.skipif("BEAMSCRIBE_TFIO" not in os.environ, reason="make tfio-test sets it")
def test_its_environment_has_it():
    assert has_tensorflow_io()
    assert tf.__version__.startswith("2.17.")
