"""The search in the graph against a search in plain Python that reads everything again for each token."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from model.whisper import decoding
from model.whisper.decoding import Decoded, Sot, read_prompt, search
from model.whisper.network import AudioContext, Network, logits
from tests.model.plain_search import MAX_TOKENS, plain_ranking, plain_search
from tests.model.whisper_helpers import TINY, TINY_NO_SPEECH, TINY_SOT, random_context, random_network
from tests.model.whisper_helpers import TINY_GRAMMAR as GRAMMAR

SEEDS = (0, 2, 3, 4)
PROMPTS = np.array([[TINY_SOT, 22], [TINY_SOT, 23], [TINY_SOT, 22]], np.int32)


def rows_of(context: AudioContext, rows: list[int]) -> AudioContext:
    return tf.nest.map_structure(lambda tensor: tf.gather(tensor, rows), context)


@cache
def compiled_search(beam_size: int, n_best: int = 1) -> Callable[..., Decoded]:
    """One graph for the networks of all seeds: the weights are passed in."""

    @tf.function
    def run(parameters: dict[str, tf.Tensor], context: AudioContext, prompts: tf.Tensor, limits: tf.Tensor) -> Decoded:
        settings = {"beam_size": beam_size, "max_tokens": MAX_TOKENS, "sot": Sot(0, TINY_NO_SPEECH), "n_best": n_best}
        return search(Network(TINY, parameters), GRAMMAR, context, prompts, limits, **settings)

    return run


def graph_search(
    seed: int,
    beam_size: int,
    context: AudioContext,
    prompts: np.ndarray = PROMPTS,
    limits: tuple[int, ...] = (MAX_TOKENS,) * 3,
    n_best: int = 1,
) -> Decoded:
    run = compiled_search(beam_size, n_best)
    return run(random_network(seed).parameters, context, tf.constant(prompts), tf.constant(limits[: len(prompts)]))


@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_search_finds_what_plain_search_finds(seed: int, beam_size: int) -> None:
    network = random_network(seed)
    context = random_context(network, 3, seed=100 + seed)
    found = graph_search(seed, beam_size, context)
    for row, prompt in enumerate(PROMPTS.tolist()):
        expected = plain_search(network, rows_of(context, [row]), prompt, beam_size)
        length = int(found.lengths[row])
        assert tuple(found.tokens[row, :length].numpy().tolist()) == expected.tokens
        assert set(found.tokens[row, length:].numpy().tolist()) <= {GRAMMAR.eot}
        assert float(found.sum_logprobs[row]) == pytest.approx(expected.logprob, abs=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_several_of_a_window_are_what_plain_search_ranks_first(seed: int) -> None:
    network = random_network(seed)
    context = random_context(network, 3, seed=100 + seed)
    found, first = graph_search(seed, 3, context, n_best=3), graph_search(seed, 3, context)
    texts = [tuple(t[:n].tolist()) for t, n in zip(found.tokens.numpy(), found.lengths.numpy(), strict=True)]
    for row, prompt in enumerate(PROMPTS.tolist()):
        expected = plain_ranking(network, rows_of(context, [row]), prompt, 3)[:3]
        assert texts[3 * row : 3 * row + 3] == [one.tokens for one in expected]
        ranks = [one.rank / len(one.tokens) for one in expected]
        np.testing.assert_allclose(found.scores[3 * row : 3 * row + 3], ranks, atol=1e-4)
    np.testing.assert_array_equal(found.tokens[::3], first.tokens)
    np.testing.assert_array_equal(found.no_speech_probs[::3], found.no_speech_probs[2::3])


def test_searches_end_at_different_lengths_and_at_the_limit() -> None:
    """What makes the test above worth its name."""
    found = [graph_search(seed, 3, random_context(random_network(seed), 3, 100 + seed)) for seed in SEEDS]
    lengths = {int(length) for decoded in found for length in decoded.lengths}
    assert len(lengths) > 3
    assert MAX_TOKENS in lengths


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("beam_size", [1, 3])
def test_transcripts_obey_the_grammar_of_timestamps(seed: int, beam_size: int) -> None:
    found = graph_search(seed, beam_size, random_context(random_network(seed), 3, seed))
    for row in range(3):
        tokens = found.tokens[row, : int(found.lengths[row])].numpy()
        is_timestamp = tokens >= GRAMMAR.timestamp_begin
        assert GRAMMAR.timestamp_begin <= tokens[0] <= GRAMMAR.last_initial_timestamp
        assert np.all(np.diff(tokens[is_timestamp]) >= 0)
        assert np.all(tokens[~is_timestamp] < GRAMMAR.eot)
        assert not set(GRAMMAR.suppress_tokens) & set(tokens.tolist())
        # one timestamp at the start, then pairs, but for the last where nothing follows it
        runs = np.diff(np.flatnonzero(np.diff(is_timestamp, prepend=False, append=False)))[::2]
        assert runs[0] == 1
        assert np.all(runs[1:-1] == 2)
        assert np.all(runs <= 2)


def test_a_row_does_not_depend_on_the_others() -> None:
    context = random_context(random_network(4), 3, seed=7)
    together = graph_search(4, 3, context)
    rows = [2, 0]
    fewer = graph_search(4, 3, rows_of(context, rows), PROMPTS[rows])
    for part, whole in zip(fewer, together, strict=True):
        np.testing.assert_array_equal(part, tf.gather(whole, rows))


@pytest.mark.parametrize("beam_size", [1, 3])
def test_each_window_has_its_own_limit(beam_size: int) -> None:
    context = random_context(random_network(3), 3, seed=7)
    together = graph_search(3, beam_size, context, limits=(MAX_TOKENS, 1, 3))
    for row, limit in enumerate((MAX_TOKENS, 1, 3)):
        alone = graph_search(3, beam_size, rows_of(context, [row, row]), PROMPTS[[row, row]], (limit, limit))
        assert alone.lengths[0] <= limit
        for part, whole in zip(alone, together, strict=True):
            np.testing.assert_array_equal(part[0], whole[row])


@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_batch_that_shrinks_finds_what_each_finds_in_full(beam_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # twelve windows that end at many lengths
    network = random_network(4)
    context = random_context(network, 12, seed=8)
    prompts = np.repeat(PROMPTS[:1], 12, axis=0)
    settings = {"beam_size": beam_size, "max_tokens": MAX_TOKENS, "sot": Sot(0, TINY_NO_SPEECH)}
    found = [search(network, GRAMMAR, context, tf.constant(prompts), tf.fill([12], MAX_TOKENS), **settings)]
    monkeypatch.setattr(decoding, "MOST_OPEN", -1.0)
    found.append(search(network, GRAMMAR, context, tf.constant(prompts), tf.fill([12], MAX_TOKENS), **settings))
    assert len(set(found[0].lengths.numpy().tolist())) > 1
    for shrinking, full in zip(*found, strict=True):
        np.testing.assert_array_equal(shrinking, full)


def test_no_speech_is_of_the_whole_vocabulary_after_start_of_transcript() -> None:
    network = random_network(4)
    context = random_context(network, 3, seed=9)
    states, _ = read_prompt(network, tf.constant(PROMPTS[:, :1]), context)
    scores = logits(network, states)[:, 0]
    assert scores.shape == (3, TINY.n_vocab)
    expected = tf.nn.softmax(scores)[:, TINY_NO_SPEECH]
    np.testing.assert_allclose(graph_search(4, 1, context).no_speech_probs, expected, rtol=1e-5)
