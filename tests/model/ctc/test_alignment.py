"""Where the labels of a known text are said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.ctc.alignment import Alignment, align
from tests.model.ctc.ctc_helpers import all_paths, log_softmax, random_logprobs, written_by

BLANK = 2


def aligned(logprobs, labels):
    (alignment,) = align(logprobs[None], [len(logprobs)], [labels], BLANK)
    return alignment


@given(st.integers(0, 1000), st.integers(0, 6), st.lists(st.sampled_from([0, 1]), max_size=4))
def test_the_path_is_the_likeliest_of_all(seed, n_frames, labels):
    logprobs = random_logprobs(seed, n_frames, 3)
    possible = [(logprob, path) for path, written, logprob in all_paths(logprobs, BLANK) if written == tuple(labels)]
    alignment = aligned(logprobs, labels)
    if not possible:
        assert alignment is None
        return
    best, path = max(possible)
    assert alignment.logprob == pytest.approx(best)
    frames = [(start, end, label) for (start, end), label in zip(alignment.frames, labels, strict=True)]
    said = [BLANK] * n_frames
    for start, end, label in frames:
        said[start:end] = [label] * (end - start)
    assert tuple(said) == path
    assert written_by(said, BLANK) == tuple(labels)


@given(st.integers(0, 1000), st.lists(st.lists(st.sampled_from([0, 1]), max_size=4), min_size=1, max_size=4))
def test_rows_do_not_depend_on_those_beside_them(seed, labels):
    rng = np.random.default_rng(seed)
    logprobs = random_logprobs(seed, len(labels), 9, 3)
    n_frames = rng.integers(0, 10, len(labels)).tolist()
    alone = [aligned(row[:n], own) for row, n, own in zip(logprobs, n_frames, labels, strict=True)]
    assert align(logprobs, n_frames, labels, BLANK) == alone


def test_frames_of_a_clear_path():
    path = [2, 0, 0, 2, 0, 1, 1, 2]
    logprobs = log_softmax(10 * np.eye(3)[path])
    assert aligned(logprobs, [0, 0, 1]).frames == ((1, 3), (4, 5), (5, 7))


def test_a_label_twice_takes_a_blank_between():
    logprobs = log_softmax(np.zeros((2, 3)))
    assert aligned(logprobs, [0, 0]) is None
    assert aligned(logprobs, [0, 1]).frames == ((0, 1), (1, 2))


def test_nothing_to_say():
    logprobs = random_logprobs(0, 3, 3)
    assert aligned(logprobs, []) == Alignment((), pytest.approx(logprobs[:, BLANK].sum()))
    assert aligned(logprobs[:0], []) == Alignment((), 0.0)
    assert aligned(logprobs[:0], [1]) is None
    assert align(logprobs[None][:0], [], [], BLANK) == []
