"""The search of the network in plain Python, which reads everything again for each token."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.bias import ROOT, Trie
from model.whisper.decoding import read_prompt
from model.whisper.grammar import Scores, advance, at_start, continuations
from model.whisper.network import AudioContext, Network, logits
from tests.model.whisper_helpers import TINY
from tests.model.whisper_helpers import TINY_GRAMMAR as GRAMMAR

MAX_TOKENS = 12
NO_TERMS = Trie.of([])


class Plain(NamedTuple):
    """A hypothesis."""

    tokens: tuple[int, ...]
    # of the model
    logprob: float
    # of a trie
    node: int = ROOT
    granted: float = 0.0

    @property
    def rank(self) -> float:
        return self.logprob + self.granted


@tf.function
def read(parameters: dict[str, tf.Tensor], context: AudioContext, tokens: tf.Tensor) -> tf.Tensor:
    """Scores of what follows each of the tokens of one window."""
    network = Network(TINY, parameters)
    states, _ = read_prompt(network, tokens, context)
    return logits(network, states)[0]


def plain_reader(network: Network, context: AudioContext, n_text: int) -> Callable[[list[int], int], dict[int, float]]:
    """Tokens of one window and how many of them are the prompt -> token -> log-probability of the next."""

    def next_logprobs(tokens: list[int], n_prompt: int) -> dict[int, float]:
        # what comes after a token does not change what is read there, so one length does for all
        padded = tokens + [0] * (n_prompt + MAX_TOKENS - len(tokens))
        progress = at_start(GRAMMAR, [])
        for token in tokens[n_prompt:]:
            progress = advance(GRAMMAR, progress, tf.constant(token))
        scores = read(network.parameters, context, tf.constant([padded]))[len(tokens) - 1]
        found = continuations(GRAMMAR, progress, Scores(scores, scores[GRAMMAR.eot :]), n_best=15, n_text=n_text)
        pairs = zip(found.tokens.numpy().tolist(), found.logprobs.numpy().tolist(), strict=True)
        return {token: logprob for token, logprob in pairs if np.isfinite(logprob)}

    return next_logprobs


def plain_search(
    network: Network, context: AudioContext, prompt: list[int], beam_size: int, trie: Trie = NO_TERMS, n_text: int = 15
) -> Plain:
    """The best transcript of one window. n_text: how many of the likeliest text tokens may come next."""
    return plain_ranking(network, context, prompt, beam_size, trie, n_text)[0]


def plain_ranking(
    network: Network, context: AudioContext, prompt: list[int], beam_size: int, trie: Trie = NO_TERMS, n_text: int = 15
) -> list[Plain]:
    """All transcripts of one window that the beam ends with, the best first."""
    next_logprobs = plain_reader(network, context, n_text)
    beam, ended = [Plain((), 0.0)], []
    for step in range(MAX_TOKENS):
        candidates = [
            _longer(trie, old, token, logprob)
            for old in beam
            for token, logprob in next_logprobs([*prompt, *old.tokens], len(prompt)).items()
        ]
        candidates = sorted(candidates, key=lambda candidate: -candidate.rank)[: 2 * beam_size]
        is_last = step == MAX_TOKENS - 1
        ended += [new for new in candidates[:beam_size] if new.tokens[-1] == GRAMMAR.eot or is_last]
        beam = [new for new in candidates if new.tokens[-1] != GRAMMAR.eot][:beam_size]
        if len(ended) >= beam_size:
            break
    without_end = [one._replace(tokens=tuple(t for t in one.tokens if t != GRAMMAR.eot)) for one in ended]
    return sorted(without_end, key=lambda one: -one.rank / len(one.tokens))


def _longer(trie: Trie, old: Plain, token: int, logprob: float) -> Plain:
    step = trie.step(np.int32(old.node), np.int32(token))
    return Plain((*old.tokens, token), old.logprob + logprob, int(step.nodes), old.granted + float(step.gains))
