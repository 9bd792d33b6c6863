"""Recordings in chunks: the frames are those of the whole, however long it is and however it comes."""

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.features import chunks
from transforms.features.chunks import CHUNK_SAMPLES, FRAME_SAMPLES, HOP_SAMPLES, cut_chunks


@pytest.fixture
def short_chunks(monkeypatch):
    """Chunks of 7 frames with a context of 5."""
    monkeypatch.setattr(chunks, "CHUNK_FRAMES", 7)
    monkeypatch.setattr(chunks, "CHUNK_SAMPLES", 7 * HOP_SAMPLES)
    monkeypatch.setattr(chunks, "CONTEXT_FRAMES", 5)


def noise(n):
    return np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)


@pytest.mark.filterwarnings("ignore:n_fft=400 is too large")
@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 9000), sizes=st.lists(st.integers(1, 4000), min_size=1, max_size=5))
def test_chunks_do_not_depend_on_blocks_and_their_frames_are_those_of_the_whole(n, sizes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK_FRAMES", 7)
        patch.setattr(chunks, "CHUNK_SAMPLES", 7 * HOP_SAMPLES)
        patch.setattr(chunks, "CONTEXT_FRAMES", 5)
        samples = noise(n)
        whole = list(cut_chunks([samples]))
        edges = np.cumsum(np.resize(sizes, 1 + n // min(sizes)))
        pieces = list(cut_chunks(np.split(samples, edges[edges < n])))
        assert [c.index for c in pieces] == [c.index for c in whole] == list(range(len(whole)))
        for one, other in zip(pieces, whole, strict=True):
            np.testing.assert_array_equal(one.samples, other.samples)
            assert (one.n_frames, one.n_before, one.n_after) == (other.n_frames, other.n_before, other.n_after)
        assert sum(c.n_frames for c in whole) == (1 + n // HOP_SAMPLES if n else 0)
        np.testing.assert_array_equal(np.concatenate([samples[:0], *(c.own_samples for c in whole)]), samples)
        if n:
            found = np.concatenate([c.own_magnitudes for c in whole], axis=1)
            expected = np.abs(librosa.stft(samples, n_fft=FRAME_SAMPLES, hop_length=HOP_SAMPLES))
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_what_is_around_a_chunk(short_chunks):
    samples = noise(20 * HOP_SAMPLES)
    first, second, third = cut_chunks([samples])
    assert [(c.n_frames, c.n_before, c.n_after) for c in (first, second, third)] == [(7, 0, 5), (7, 5, 5), (7, 5, 0)]
    around, n_before = second.around(HOP_SAMPLES, 2)
    assert n_before == 2
    np.testing.assert_array_equal(around, samples[4 * HOP_SAMPLES : 16 * HOP_SAMPLES])
    around, n_before = first.around(HOP_SAMPLES, 2)
    assert n_before == 0
    np.testing.assert_array_equal(around, np.pad(samples[: 9 * HOP_SAMPLES], (HOP_SAMPLES, 0)))


def test_ends_are_repeated_where_asked_for(short_chunks):
    samples = noise(3 * HOP_SAMPLES)
    (chunk,) = cut_chunks([samples])
    around, _ = chunk.around(HOP_SAMPLES, repeats_ends=True)
    np.testing.assert_array_equal(around, np.pad(samples, HOP_SAMPLES, mode="edge"))


def test_recording_as_long_as_a_chunk_has_one_more_frame():
    sizes = [(c.n_frames, len(c.own_samples)) for c in cut_chunks([noise(CHUNK_SAMPLES)])]
    assert sizes == [(3000, CHUNK_SAMPLES), (1, 0)]
