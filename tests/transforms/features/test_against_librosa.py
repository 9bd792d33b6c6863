"""Each classical feature equals that of librosa on real recordings, those longer than a chunk included."""

from functools import partial

import librosa
import numpy as np
import pytest

from transforms.features.chunks import cut_chunks
from transforms.features.groups import SAMPLE_GROUPS
from transforms.features.pitch import pitch_of

RATE = {"sr": 16_000}
FRAMED = {"n_fft": 400, "hop_length": 160}
LONG_FRAMED = {"n_fft": 2048, "hop_length": 160}
# float32 sums in another order
CLOSE = {"rtol": 2e-4, "atol": 2e-4}


def log_mel_db(y):
    return librosa.power_to_db(librosa.feature.melspectrogram(y=y, n_mels=80, **RATE, **FRAMED), top_db=None)


def mfcc(y):
    return librosa.feature.mfcc(S=log_mel_db(y), n_mfcc=13)


def contrast_db(y):
    with pytest.MonkeyPatch.context() as patch:
        # without the floor that depends on the loudest frame
        patch.setattr(librosa.feature.spectral, "power_to_db", partial(librosa.power_to_db, top_db=None))
        return librosa.feature.spectral_contrast(y=y, **RATE, **FRAMED)


LIBROSA = {
    "rms": lambda y: librosa.feature.rms(y=y, frame_length=400, hop_length=160),
    "zero_crossing_rate": lambda y: librosa.feature.zero_crossing_rate(y, frame_length=400, hop_length=160),
    "log_mel_db": log_mel_db,
    "mfcc": mfcc,
    "mfcc_delta": lambda y: librosa.feature.delta(mfcc(y), mode="nearest"),
    "mfcc_delta2": lambda y: librosa.feature.delta(mfcc(y), order=2, mode="nearest"),
    "centroid_hz": lambda y: librosa.feature.spectral_centroid(y=y, **RATE, **FRAMED),
    "bandwidth_hz": lambda y: librosa.feature.spectral_bandwidth(y=y, **RATE, **FRAMED),
    "rolloff_hz": lambda y: librosa.feature.spectral_rolloff(y=y, **RATE, **FRAMED),
    "flatness": lambda y: librosa.feature.spectral_flatness(y=y, **FRAMED),
    "contrast_db": contrast_db,
    "chroma": lambda y: librosa.feature.chroma_stft(y=y, tuning=0.0, **RATE, **LONG_FRAMED),
}
GROUP_OF = {
    "rms": "time",
    "zero_crossing_rate": "time",
    "log_mel_db": "log_mel",
    "mfcc": "mfcc",
    "mfcc_delta": "mfcc",
    "mfcc_delta2": "mfcc",
    "chroma": "chroma",
}


@pytest.mark.parametrize("name", LIBROSA)
def test_frames_and_what_is_pooled_of_them(name, recordings):
    for samples in recordings:
        group = SAMPLE_GROUPS[GROUP_OF.get(name, "spectral")]()
        frames = np.concatenate([np.atleast_2d(group.push(c)[name]) for c in cut_chunks([samples])], axis=1)
        expected = LIBROSA[name](samples)
        np.testing.assert_allclose(frames, expected, **CLOSE)
        columns = group.finish()
        for pool, value in (("mean", expected.mean(axis=1)), ("std", expected.std(axis=1))):
            np.testing.assert_allclose(np.atleast_1d(columns[f"{name}_{pool}"]), value, **CLOSE)


def test_pitch(recordings):
    samples = recordings[0][: 5 * 16_000]
    (chunk,) = cut_chunks([samples])
    found = pitch_of(chunk)
    pyin = partial(librosa.pyin, fmin=60, fmax=500, frame_length=1024, hop_length=160, resolution=0.2, **RATE)
    for ours, theirs in zip(found, pyin(samples), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_pitch_of_a_tone_across_chunks(monkeypatch):
    monkeypatch.setattr("transforms.features.chunks.CHUNK_FRAMES", 150)
    monkeypatch.setattr("transforms.features.chunks.CHUNK_SAMPLES", 150 * 160)
    times = np.arange(4 * 16_000) / 16_000
    tone = sum(np.sin(2 * np.pi * 200 * k * times) / k for k in range(1, 6)).astype(np.float32) * 0.1
    group = SAMPLE_GROUPS["pitch"]()
    f0_hz = np.concatenate([group.push(chunk)["f0_hz"] for chunk in cut_chunks([tone])])
    assert len(f0_hz) == 401
    # a resolution of 20 cents
    assert np.abs(1200 * np.log2(f0_hz[5:-5] / 200)).max() <= 20
    columns = group.finish()
    assert columns["voiced_ratio"] > 0.97
    assert columns["f0_hz_mean"] == pytest.approx(200, rel=0.01)
