"""The rules of timestamps, one by one. Text is 0-19 without 3 and 7, 20 ends, 25-39 are timestamps."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.whisper.grammar import Progress, Scores, advance, at_start, continuations
from tests.model.whisper_helpers import TINY_GRAMMAR as GRAMMAR

TEXT = set(range(20)) - {3, 7}
END = {20}
# everything as likely as everything, and timestamps so unlikely that the text decides
EQUAL = np.zeros(40, np.float32)
TEXT_IS_LIKELIER = np.where(np.arange(40) < 25, 0.0, -20.0).astype(np.float32)
# as many as there are timestamps; the 20 text tokens come in two halves
N_BEST = 15


def progress_after(tokens: list[int]) -> Progress:
    progress = at_start(GRAMMAR, [])
    for token in tokens:
        progress = advance(GRAMMAR, progress, tf.constant(token))
    return progress


def likely_next(tokens: list[int], logits: np.ndarray) -> dict[int, float]:
    """Next token -> log-probability, of the likeliest that may follow."""
    scores = Scores(tf.constant(logits), tf.constant(logits[GRAMMAR.eot :]))
    found = continuations(GRAMMAR, progress_after(tokens), scores, N_BEST)
    pairs = zip(found.tokens.numpy().tolist(), found.logprobs.numpy().tolist(), strict=True)
    return {token: logprob for token, logprob in pairs if np.isfinite(logprob)}


def may_follow(tokens: list[int], logits: np.ndarray = TEXT_IS_LIKELIER) -> set[int]:
    """All that may follow: what is left out of the likeliest text comes first when the text is turned round."""
    tilt = np.where(np.arange(40) < 20, 1e-3 * np.arange(40), 0.0).astype(np.float32)
    return set(likely_next(tokens, logits + tilt)) | set(likely_next(tokens, logits - tilt))


@pytest.mark.parametrize(
    ("written", "next_tokens"),
    [
        ([], set(range(25, 31))),
        ([28], TEXT | END),
        ([28, 1], TEXT | END | set(range(28, 40))),
        ([28, 1, 33], END | set(range(33, 40))),
        ([28, 1, 33, 33], TEXT | END),
        ([28, 1, 33, 34, 2], TEXT | END | set(range(34, 40))),
        ([28, 1, 39, 39, 2], TEXT | END | {39}),
    ],
)
def test_what_may_follow(written: list[int], next_tokens: set[int]) -> None:
    assert may_follow(written) == next_tokens


def test_a_timestamp_is_forced_where_all_of_them_are_likelier_than_any_text() -> None:
    assert may_follow([28, 1], EQUAL) == set(range(28, 40))
    one_text = EQUAL.copy()
    one_text[5] = np.log(12) + 0.01
    assert may_follow([28, 1], one_text) == TEXT | END | set(range(28, 40))
    one_text[5] = np.log(12) - 0.01
    assert may_follow([28, 1], one_text) == set(range(28, 40))


def test_text_that_is_not_allowed_does_not_hold_a_timestamp_back() -> None:
    logits = TEXT_IS_LIKELIER.copy()
    logits[20] = -30.0
    assert may_follow([28, 1, 33], logits) == set(range(33, 40))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), written=st.sampled_from([[], [28], [28, 1, 33], [28, 1]]))
def test_log_probabilities_are_of_what_is_allowed(seed: int, written: list[int]) -> None:
    logits = np.random.default_rng(seed).normal(0, 2, 40).astype(np.float32)
    # with all but a few text tokens out of reach, the likeliest are all there are
    logits[:20][np.argsort(logits[:20])[:8]] = -80.0
    assert np.exp(list(likely_next(written, logits).values())).sum() == pytest.approx(1.0, abs=1e-5)
