"""Loudness: the coefficients of the standard, its test signals, and another implementation on real speech."""

import numpy as np
import pyloudnorm
import pytest

from transforms.features.loudness import LoudnessMeter, k_weighting

SECOND = 16_000


def measure(samples, n_blocks=1):
    meter = LoudnessMeter()
    for block in np.array_split(np.asarray(samples, np.float32), n_blocks):
        meter.push(block)
    return meter.finish()


def tone(n_seconds, dbfs, hz=1000):
    return 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * np.arange(int(n_seconds * SECOND)) / SECOND)


def test_filters_at_48_khz_are_those_of_the_standard():
    """ITU-R BS.1770-4, tables 1 and 2."""
    (head_b, head_a), (cut_b, cut_a) = k_weighting(48_000)
    np.testing.assert_allclose(head_b, [1.53512485958697, -2.69169618940638, 1.19839281085285], atol=1e-10)
    np.testing.assert_allclose(head_a, [1.0, -1.69065929318241, 0.73248077421585], atol=1e-10)
    np.testing.assert_allclose(cut_b, [1.0, -2.0, 1.0], atol=1e-10)
    np.testing.assert_allclose(cut_a, [1.0, -1.99004745483398, 0.99007225036621], atol=1e-10)


@pytest.mark.parametrize(
    ("parts", "lufs"),
    [
        # EBU Tech 3341, cases 1-4, of which the two channels are one here: 3 LU less
        ([(20, -23)], -26.0),
        ([(20, -33)], -36.0),
        ([(10, -36), (60, -23), (10, -36)], -26.0),
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -26.0),
    ],
)
def test_integrated_loudness_of_the_standards_signals(parts, lufs):
    found = measure(np.concatenate([tone(seconds, dbfs) for seconds, dbfs in parts]))
    assert found.integrated_lufs == pytest.approx(lufs, abs=0.1)


@pytest.mark.parametrize(
    ("parts", "lu"),
    [
        # EBU Tech 3342, cases 1-4
        ([(20, -20), (20, -30)], 10),
        ([(20, -20), (20, -15)], 5),
        ([(20, -40), (20, -20)], 20),
        ([(20, -50), (20, -35), (20, -20), (20, -35), (20, -50)], 15),
    ],
)
def test_range_of_the_standards_signals(parts, lu):
    found = measure(np.concatenate([tone(seconds, dbfs) for seconds, dbfs in parts]))
    assert found.range_lu == pytest.approx(lu, abs=1)


def test_peak_between_the_samples():
    """A tone at a quarter of the rate, sampled 45 degrees off its peaks (Tech 3341, case 15)."""
    samples = 0.5 * np.sin(np.pi / 2 * np.arange(SECOND) + np.pi / 4)
    found = measure(samples * np.hanning(SECOND))
    assert np.abs(samples).max() == pytest.approx(0.354, abs=0.001)
    assert found.true_peak_dbtp == pytest.approx(-6.0, abs=0.2)


def test_real_speech_as_pyloudnorm_hears_it(recordings):
    for samples in recordings:
        meter = pyloudnorm.Meter(SECOND, filter_class="DeMan")
        # it measures a last window too that the recording does not fill: here there is none
        whole = samples[: len(samples) // 1600 * 1600]
        expected = meter.integrated_loudness(whole.astype(np.float64))
        assert measure(samples).integrated_lufs == pytest.approx(expected, abs=0.01)


def test_blocks_change_nothing(recordings):
    whole, blocks = measure(recordings[-1]), measure(recordings[-1], 37)
    assert vars(blocks) == pytest.approx(vars(whole), abs=1e-6)


def test_what_is_too_short_or_silent_has_none():
    assert measure(tone(0.3, -20)).integrated_lufs is None
    assert measure(tone(1, -20)).max_short_term_lufs is None
    assert measure(tone(1, -20)).max_momentary_lufs == pytest.approx(-23, abs=0.1)
    assert set(vars(measure(np.zeros(4 * SECOND))).values()) == {None}
