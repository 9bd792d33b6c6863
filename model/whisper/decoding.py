"""Beam search over a batch of windows in one TensorFlow loop; greedy search is a beam of one.

As in openai/whisper and CTranslate2: a hypothesis that ends leaves the beam, a window is done when as many
hypotheses have ended as the beam is wide, and the best is the one with the highest log-probability a token. With a
vocabulary, what its terms are granted counts as log-probability in every choice, and in nothing that is handed back.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.whisper import network as whisper
from model.whisper.biasing import N_PLAUSIBLE, Bias, Match, at_root, follow
from model.whisper.grammar import Grammar, Progress, Scores, advance, at_start, continuations
from model.whisper.network import AudioContext, KeysValues, Network
from model.whisper.rowwise import softmax

# TensorFlow adds up a single row in another order than one of several, and a transcript is not to depend on its batch
LEAST_ROWS = 2
# windows that are done are put aside when of those in hand no more than this share is not
MOST_OPEN = 0.75


class Sot(NamedTuple):
    """Where a prompt's start-of-transcript stands, and the token that says there that nobody speaks."""

    position: int
    no_speech: int


class Decoded(NamedTuple):
    """The best hypotheses of each window: as many rows for each as were asked for, the best first."""

    # [n_rows, max_tokens], end-of-text from `lengths` on
    tokens: tf.Tensor
    # [n_rows] tokens before end-of-text
    lengths: tf.Tensor
    # [n_rows] natural log, end-of-text included; -inf where fewer hypotheses have ended than were asked for
    sum_logprobs: tf.Tensor
    # [n_rows] what they were ranked by, natural log a token
    scores: tf.Tensor
    # [n_rows]
    no_speech_probs: tf.Tensor


class Hypotheses(NamedTuple):
    """Some hypotheses of each window: those of the beam, or the candidates for it."""

    # [n_batch, n_hypotheses, max_tokens], end-of-text where nothing is written
    tokens: tf.Tensor
    # [n_batch, n_hypotheses]
    sum_logprobs: tf.Tensor
    # of [n_batch, n_hypotheses]
    progress: Progress
    # of [n_batch, n_hypotheses]; empty without a vocabulary
    match: Match | tuple[()]


class Ended(NamedTuple):
    """How many hypotheses of each window have ended, and the best of them, best first."""

    # [n_batch]
    count: tf.Tensor
    # [n_batch, n_best, max_tokens]
    tokens: tf.Tensor
    # [n_batch, n_best]
    lengths: tf.Tensor
    # [n_batch, n_best]
    sum_logprobs: tf.Tensor
    # of [n_batch, n_best]; empty without a vocabulary
    match: Match | tuple[()]


class Searching(NamedTuple):
    """The windows that are still searched, and all that is known of them."""

    # [n_left] which of the batch they are
    rows: tf.Tensor
    # [n_left] tokens that are written at most
    limits: tf.Tensor
    beam: Hypotheses
    ended: Ended
    # [n_left, beam_size, n_cached]
    visible: tf.Tensor
    cache: list[KeysValues]
    context: AudioContext


def search(
    network: Network,
    grammar: Grammar,
    context: AudioContext,
    prompts: tf.Tensor,
    limits: tf.Tensor,
    *,
    beam_size: int,
    max_tokens: int,
    sot: Sot,
    bias: Bias | None = None,
    n_best: int = 1,
) -> Decoded:
    """The `n_best` transcripts of each window, of at most as many as the beam is wide.

    context: of `network.audio_context`, for the batch, of at least LEAST_ROWS windows. prompts [n_batch, n_prompt]
    hold start-of-transcript at `sot.position`. limits [n_batch]: tokens that are written at most, themselves at most
    max_tokens. Windows that are done leave the batch, so the others go on faster.
    """
    n_batch, n_prompt = tf.shape(prompts)[0], prompts.shape[1]
    states, cache = read_prompt(network, prompts, context)
    no_speech_probs = no_speech_probabilities(network, states, sot)
    beam, ended = _nothing_written(grammar, bias, n_batch, max_tokens, n_best)
    logits = whisper.next_scores(network, states[:, -1:], grammar.eot)
    beam, ended, _ = _extend(grammar, bias, 0, limits, beam, ended, logits, beam_size)
    visible = tf.ones([n_batch, beam_size, n_prompt], tf.bool)

    def is_searching(step: tf.Tensor, state: Searching, _: Ended) -> tf.Tensor:
        return tf.reduce_any(_are_open(step, state, beam_size))

    def write_token(step: tf.Tensor, state: Searching, found: Ended) -> tuple[tf.Tensor, Searching, Ended]:
        state, found = _without_done(step, state, found, beam_size)
        positions = tf.fill([beam_size], n_prompt + step - 1)
        alone = tf.eye(beam_size, batch_shape=[tf.shape(state.rows)[0]], dtype=tf.bool)
        visible = tf.concat([state.visible, alone], axis=-1)
        last = state.beam.tokens[:, :, step - 1]
        states, cache = whisper.decode(network, last, positions, visible, state.cache, state.context)
        logits = whisper.next_scores(network, states, grammar.eot)
        beam, ended, parents = _extend(grammar, bias, step, state.limits, state.beam, state.ended, logits, beam_size)
        visible = tf.gather(visible, parents, batch_dims=1)
        return step + 1, Searching(state.rows, state.limits, beam, ended, visible, cache, state.context), found

    state = Searching(tf.range(n_batch), limits, beam, ended, visible, cache, context)
    loop = (tf.constant(1), state, ended)
    shapes = tf.nest.map_structure(free, loop)
    shapes = (shapes[0], shapes[1]._replace(visible=free(visible, -1), cache=free_cache(cache)), shapes[2])
    _, state, found = tf.while_loop(is_searching, write_token, loop, shape_invariants=shapes)
    found = _put(found, state)
    return Decoded(
        tokens=tf.reshape(found.tokens, [-1, max_tokens]),
        lengths=tf.reshape(found.lengths, [-1]),
        sum_logprobs=tf.reshape(found.sum_logprobs, [-1]),
        scores=tf.reshape(_score(found, found.lengths), [-1]),
        no_speech_probs=tf.repeat(no_speech_probs, n_best),
    )


def _are_open(step: tf.Tensor, state: Searching, beam_size: int) -> tf.Tensor:
    """[n_left] whether a window's best hypothesis may still come."""
    return (step < state.limits) & (state.ended.count < beam_size)


def _without_done(step: tf.Tensor, state: Searching, found: Ended, beam_size: int) -> tuple[Searching, Ended]:
    """Puts windows aside that are done, where they are many enough to be worth the moving of the others."""
    is_open = _are_open(step, state, beam_size)
    n_rows, n_open = tf.size(is_open), tf.reduce_sum(tf.cast(is_open, tf.int32))
    n_left = tf.maximum(n_open, LEAST_ROWS)

    def put_aside() -> tuple[Searching, Ended]:
        first = tf.argsort(tf.cast(~is_open, tf.int32), stable=True)[:n_left]
        return tf.nest.map_structure(lambda tensor: tf.gather(tensor, first), state), _put(found, state)

    is_worth_it = (n_left < n_rows) & (tf.cast(n_open, tf.float32) <= MOST_OPEN * tf.cast(n_rows, tf.float32))
    return tf.cond(is_worth_it, put_aside, lambda: (state, found))


def free(tensor: tf.Tensor, *axes: int) -> tf.TensorShape:
    """The shape of a loop's variable whose first axis, and these, may change."""
    shape = tensor.shape.as_list()
    for axis in (0, *axes) if shape else ():
        shape[axis] = None
    return tf.TensorShape(shape)


def free_cache(cache: list[KeysValues]) -> list[KeysValues]:
    """The shapes of a decoder's cache in a loop that adds tokens to it."""
    return [KeysValues(free(keys, -1), free(values, -2)) for keys, values in cache]


def _put(found: Ended, state: Searching) -> Ended:
    """`found`, of the whole batch, with what has ended of the windows that are searched."""
    return tf.nest.map_structure(
        lambda all_of, some: tf.tensor_scatter_nd_update(all_of, state.rows[:, None], some), found, state.ended
    )


def read_prompt(network: Network, prompts: tf.Tensor, context: AudioContext) -> tuple[tf.Tensor, list[KeysValues]]:
    """The decoder's states after each token of prompts [n_batch, n_prompt], and its cache."""
    n_batch, n_prompt = tf.shape(prompts)[0], prompts.shape[1]
    earlier = tf.linalg.band_part(tf.ones([1, n_prompt, n_prompt]), -1, 0) > 0
    cache = whisper.empty_cache(network, n_batch)
    return whisper.decode(network, prompts, tf.range(n_prompt), earlier, cache, context)


def no_speech_probabilities(network: Network, states: tf.Tensor, sot: Sot) -> tf.Tensor:
    """[n_batch], from the states [n_batch, n_prompt, n_text_state] of `read_prompt`."""
    at_sot = states[:, sot.position : sot.position + 1]
    return softmax(whisper.logits(network, at_sot))[:, 0, sot.no_speech]


def _nothing_written(
    grammar: Grammar, bias: Bias | None, n_batch: tf.Tensor, max_tokens: int, n_best: int
) -> tuple[Hypotheses, Ended]:
    no_tokens = tf.fill([n_batch, 1, max_tokens], grammar.eot)
    match, of_ended = (at_root([n_batch, 1]), at_root([n_batch, n_best])) if bias else ((), ())
    beam = Hypotheses(no_tokens, tf.zeros([n_batch, 1]), at_start(grammar, [n_batch, 1]), match)
    none = tf.zeros([n_batch, n_best], tf.int32)
    unlikely = tf.fill([n_batch, n_best], -np.float32(np.inf))
    return beam, Ended(none[:, 0], tf.repeat(no_tokens, n_best, axis=1), none, unlikely, of_ended)


def _extend(
    grammar: Grammar,
    bias: Bias | None,
    step: tf.Tensor | int,
    limits: tf.Tensor,
    beam: Hypotheses,
    ended: Ended,
    logits: Scores,
    beam_size: int,
) -> tuple[Hypotheses, Ended, tf.Tensor]:
    """The beam with token number `step` written, what has ended by then, and the parent [n_batch, beam_size] of each.

    As many candidates end at most as there are parents, so of twice as many a full beam is left.
    """
    candidates, parents = _candidates(grammar, bias, step, beam, logits, 2 * beam_size)
    ends = candidates.tokens[:, :, step] == grammar.eot
    best = tf.nest.map_structure(lambda tensor: tensor[:, :beam_size], candidates)
    ended = _collect(step, ended, best, ends[:, :beam_size], limits, beam_size)
    # equal values keep their order, so this is the likeliest of those that go on
    going_on = tf.math.top_k(tf.cast(~ends, tf.int32), beam_size).indices
    return _pick(candidates, going_on), ended, _pick(parents, going_on)


def _candidates(
    grammar: Grammar, bias: Bias | None, step: tf.Tensor | int, beam: Hypotheses, logits: Scores, n_best: int
) -> tuple[Hypotheses, tf.Tensor]:
    """The likeliest hypotheses one token longer, best first, and their parents in the beam."""
    options = continuations(grammar, beam.progress, logits, n_best, N_PLAUSIBLE if bias else 0)
    sum_logprobs = beam.sum_logprobs[..., None] + options.logprobs
    match = follow(bias, beam.match, options.tokens) if bias and beam.match else ()
    best = tf.math.top_k(_flatten_beam(_with_granted(sum_logprobs, match)), n_best)
    parents = best.indices // options.tokens.shape[-1]
    tokens = _pick(_flatten_beam(options.tokens), best.indices)
    own = _pick(_flatten_beam(sum_logprobs), best.indices) if match else best.values
    match = _pick(tf.nest.map_structure(_flatten_beam, match), best.indices)
    parent = _pick(beam, parents)
    is_new = tf.range(beam.tokens.shape[-1]) == step
    written = tf.where(is_new, tokens[..., None], parent.tokens)
    return Hypotheses(written, own, advance(grammar, parent.progress, tokens), match), parents


def _collect(
    step: tf.Tensor | int,
    ended: Ended,
    candidates: Hypotheses,
    ends: tf.Tensor,
    limits: tf.Tensor,
    beam_size: int,
) -> Ended:
    """`ended` with those of the candidates that end here, or all of them where this token is the last."""
    is_last, is_open = (step == limits - 1)[:, None], ((step < limits) & (ended.count < beam_size))[:, None]
    lengths = tf.where(ends, step, step + 1)
    counted = (ends | is_last) & (candidates.sum_logprobs > -np.inf) & is_open
    counted_logprobs = tf.where(counted, candidates.sum_logprobs, -np.inf)
    new = (candidates.tokens, lengths, counted_logprobs, candidates.match)
    old = (ended.tokens, ended.lengths, ended.sum_logprobs, ended.match)
    all_ended = tf.nest.map_structure(lambda *both: tf.concat(both, axis=1), old, new)
    scores = tf.concat(
        [_score(ended, ended.lengths), _score(candidates._replace(sum_logprobs=counted_logprobs), lengths)], axis=1
    )
    # equal values keep their order: what has ended first stays
    best = tf.math.top_k(scores, ended.lengths.shape[1]).indices
    count = ended.count + tf.reduce_sum(tf.cast(counted, tf.int32), axis=-1)
    return Ended(count, *_pick(all_ended, best))


def _score(hypotheses: Hypotheses | Ended, lengths: tf.Tensor) -> tf.Tensor:
    """What hypotheses are ranked by; end-of-text is not counted, as in both models of this search."""
    ranked = _with_granted(hypotheses.sum_logprobs, hypotheses.match)
    return ranked / tf.cast(tf.maximum(lengths, 1), tf.float32)


def _with_granted(sum_logprobs: tf.Tensor, match: Match | tuple[()]) -> tf.Tensor:
    return sum_logprobs + match.granted if match else sum_logprobs


def _pick(tensors: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """The entries at indices [n_batch, n] along the second axis, of any structure of tensors."""
    return tf.nest.map_structure(lambda tensor: tf.gather(tensor, indices, batch_dims=1), tensors)


def _flatten_beam(x: tf.Tensor) -> tf.Tensor:
    """[n_batch, n_beam, n] -> [n_batch, n_beam * n]."""
    return tf.reshape(x, [-1, x.shape[1] * x.shape[2]])
