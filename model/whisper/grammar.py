"""What may follow what in a Whisper transcript with timestamps (Radford et al. 2022, section 2.3 and figure 1).

A transcript is a row of segments, each a timestamp, text, and a timestamp; times never run backwards. The first
timestamp is bounded, and where all timestamps together are likelier than the likeliest text, a timestamp it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.whisper.rowwise import logsumexp, logsumexp_with

# what a hypothesis has just written
START, OPENED, TEXT, CLOSED = range(4)
FORBIDDEN = np.float32(-np.inf)
# columns that are looked through at once for the best
BLOCK = 64
# of coarse scores the best so many are worked out exactly: they are off by a hundredth or two of their spread
N_CHECKED = 8


@dataclass(frozen=True)
class Grammar:
    """The tokens of one vocabulary by the part they play: text, then `eot`, other marks, then the timestamps."""

    n_vocab: int
    eot: int
    timestamp_begin: int
    # latest token that may come first
    last_initial_timestamp: int
    # text tokens that are never written; marks other than end-of-text never are
    suppress_tokens: tuple[int, ...]

    def text_penalty(self, n_columns: int) -> np.ndarray:
        """[n_columns], to be added to logits: only text tokens that may be written are left."""
        penalty = np.zeros(n_columns, np.float32)
        penalty[list(self.suppress_tokens)] = FORBIDDEN
        penalty[self.eot :] = FORBIDDEN
        return penalty


class Progress(NamedTuple):
    """As much of hypotheses as decides what may follow, each of any one shape."""

    # START, OPENED, TEXT or CLOSED
    phase: tf.Tensor
    # last timestamp token written, at first the earliest there is
    latest: tf.Tensor


class Continuations(NamedTuple):
    """Candidates for the next token [..., n_candidates] and their log-probabilities among all that is allowed."""

    tokens: tf.Tensor
    logprobs: tf.Tensor


class Scores(NamedTuple):
    """Logits of the next token of hypotheses of any shape."""

    # [..., at least eot] of the tokens of text, by token; what stands from end-of-text on has no meaning
    text: tf.Tensor
    # [..., n_vocab - eot] of end-of-text and all marks after it
    marks: tf.Tensor
    # where those of text are coarse: exact ones of tokens of text [..., n]
    exact: Callable[[tf.Tensor], tf.Tensor] | None = None


def at_start(grammar: Grammar, shape: list[tf.Tensor | int]) -> Progress:
    """The progress of hypotheses that have written nothing."""
    return Progress(tf.fill(shape, START), tf.fill(shape, grammar.timestamp_begin))


def advance(grammar: Grammar, progress: Progress, tokens: tf.Tensor) -> Progress:
    """The progress after one more token each."""
    is_timestamp = tokens >= grammar.timestamp_begin
    after_timestamp = tf.where(progress.phase == TEXT, CLOSED, OPENED)
    return Progress(tf.where(is_timestamp, after_timestamp, TEXT), tf.where(is_timestamp, tokens, progress.latest))


def continuations(grammar: Grammar, progress: Progress, logits: Scores, n_best: int, n_text: int = 0) -> Continuations:
    """At least the `n_best` likeliest next tokens, in no order.

    n_text: so many of text, where that is more. Forbidden tokens may be among those found, with a log-probability of
    minus infinity.
    """
    phase = progress.phase[..., None]
    text = logits.text + grammar.text_penalty(logits.text.shape[-1])
    timestamps = logits.marks[..., grammar.timestamp_begin - grammar.eot :] + _timestamp_penalty(grammar, progress)
    best_timestamps = tf.math.top_k(timestamps, n_best)
    best_text = _best(text, max(n_best, n_text, N_CHECKED if logits.exact else 0))
    if logits.exact:
        text_values = tf.where(best_text.values > FORBIDDEN, logits.exact(best_text.indices), FORBIDDEN)
        text_total = logsumexp_with(text, best_text.values, text_values)
    else:
        text_values, text_total = best_text.values, logsumexp(text)
    # text that closed a segment is followed by the next segment or the end
    text_penalty = tf.where(phase == CLOSED, FORBIDDEN, 0.0)
    end = logits.marks[..., :1]

    timestamps_total = logsumexp(timestamps)
    best_other = tf.maximum(tf.reduce_max(text_values, axis=-1, keepdims=True) + text_penalty, end)
    other_penalty = tf.where((phase == START) | (timestamps_total > best_other), FORBIDDEN, 0.0)

    text_penalty, end = text_penalty + other_penalty, end + other_penalty
    total = logsumexp(tf.concat([text_total + text_penalty, end, timestamps_total], axis=-1))
    scores = tf.concat([text_values + text_penalty, end, best_timestamps.values], axis=-1)
    tokens = [best_text.indices, tf.fill(tf.shape(end), grammar.eot), best_timestamps.indices + grammar.timestamp_begin]
    return Continuations(tf.concat(tokens, axis=-1), scores - total)


class Best(NamedTuple):
    """The largest of many values [..., n_best], the largest first, and where they stand."""

    values: tf.Tensor
    indices: tf.Tensor


def _best(x: tf.Tensor, n_best: int) -> Best:
    """Of the last axis of [n_batch, n, n_columns].

    TensorFlow's own `top_k` takes several times as long over a whole vocabulary. The best blocks are found by their
    largest, and what is wanted is in as many of them as are wanted.
    """
    if x.shape[-1] % BLOCK or x.shape[-1] < 2 * n_best * BLOCK:
        return Best(*tf.math.top_k(x, n_best))
    blocks = tf.reshape(x, [-1, x.shape[-2], x.shape[-1] // BLOCK, BLOCK])
    which = tf.sort(tf.math.top_k(tf.reduce_max(blocks, axis=-1), n_best).indices, axis=-1)
    kept = tf.reshape(tf.gather(blocks, which, batch_dims=2), [-1, x.shape[-2], n_best * BLOCK])
    best = tf.math.top_k(kept, n_best)
    block = tf.gather(which, best.indices // BLOCK, batch_dims=2)
    return Best(best.values, block * BLOCK + best.indices % BLOCK)


def _timestamp_penalty(grammar: Grammar, progress: Progress) -> tf.Tensor:
    """[..., n_timestamps], to be added to their logits: which of them may follow."""
    timestamps = tf.range(grammar.timestamp_begin, grammar.n_vocab)
    phase, latest = progress.phase[..., None], progress.latest[..., None]
    too_late = (phase == START) & (timestamps > grammar.last_initial_timestamp)
    # the first of a pair of timestamps closes a segment and the second opens the next; a third would say nothing
    return tf.where((phase == OPENED) | (timestamps < latest) | too_late, FORBIDDEN, 0.0)
