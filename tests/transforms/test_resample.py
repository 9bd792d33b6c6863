"""Resampling in blocks equals librosa's resampling of the whole."""

import itertools
import math

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio_files import read_speech
from transforms.resample import Resampler

SPEECH_RATES_HZ = [8_000, 11_025, 22_050, 44_100, 48_000, 96_000]


def resample(samples: np.ndarray, source_rate_hz: int, target_rate_hz: int, sizes: list[int]) -> np.ndarray:
    """The samples [n, channels] pushed in blocks of the given sizes, over and over."""
    resampler = Resampler(source_rate_hz, target_rate_hz, samples.shape[1])
    pieces, start = [], 0
    for size in itertools.cycle(sizes):
        if start >= len(samples):
            break
        pieces.append(resampler.push(samples[start : start + size]))
        start += size
    return np.concatenate([*pieces, resampler.flush()])


@pytest.mark.parametrize("rate_hz", SPEECH_RATES_HZ)
def test_speech_comes_out_as_from_librosa(speech, rate_hz):
    samples, _ = read_speech(min((speech / "librispeech").iterdir()), 4.0, rate_hz)
    expected = librosa.resample(samples, orig_sr=rate_hz, target_sr=16_000, res_type="soxr_hq")
    ours = resample(samples[:, None], rate_hz, 16_000, [rate_hz // 3])
    assert ours.shape == (len(expected), 1)
    assert ours.dtype == np.float32
    assert np.abs(ours[:, 0] - expected).max() < 1e-4


@pytest.mark.parametrize("rate_hz", [*SPEECH_RATES_HZ, 7_919, 192_000])
@pytest.mark.parametrize("n", [1, 2, 7, 441, 442, 10_007])
def test_length_is_that_of_librosa(rate_hz, n):
    samples = np.zeros((n, 1), np.float32)
    expected = librosa.resample(samples[:, 0], orig_sr=rate_hz, target_sr=16_000, res_type="soxr_hq")
    assert len(resample(samples, rate_hz, 16_000, [100])) == len(expected) == math.ceil(n * (16_000 / rate_hz))


@settings(max_examples=60, deadline=None)
@given(
    rate_hz=st.sampled_from([8_000, 11_025, 22_050, 44_100, 48_000]),
    sizes=st.lists(st.integers(0, 3_000), min_size=1, max_size=8).filter(any),
    channels=st.integers(1, 3),
)
def test_output_does_not_depend_on_the_blocks(rate_hz, sizes, channels):
    samples = np.random.default_rng(0).uniform(-1, 1, (5_000, channels)).astype(np.float32)
    whole = resample(samples, rate_hz, 16_000, [len(samples)])
    in_blocks = resample(samples, rate_hz, 16_000, sizes)
    assert in_blocks.shape == whole.shape
    assert np.abs(in_blocks - whole).max() < 1e-6


def test_channels_stay_apart():
    samples = np.zeros((48_000, 2), np.float32)
    samples[:, 1] = np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000)
    resampled = resample(samples, 48_000, 16_000, [4_800])
    assert not resampled[:, 0].any()
    assert np.abs(resampled[:, 1]).max() == pytest.approx(1.0, abs=0.01)


def test_an_equal_rate_passes_through_untouched():
    samples = np.random.default_rng(0).uniform(-1, 1, (1_000, 2)).astype(np.float32)
    assert np.array_equal(resample(samples, 16_000, 16_000, [333]), samples)


def test_nothing_gives_nothing():
    assert Resampler(44_100, 16_000, 2).flush().shape == (0, 2)
