"""Sampling in the graph: it keeps to the grammar, to its temperature, and to the numbers it is given."""

import numpy as np
import pytest
import tensorflow as tf

from model.whisper import sampling
from model.whisper.decoding import Decoded, Sot, search
from model.whisper.network import Network
from model.whisper.sampling import draw_numbers, sample
from tests.model.whisper_helpers import TINY, TINY_NO_SPEECH, TINY_SOT, random_context, random_network
from tests.model.whisper_helpers import TINY_GRAMMAR as GRAMMAR

MAX_TOKENS = 12
N_DRAWS = 5
PROMPTS = np.array([[TINY_SOT, 22], [TINY_SOT, 23], [TINY_SOT, 22]], np.int32)
SEEDS = [11, 12, 13]


@pytest.fixture(autouse=True)
def _small_vocabulary(monkeypatch):
    monkeypatch.setattr(sampling, "N_CANDIDATES", 8)


@tf.function
def run(parameters, context, prompts, temperature, numbers):
    """One graph for the networks of all seeds: the weights are passed in."""
    sot = Sot(0, TINY_NO_SPEECH)
    return sample(Network(TINY, parameters), GRAMMAR, context, prompts, temperature, numbers, sot=sot)


def draw(network_seed, temperature, seeds=SEEDS, rows=(0, 1, 2)):
    network = random_network(network_seed)
    context = tf.nest.map_structure(lambda t: tf.gather(t, list(rows)), random_context(network, 3, network_seed))
    prompts, numbers = PROMPTS[list(rows)], draw_numbers([seeds[row] for row in rows], N_DRAWS, MAX_TOKENS)
    drawn = run(network.parameters, context, tf.constant(prompts), tf.constant(temperature), numbers)
    return Decoded(*(part.numpy() for part in drawn))


def texts(decoded):
    return [row[:length].tolist() for row, length in zip(decoded.tokens, decoded.lengths, strict=True)]


@pytest.mark.parametrize("network_seed", range(6))
def test_timestamps_keep_to_the_grammar(network_seed):
    for tokens in texts(draw(network_seed, 1.0)):
        times = [token for token in tokens if token >= GRAMMAR.timestamp_begin]
        assert times == sorted(times)
        assert tokens[0] <= GRAMMAR.last_initial_timestamp
        assert tokens[0] == times[0]
        assert not set(tokens) & set(GRAMMAR.suppress_tokens)
        assert all(token < GRAMMAR.eot or token >= GRAMMAR.timestamp_begin for token in tokens)


def test_equal_numbers_equal_draws_and_others_differ():
    drawn = [texts(draw(network_seed, 1.0)) for network_seed in range(6)]
    assert [texts(draw(network_seed, 1.0)) for network_seed in range(6)] == drawn
    assert [texts(draw(network_seed, 1.0, seeds=[21, 22, 23])) for network_seed in range(6)] != drawn


def test_a_row_does_not_depend_on_the_rows_beside_it():
    together = draw(2, 0.8)
    for row in range(3):
        alone = draw(2, 0.8, rows=(row,))
        assert texts(alone) == [texts(together)[row]]
        assert alone.sum_logprobs[0] == together.sum_logprobs[row]
        turned = draw(2, 0.8, rows=(2, 1, 0))
        assert turned.sum_logprobs[2 - row] == together.sum_logprobs[row]


def test_next_to_temperature_zero_it_is_greedy():
    network = random_network(4)
    context = random_context(network, 3, 4)
    settings = {"beam_size": 1, "max_tokens": MAX_TOKENS, "sot": Sot(0, TINY_NO_SPEECH)}
    greedy = search(network, GRAMMAR, context, tf.constant(PROMPTS), tf.fill([3], MAX_TOKENS), **settings)
    drawn = draw(4, 1e-4)
    assert texts(drawn) == [
        row[:n].tolist() for row, n in zip(greedy.tokens.numpy(), greedy.lengths.numpy(), strict=True)
    ]
    np.testing.assert_allclose(drawn.sum_logprobs, greedy.sum_logprobs, rtol=1e-4)
    np.testing.assert_allclose(drawn.no_speech_probs, greedy.no_speech_probs, rtol=1e-5)


def test_numbers_are_uniform_and_each_seeds_own():
    numbers = draw_numbers([5, 6, 5], 4, 1000)
    assert numbers.shape == (3, 4, 1000)
    np.testing.assert_array_equal(numbers[0], numbers[2])
    assert abs(numbers.mean() - 0.5) < 0.02
    assert numbers.min() >= 0
    assert numbers.max() < 1


def test_higher_temperatures_draw_more_kinds():
    kinds = [
        len({tuple(map(tuple, texts(draw(5, t, seeds=[s, s + 1, s + 2])))) for s in range(0, 60, 3)})
        for t in (0.02, 1.0)
    ]
    assert kinds[0] < kinds[1]
