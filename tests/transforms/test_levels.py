"""Levels of frames, and of stretches of them."""

import numpy as np
import pytest

from transforms.levels import clipped_fractions, mean_between, mean_squares, noise_of, snr_db, to_db

SAMPLES = np.concatenate([np.full(800, 0.5), np.full(800, -0.1), np.full(10, -1.0)]).astype(np.float32)


def test_levels_are_of_50_ms_and_the_rest():
    np.testing.assert_allclose(mean_squares(SAMPLES), [0.25, 0.01, 1.0], rtol=1e-6)


def test_what_is_at_full_scale_on_either_side_is_clipped():
    samples = SAMPLES.copy()
    samples[:200], samples[200:300] = 1.0, 0.98
    np.testing.assert_array_equal(clipped_fractions(samples), np.array([0.25, 0.0, 1.0], np.float32))


def test_means_are_of_the_frames_that_a_stretch_touches():
    frames = np.array([1.0, 2.0, 4.0, 8.0], np.float32)
    assert mean_between(frames, 0.0, 0.2) == 3.75
    assert mean_between(frames, 0.06, 0.11) == 3.0
    assert mean_between(frames, 0.06, 0.06) == 2.0
    assert mean_between(frames, 0.19, 0.5) == 8.0
    assert mean_between(frames, 1.0, 1.5) == 8.0


def test_levels_in_decibels():
    assert noise_of(np.array([5.0, *[7.0] * 20])) == 7.0
    assert (to_db(0.01), to_db(0.0)) == (pytest.approx(-20.0), None)
    assert (snr_db(2.0, 1.0), snr_db(1.0, 0.0)) == (pytest.approx(0.0), None)
    assert snr_db(1.0, 1.0) == pytest.approx(-120.0)
