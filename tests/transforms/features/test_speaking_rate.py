"""Syllables counted without words."""

import re

import numpy as np
import pytest
import soundfile

from transforms.features import chunks
from transforms.features.chunks import cut_chunks
from transforms.features.speaking_rate import n_inside, syllables_of
from transforms.speech import Region


def vowels_in(reference):
    """Groups of vowels, but for a silent e at the end: about the syllables of English words."""
    return sum(max(1, len(re.findall("[aeiouy]+", re.sub("e$", "", word)))) for word in reference.lower().split())


def test_peaks_are_about_as_many_as_syllables(speech, clips):
    counted, written = [], []
    for clip in [clip for clip in clips if clip["corpus"] == "librispeech"][:30]:
        samples, _ = soundfile.read(speech / clip["uri"], dtype="float32")
        counted.append(sum(len(syllables_of(chunk)) for chunk in cut_chunks([samples])))
        written.append(vowels_in(clip["reference"]))
    assert sum(counted) / sum(written) == pytest.approx(1, abs=0.1)
    assert np.corrcoef(counted, written)[0, 1] > 0.95


def test_bursts_are_counted_where_they_are(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_FRAMES", 150)
    monkeypatch.setattr(chunks, "CHUNK_SAMPLES", 150 * 160)
    times = np.arange(4 * 16_000) / 16_000
    # five bursts of a tone of 700 Hz a second, strongest in their middle
    bursts = (np.sin(2 * np.pi * 700 * times) * (0.01 + np.sin(np.pi * 5 * times) ** 2)).astype(np.float32) * 0.3
    peaks = np.concatenate([syllables_of(chunk) for chunk in cut_chunks([bursts])])
    np.testing.assert_allclose(peaks / 16_000, 0.1 + 0.2 * np.arange(20), atol=0.011)


def test_silence_has_none():
    assert [len(syllables_of(chunk)) for chunk in cut_chunks([np.zeros(16_000, np.float32)])] == [0]


def test_only_those_in_regions_count():
    peaks = np.array([10, 20, 30, 40])
    assert n_inside(peaks, [Region(0, 10), Region(15, 35)]) == 2
    assert n_inside(peaks, []) == 0
    assert n_inside(np.zeros(0, np.int64), [Region(0, 10)]) == 0
