"""Prefix beam search: against the sum over every path, and the search's own properties."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.ctc.prefix_search import Prefix, prefix_beam_search
from tests.model.ctc.ctc_helpers import all_paths, log_softmax, random_logprobs

# more than there are prefixes of 5 frames and 2 labels
ALL = 64


def search(logprobs, blank=0, **options):
    (beams,) = prefix_beam_search(logprobs[None], [len(logprobs)], blank, **{"beam_width": ALL} | options)
    return beams


def summed(logprobs, blank):
    total = defaultdict(lambda: -np.inf)
    for _, labels, logprob in all_paths(logprobs, blank):
        total[labels] = np.logaddexp(total[labels], logprob)
    return total


class Liking:
    """A scorer of labels by where they stand: states are how many there are."""

    def __init__(self, seed, n_labels):
        self.likes = np.random.default_rng(seed).normal(scale=3.0, size=(8, n_labels))
        self.ends = np.random.default_rng(seed + 1).normal(scale=3.0, size=8)

    def begin(self):
        return 0

    def gains(self, state):
        return self.likes[state]

    def advance(self, state, label):
        return state + 1

    def end(self, state):
        return float(self.ends[state])

    def of(self, labels):
        return sum(self.likes[i, label] for i, label in enumerate(labels)) + self.ends[len(labels)]


@given(st.integers(0, 1000), st.integers(0, 5), st.integers(0, 2))
def test_probabilities_are_those_of_all_paths(seed, n_frames, blank):
    logprobs = random_logprobs(seed, n_frames, 3)
    beams = search(logprobs, blank)
    expected = summed(logprobs, blank)
    assert {beam.labels: beam.logprob for beam in beams} == pytest.approx(dict(expected))
    assert [beam.score for beam in beams] == sorted((beam.logprob for beam in beams), reverse=True)


@given(st.integers(0, 1000), st.integers(0, 5))
def test_scores_are_those_of_the_whole_text(seed, n_frames):
    logprobs, liking = random_logprobs(seed, n_frames, 3), Liking(seed, 3)
    expected = {labels: logprob + liking.of(labels) for labels, logprob in summed(logprobs, 0).items()}
    beams = search(logprobs, scorer=liking)
    assert {beam.labels: beam.score for beam in beams} == pytest.approx(expected)
    assert beams[0].labels == max(expected, key=expected.__getitem__)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 6), st.booleans())
def test_rows_do_not_depend_on_those_beside_them(seed, beam_width, is_scored):
    logprobs = random_logprobs(seed, 4, 7, 5, spread=4.0)
    n_frames = np.random.default_rng(seed).integers(0, 8, 4).tolist()
    options = {"beam_width": beam_width, "margin": 5.0, "scorer": Liking(seed, 5) if is_scored else None}
    alone = [search(row[:n], **options) for row, n in zip(logprobs, n_frames, strict=True)]
    assert prefix_beam_search(logprobs, n_frames, 0, **options) == alone


@given(st.integers(0, 1000), st.integers(1, 12))
def test_a_prefix_is_in_the_beam_once_and_never_overrated(seed, beam_width):
    logprobs = random_logprobs(seed, 6, 3)
    beams = search(logprobs, beam_width=beam_width)
    labels = [beam.labels for beam in beams]
    assert len(set(labels)) == len(labels) == min(beam_width, len(summed(logprobs, 0)))
    exact = summed(logprobs, 0)
    assert all(beam.logprob <= exact[beam.labels] + 1e-9 for beam in beams)


@pytest.mark.parametrize("seed", [22, 53, 102])
def test_a_prefix_that_left_the_beam_comes_back_as_itself(seed):
    # in these a prefix leaves the beam while a longer one stays that begins with it, and is then written anew
    beams = search(random_logprobs(seed, 12, 3, spread=0.7), beam_width=6)
    assert len({beam.labels for beam in beams}) == 6


def test_a_sum_of_paths_beats_the_best_path():
    # the likeliest path is two blanks (0.36), the likeliest text is "a" (0.64)
    assert search(np.log([[0.6, 0.4], [0.6, 0.4]]))[:2] == [
        Prefix((1,), pytest.approx(np.log(0.64)), pytest.approx(np.log(0.64))),
        Prefix((), pytest.approx(np.log(0.36)), pytest.approx(np.log(0.36))),
    ]


def test_a_label_twice_takes_a_blank_between():
    logprobs = log_softmax(20 * np.eye(2)[[1, 1, 0, 1]])
    assert search(logprobs)[0].labels == (1, 1)


def test_labels_out_of_the_margin_are_not_written():
    logprobs = np.log([[0.9, 0.09, 0.01]])
    assert [beam.labels for beam in search(logprobs, margin=3.0)] == [(), (1,)]
    assert [beam.labels for beam in search(logprobs)] == [(), (1,), (2,)]


def test_impossible_labels_are_not_written():
    with np.errstate(divide="ignore"):
        logprobs = np.log([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    assert {beam.labels for beam in search(logprobs)} == {(), (1,)}


def test_no_rows():
    assert prefix_beam_search(np.zeros((0, 4, 3)), [], 0, beam_width=2) == []
