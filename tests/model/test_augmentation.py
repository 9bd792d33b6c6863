"""Changes to clips: each does what it is named for, at the level that was asked for, and the same by equal seeds."""

import numpy as np
import pytest

from model.augmentation import (
    CHANGES,
    Augmentation,
    add_noise,
    augment,
    babble,
    change_speed,
    coloured_noise,
    mask,
    telephone,
)
from model.errors import BeamscribeError

RATE_HZ = 16_000


def tone(hz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)


def power_db(samples: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(samples)))


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_speed_changes_length_and_pitch(speed):
    changed = change_speed(tone(440), speed)
    assert len(changed) == pytest.approx(RATE_HZ / speed, abs=2)
    loudest = np.abs(np.fft.rfft(changed)).argmax() * RATE_HZ / len(changed)
    assert loudest == pytest.approx(440 * speed, abs=1.5)


@pytest.mark.parametrize(("hz", "passes"), [(100, False), (440, True), (1_000, True), (3_000, True), (5_000, False)])
def test_a_telephone_passes_its_band(hz, passes):
    heard = telephone(tone(hz))
    assert len(heard) == RATE_HZ
    assert (power_db(heard) > power_db(tone(hz)) - 6) == passes


def test_a_telephone_takes_clips_of_any_length():
    assert [len(telephone(np.ones(n, np.float32))) for n in (1, 7, 500)] == [1, 7, 500]


@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_noise_is_added_at_its_level(snr_db):
    noise = coloured_noise(RATE_HZ, 1.0, np.random.default_rng(0))
    added = add_noise(tone(440), noise, snr_db) - tone(440)
    assert power_db(tone(440)) - power_db(added) == pytest.approx(snr_db, abs=0.01)
    np.testing.assert_array_equal(add_noise(tone(440), np.zeros(RATE_HZ, np.float32), snr_db), tone(440))


def test_colour_is_how_power_falls_with_frequency():
    for tilt, fall_db in ((0.0, 0.0), (1.0, 3.01), (2.0, 6.02)):
        power = np.square(np.abs(np.fft.rfft(coloured_noise(20 * RATE_HZ, tilt, np.random.default_rng(1)))))
        low, high = (power[hz * 20 : 2 * hz * 20].mean() for hz in (1_000, 2_000))
        assert 10 * np.log10(low / high) == pytest.approx(fall_db, abs=0.2)


def test_babble_is_made_of_the_clips():
    clips = [tone(440, 0.5), 0.01 * tone(1_000, 2.0)]
    spectrum = np.abs(np.fft.rfft(babble(4 * RATE_HZ, clips, np.random.default_rng(3))))
    strongest = set((np.argsort(spectrum)[-2:] // 4).tolist())
    assert strongest == {440, 1_000}


def test_masks_blank_bands_and_heard_frames_alone():
    mel = np.random.default_rng(0).normal(0, 1, [80, 1_024]).astype(np.float32)
    masked = mask(mel, 300, np.random.default_rng(2))
    changed = masked != mel
    whole_bands = changed.all(axis=1)
    assert 0 < whole_bands.sum() <= 24
    columns = np.flatnonzero(changed[~whole_bands].all(axis=0))
    assert 0 < len(columns) <= 24
    assert columns.max() < 300
    assert set(masked[changed]) == {mel.mean()}


def test_equal_seeds_equal_clips_and_full_scale_is_kept():
    how = Augmentation(CHANGES, probability=1.0, noises=(tone(50, 0.2),))
    first, again, other = (augment(tone(440), [tone(300)], how, np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert len(first) != len(other)
    assert np.abs(first).max() <= 1


def test_no_change_is_no_change():
    np.testing.assert_array_equal(augment(tone(440), [], Augmentation(()), np.random.default_rng(0)), tone(440))


def test_unknown_changes_are_refused():
    with pytest.raises(BeamscribeError, match=r"--augment speed,reverb: needs some of speed, telephone, noise, gain"):
        Augmentation(("speed", "reverb"))
