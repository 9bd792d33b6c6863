"""Mixing, and telling one sound on two channels from two sounds."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio_files import read_speech, with_ffmpeg
from transforms.audio import open_audio
from transforms.channels import Likeness, mix, same_channels


@pytest.fixture(scope="module")
def voice(speech) -> np.ndarray:
    return read_speech(min((speech / "librispeech").iterdir()), 6.0)[0]


def in_blocks(*channels: np.ndarray, size: int = 16_000):
    samples = np.stack(channels, axis=1)
    return (samples[start : start + size] for start in range(0, len(samples), size))


def test_mix_is_the_mean():
    mixed = mix(np.array([[1.0, 0.0], [0.5, -0.5], [0.25, 0.75]], np.float32))
    assert mixed.dtype == np.float32
    assert mixed.tolist() == [0.5, 0.0, 0.5]


def test_a_copy_is_the_same(voice):
    assert same_channels(in_blocks(voice, voice))
    assert same_channels(in_blocks(voice, voice, voice))


def test_a_single_channel_is_the_same_as_itself(voice):
    assert same_channels(in_blocks(voice))


def test_rounding_and_dither_make_no_difference(voice):
    dither = np.random.default_rng(0).uniform(-1, 1, (2, len(voice))) / 32_768
    left, right = np.round((voice + dither) * 32_768).astype(np.float32) / 32_768
    assert not np.array_equal(left, right)
    assert same_channels(in_blocks(left, right))


def test_one_voice_on_both_channels_of_an_mp3_is_the_same(voice):
    content = with_ffmpeg(np.stack((voice, voice), axis=1), 16_000, "mp3", "libmp3lame", "stereo", 64_000)
    with open_audio(io.BytesIO(content)) as audio:
        assert same_channels(audio.blocks())


@pytest.mark.parametrize("gain", [0.0, 0.5, 0.98, -1.0])
def test_another_gain_is_another_sound(voice, gain):
    assert not same_channels(in_blocks(voice, voice * np.float32(gain)))


def test_a_delay_is_another_sound(voice):
    assert not same_channels(in_blocks(voice, np.roll(voice, 80)))


def test_a_speaker_a_channel_differs(speech):
    with (speech / "hard" / "stereo_2ch_left_right.wav").open("rb") as file, open_audio(file) as audio:
        assert audio.info.channels == 2
        assert not same_channels(audio.blocks())


def test_silence_does_not_decide(voice):
    silence = np.zeros(5 * 16_000, np.float32)
    assert same_channels(in_blocks(silence, silence))
    assert same_channels([])
    late = np.concatenate((silence, voice))
    assert not same_channels(in_blocks(late, np.zeros_like(late)))
    assert same_channels(in_blocks(late, late))


def test_the_third_channel_counts(voice):
    assert not same_channels(in_blocks(voice, voice, voice * np.float32(0.1)))


def test_no_more_is_read_than_it_takes(voice):
    read = []

    def blocks():
        for block in in_blocks(voice, np.zeros_like(voice), size=8_000):
            read.append(len(block))
            yield block

    assert not same_channels(blocks())
    assert len(read) < 3


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=12), st.integers(0, 19_999))
def test_the_verdict_does_not_depend_on_the_blocks(sizes, where):
    left = np.full(20_000, 0.1, np.float32)
    right = left.copy()
    right[where] += 0.006  # just above the limit in a window, and below it in a longer one
    edges = np.cumsum(sizes)
    whole = np.stack((left, right), axis=1)
    cut = [part for part in np.split(whole, edges[edges < len(whole)]) if len(part)]
    assert same_channels(cut) == same_channels([whole])


def test_soundfile_and_stream_agree_on_a_stereo_recording(speech):
    path = speech / "hard" / "stereo_2ch_left_right.wav"
    with path.open("rb") as file, open_audio(file) as audio:
        mixed = np.concatenate([mix(block) for block in audio.blocks(0.7)])
    expected = soundfile.read(path, dtype="float32")[0].mean(axis=1)
    assert np.abs(mixed - expected).max() < 1e-6


@pytest.mark.parametrize(
    ("weights", "unlike"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], True),
        ([[1.0, 0.0], [0.0, 0.01]], False),
        ([[1.0, 0.0], [0.9, 0.3]], False),
        ([[1.0, 0.0], [-1.0, 0.0]], False),
        ([[0.0, 0.0], [0.0, 0.0]], False),
        ([[1.0, 0.0]], False),
    ],
)
def test_channels_that_have_nothing_in_common(weights, unlike):
    voices = np.random.default_rng(7).normal(size=(16_000, 2)).astype(np.float32)
    likeness = Likeness()
    for block in np.array_split(voices @ np.array(weights, np.float32).T, 5):
        likeness.push(block)
    assert likeness.unlike is unlike
