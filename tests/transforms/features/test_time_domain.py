"""Levels: of tones, of silence, of sound that is clipped."""

import numpy as np
import pytest

from transforms.features.chunks import cut_chunks
from transforms.features.groups import SAMPLE_GROUPS
from transforms.features.time_domain import LevelMeter

SECOND = 16_000


def levels(samples):
    group = SAMPLE_GROUPS["time"]()
    for chunk in cut_chunks([np.asarray(samples, np.float32)]):
        group.push(chunk)
    return group.finish()


def tone(n_seconds, amplitude, hz=1000):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(n_seconds * SECOND) / SECOND)


def test_tone():
    found = levels(tone(40, 0.5))
    assert found["rms_dbfs"] == pytest.approx(-9.03, abs=0.01)
    assert found["peak_dbfs"] == pytest.approx(-6.02, abs=0.01)
    assert found["crest_factor_db"] == pytest.approx(3.01, abs=0.01)
    assert found["zero_crossing_rate_mean"] == pytest.approx(0.125, abs=0.001)
    assert found["dc_offset"] == pytest.approx(0, abs=1e-6)
    assert (found["clipping"], found["silence_ratio"]) == (0, pytest.approx(0, abs=0.001))


def test_digital_silence_has_no_level():
    found = levels(np.zeros(SECOND))
    assert {found[name] for name in ("rms_dbfs", "peak_dbfs", "crest_factor_db", "snr_db")} == {None}
    assert (found["silence_ratio"], found["clipping"], found["dc_offset"], found["rms_mean"]) == (1.0, 0.0, 0.0, 0.0)


def test_what_is_at_full_scale_on_both_sides_is_clipped():
    samples = np.zeros(1000)
    samples[:30], samples[30:50], samples[50:70] = 1.0, -1.0, 0.98
    assert levels(samples)["clipping"] == pytest.approx(0.05)


def test_offset():
    assert levels(np.full(SECOND, 0.25))["dc_offset"] == pytest.approx(0.25)


def test_pauses_are_silence_and_their_noise_is_the_noise():
    noise = np.random.default_rng(0).normal(0, 0.001, 4 * SECOND)
    speech = np.concatenate([tone(3, 0.5), np.zeros(SECOND)])
    found = levels(speech + noise)
    assert found["silence_ratio"] == pytest.approx(0.25, abs=0.01)
    # 0.5² / 2 for three of four seconds, over 0.001²; the quietest frames are below the mean of the noise
    assert found["snr_db"] == pytest.approx(10 * np.log10(0.75 * 0.125 / 1e-6), abs=1.0)


def test_levels_do_not_depend_on_where_they_are_cut():
    rms = np.random.default_rng(1).uniform(1e-7, 1, 500)
    whole, cut = LevelMeter(), LevelMeter()
    whole.push(np.ones(10, np.float32), rms)
    cut.push(np.ones(4, np.float32), rms[:123])
    cut.push(np.ones(6, np.float32), rms[123:])
    assert cut.finish() == whole.finish()
