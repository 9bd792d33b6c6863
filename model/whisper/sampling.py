"""Sampling a batch of windows in one TensorFlow loop: several independent draws of each window at one temperature.

Radford et al. 2022, section 4.5, fall back to it where a search repeats itself or is not believed. What is drawn
depends on the numbers that are passed in alone, so a row is the same whatever stands beside it.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.whisper import network as whisper
from model.whisper.decoding import Decoded, Sot, free, free_cache, no_speech_probabilities, read_prompt
from model.whisper.grammar import Grammar, Progress, Scores, advance, at_start, continuations
from model.whisper.network import AudioContext, KeysValues, Network
from model.whisper.rowwise import softmax

# tokens beyond the likeliest are not drawn: together they hold next to nothing at temperatures up to 1
N_CANDIDATES = 64


class Drawing(NamedTuple):
    """The draws of each window so far."""

    # [n_batch, n_draws, max_tokens], end-of-text where nothing is written
    tokens: tf.Tensor
    # [n_batch, n_draws]
    sum_logprobs: tf.Tensor
    has_ended: tf.Tensor
    # of [n_batch, n_draws]
    progress: Progress
    # [n_batch, n_draws, at least n_vocab] of the next token
    logits: tf.Tensor
    # [n_batch, n_draws, n_cached]
    visible: tf.Tensor
    cache: list[KeysValues]


def draw_numbers(seeds: list[int], n_draws: int, max_tokens: int) -> np.ndarray:
    """Uniform numbers [n_windows, n_draws, max_tokens] float32 in [0, 1), each window's by its own seed."""
    rows = [np.random.Generator(np.random.Philox(seed)).random((n_draws, max_tokens), np.float32) for seed in seeds]
    return np.stack(rows)


def sample(
    network: Network,
    grammar: Grammar,
    context: AudioContext,
    prompts: tf.Tensor,
    temperature: tf.Tensor,
    numbers: tf.Tensor,
    *,
    sot: Sot,
) -> Decoded:
    """The likeliest of several draws of each window.

    context: of `network.audio_context`, for the batch. prompts [n_batch, n_prompt]. temperature: a scalar above 0.
    numbers [n_batch, n_draws, max_tokens] uniform in [0, 1).
    """
    n_batch, n_prompt = tf.shape(prompts)[0], prompts.shape[1]
    n_draws, max_tokens = numbers.shape[1:]
    states, cache = read_prompt(network, prompts, context)
    no_speech_probs = no_speech_probabilities(network, states, sot)
    state = Drawing(
        tokens=tf.fill([n_batch, n_draws, max_tokens], grammar.eot),
        sum_logprobs=tf.zeros([n_batch, n_draws]),
        has_ended=tf.zeros([n_batch, n_draws], tf.bool),
        progress=at_start(grammar, [n_batch, n_draws]),
        logits=tf.repeat(whisper.filled_logits(network, states[:, -1:]), n_draws, axis=1),
        visible=tf.ones([n_batch, n_draws, n_prompt], tf.bool),
        cache=cache,
    )

    def is_drawing(step: tf.Tensor, state: Drawing) -> tf.Tensor:
        return (step < max_tokens) & tf.reduce_any(~state.has_ended)

    def draw_token(step: tf.Tensor, state: Drawing) -> tuple[tf.Tensor, Drawing]:
        drawn, logprobs = _draw(grammar, state.progress, state.logits, temperature, numbers[:, :, step])
        drawn = tf.where(state.has_ended, grammar.eot, drawn)
        visible = tf.concat([state.visible, tf.eye(n_draws, batch_shape=[n_batch], dtype=tf.bool)], axis=-1)
        positions = tf.fill([n_draws], n_prompt + step)
        states, cache = whisper.decode(network, drawn, positions, visible, state.cache, context)
        return step + 1, Drawing(
            tokens=tf.where(tf.range(max_tokens) == step, drawn[..., None], state.tokens),
            sum_logprobs=state.sum_logprobs + tf.where(state.has_ended, 0.0, logprobs),
            has_ended=state.has_ended | (drawn == grammar.eot),
            progress=advance(grammar, state.progress, drawn),
            logits=whisper.filled_logits(network, states),
            visible=visible,
            cache=cache,
        )

    loop = (tf.constant(0), state)
    shapes = tf.nest.map_structure(free, loop)
    shapes = (shapes[0], shapes[1]._replace(visible=free(state.visible, -1), cache=free_cache(cache)))
    _, state = tf.while_loop(is_drawing, draw_token, loop, shape_invariants=shapes)
    return _likeliest(state.tokens, state.sum_logprobs, no_speech_probs, grammar.eot)


def _draw(
    grammar: Grammar, progress: Progress, logits: tf.Tensor, temperature: tf.Tensor, numbers: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """A token for each draw and its log-probability (of the model, not of the temperature): [n_batch, n_draws] both."""
    scores = Scores(logits, logits[..., grammar.eot : grammar.n_vocab])
    options = continuations(grammar, progress, scores, N_CANDIDATES)
    shares = softmax(options.logprobs / temperature)
    drawn = tf.reduce_sum(tf.cast(tf.cumsum(shares, axis=-1) <= numbers[..., None], tf.int32), axis=-1)
    # rounding may leave the sum of the shares below a number close to 1: then it is the likeliest
    is_allowed = tf.gather(shares, tf.minimum(drawn, shares.shape[-1] - 1), batch_dims=2) > 0
    drawn = tf.where(is_allowed & (drawn < shares.shape[-1]), drawn, tf.argmax(shares, axis=-1, output_type=tf.int32))
    return tf.gather(options.tokens, drawn, batch_dims=2), tf.gather(options.logprobs, drawn, batch_dims=2)


def _likeliest(tokens: tf.Tensor, sum_logprobs: tf.Tensor, no_speech_probs: tf.Tensor, eot: int) -> Decoded:
    lengths = tf.reduce_sum(tf.cast(tokens != eot, tf.int32), axis=-1)
    scores = sum_logprobs / tf.cast(lengths + 1, tf.float32)
    best = tf.argmax(scores, axis=-1)
    tokens, lengths, sum_logprobs, scores = (
        tf.gather(x, best, batch_dims=1) for x in (tokens, lengths, sum_logprobs, scores)
    )
    return Decoded(tokens, lengths, sum_logprobs, scores, no_speech_probs)
