"""A vocabulary in the search: numbers against plain Python, and real names."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model.bias import Trie
from model.recognizer import BiasPhrase, DecodeOptions
from model.whisper import biasing, decoding
from model.whisper.biasing import Match, build_bias, follow, vocabulary_trie, written_forms
from model.whisper.checkpoint import load_checkpoint
from model.whisper.decoding import Decoded, Sot, search
from model.whisper.network import AudioContext, Network
from model.whisper.recognizer import WhisperRecognizer
from model.whisper.tokenizer import WhisperTokenizer
from tests.model.plain_search import MAX_TOKENS, plain_search
from tests.model.whisper_helpers import TINY, TINY_NO_SPEECH, TINY_SOT, load_window, random_context, random_network
from tests.model.whisper_helpers import TINY_GRAMMAR as GRAMMAR

N_WINDOWS = 3
PROMPTS = np.full([N_WINDOWS, 2], (TINY_SOT, 22), np.int32)
# text tokens of the tiny network; those from 12 on go on with a word
GLUED = range(12, 20)
TERMS = [((5, 13), 2.0), ((5, 13, 6), 4.0), ((8, 9, 10), 3.0), ((9, 2), 6.0), ((1,), 1.0), ((17, 11, 0), 4.0)]
TRIE = Trie.of(TERMS, first_share=0.5, glued=GLUED)
SEEDS = (0, 2, 3, 4, 5, 6)


@cache
def compiled_search(beam_size: int, is_biased: bool) -> Callable[..., Decoded]:
    """One graph for the networks of all seeds: the weights are passed in."""
    bias = build_bias(TRIE, TINY.n_vocab) if is_biased else None

    @tf.function
    def run(parameters: dict[str, tf.Tensor], context: AudioContext, prompts: tf.Tensor) -> Decoded:
        limits = tf.fill([tf.shape(prompts)[0]], MAX_TOKENS)
        settings = {"beam_size": beam_size, "max_tokens": MAX_TOKENS, "sot": Sot(0, TINY_NO_SPEECH)}
        return search(Network(TINY, parameters), GRAMMAR, context, prompts, limits, bias=bias, **settings)

    return run


def graph_search(seed: int, beam_size: int, context: AudioContext, is_biased: bool = True) -> list[tuple]:
    """Tokens and the sum of their log-probabilities of each window."""
    n_windows = context.heard.shape[0]
    run = compiled_search(beam_size, is_biased)
    found = run(random_network(seed).parameters, context, tf.constant(PROMPTS[:1].repeat(n_windows, axis=0)))
    rows = zip(found.tokens.numpy(), found.lengths.numpy(), found.sum_logprobs.numpy(), strict=True)
    return [(tuple(tokens[:length].tolist()), float(sum_logprob)) for tokens, length, sum_logprob in rows]


def rows_of(context: AudioContext, rows: list[int]) -> AudioContext:
    return tf.nest.map_structure(lambda tensor: tf.gather(tensor, rows), context)


@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_search_with_terms_finds_what_plain_search_finds(seed: int, beam_size: int) -> None:
    """Its log-probability is the model's: what was granted has no part in it."""
    network = random_network(seed)
    context = random_context(network, N_WINDOWS, seed=100 + seed)
    n_text = max(biasing.N_PLAUSIBLE, 2 * beam_size)
    for row, (tokens, sum_logprob) in enumerate(graph_search(seed, beam_size, context)):
        expected = plain_search(network, rows_of(context, [row]), PROMPTS[row].tolist(), beam_size, TRIE, n_text)
        assert tokens == expected.tokens
        assert sum_logprob == pytest.approx(expected.logprob, abs=1e-3)


def test_terms_change_what_is_found() -> None:
    """What makes the test above worth its name."""
    contexts = {seed: random_context(random_network(seed), N_WINDOWS, seed=100 + seed) for seed in SEEDS}
    for beam_size in (1, 3):
        plain, biased = (
            [tokens for seed in SEEDS for tokens, _ in graph_search(seed, beam_size, contexts[seed], is_biased)]
            for is_biased in (False, True)
        )
        assert sum(one != other for one, other in zip(plain, biased, strict=True)) > len(plain) / 3


def test_a_row_does_not_depend_on_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that are done leave the batch, which is not to show."""
    context = random_context(random_network(4), 12, seed=8)
    together = graph_search(4, 3, context)
    assert len({len(tokens) for tokens, _ in together}) > 1
    assert graph_search(4, 3, rows_of(context, [7, 2])) == [together[7], together[2]]
    monkeypatch.setattr(decoding, "MOST_OPEN", -1.0)
    compiled_search.cache_clear()
    assert graph_search(4, 3, context) == together
    compiled_search.cache_clear()


def test_graph_steps_as_the_trie_does() -> None:
    nodes = np.arange(TRIE.n_nodes, dtype=np.int32)
    tokens = np.tile(np.arange(TINY.n_vocab, dtype=np.int32), (len(nodes), 1))
    granted = np.linspace(-3, 3, len(nodes), dtype=np.float32)
    found = follow(build_bias(TRIE, TINY.n_vocab), Match(tf.constant(nodes), tf.constant(granted)), tf.constant(tokens))
    expected = TRIE.step(nodes[:, None], tokens)
    np.testing.assert_array_equal(found.nodes, expected.nodes)
    np.testing.assert_array_equal(found.granted, granted[:, None] + expected.gains)
    assert len(set(expected.gains.ravel().tolist())) > 8


def test_a_term_is_written_as_it_stands_and_as_a_sentence_begins() -> None:
    assert written_forms(BiasPhrase("mantle")) == [" mantle", " Mantle"]
    assert written_forms(BiasPhrase("  New   York ")) == [" New York"]
    assert written_forms(BiasPhrase("iPhone")) == [" iPhone", " IPhone"]
    assert written_forms(BiasPhrase("東京タワー")) == [" 東京タワー", "東京タワー"]


def test_a_vocabulary_in_the_tokens_of_a_model(tiny_en: Path) -> None:
    tokenizer = WhisperTokenizer(tiny_en)
    trie = vocabulary_trie([BiasPhrase("Avonlea", weight=2.0)], tokenizer)

    def gains(*texts: str) -> list[float]:
        node, found = np.int32(0), []
        for token in (token for text in texts for token in tokenizer.encode(text)):
            step = trie.step(node, np.int32(token))
            node = step.nodes
            found.append(float(step.gains))
        return found

    first, other = 2 * biasing.TOKEN_BONUS * biasing.FIRST_SHARE, 2 * biasing.TOKEN_BONUS
    n_others = len(tokenizer.encode(" Avonlea")) - 1
    assert gains(" Avonlea.") == pytest.approx([first, *[other] * n_others, 0])
    assert gains(" Avonlea's") == pytest.approx([first, *[other] * n_others, 0])
    assert gains(" Avonlea", "s") == pytest.approx([first, *[other] * n_others, -first - n_others * other])
    assert gains(" Avon", " is")[-2:] == pytest.approx([other, -first - other])


def load(folder: Path, **options: object) -> WhisperRecognizer:
    settings = replace(DecodeOptions(), word_timestamps=False, **options)
    return WhisperRecognizer(load_checkpoint(folder), WhisperTokenizer(folder), settings, batch_windows=4)


def test_names_that_were_told_are_heard(tiny_en: Path, speech: Path) -> None:
    window = [load_window(speech / "librispeech" / "4441-76250-0000.flac")]
    names = tuple(map(BiasPhrase, ("Arvid", "Falk", "Avonlea", "Rachel Lynde", "Guenever", "monochord")))
    plain, told = (load(tiny_en, bias=bias).recognize(window, ["en"])[0] for bias in ((), names))
    assert "Arvid" not in plain.text
    assert told.text.split()[:3] == ["sometime", "after", "Arvid"]
    assert told.avg_logprob < plain.avg_logprob < 0
    greedy = load(tiny_en, bias=names, beam_size=1)
    assert greedy.search_wider(window, ["en"]) == [told]
