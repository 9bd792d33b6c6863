"""A vocabulary in Whisper's search: the trie of its terms in the graph, and the tokens of a term."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.bias import ROOT, TOKEN_BITS, Trie
from model.recognizer import BiasPhrase
from model.whisper.grammar import BLOCK
from model.whisper.tokenizer import UNSPACED, WhisperTokenizer

# natural log, for each token of a term of weight 1; and the share of it that a term's first token is granted, which
# many words have in common with terms (`benchmarks/biasing.py` measures both)
TOKEN_BONUS, FIRST_SHARE = 5.0, 0.1
# of the next tokens, so many of the likeliest are looked through for terms: what the model hears nothing of is no term
N_PLAUSIBLE = 16


@dataclass(frozen=True)
class Bias:
    """A `Trie` as the graph reads it: behind the last edge stands one that leads nowhere."""

    # [n_edges + 1] int64 ascending
    edges: tf.Tensor
    # [n_edges + 1] int32
    targets: tf.Tensor
    # [n_edges + 1]
    gains: tf.Tensor
    # [n_nodes, 2]
    forfeits: tf.Tensor
    # [at least n_vocab] int32, 1 for tokens that go on with a word
    is_glued: tf.Tensor


class Match(NamedTuple):
    """How far hypotheses are within terms, each of any one shape."""

    # int32 nodes of the trie
    nodes: tf.Tensor
    # natural log, what they have been granted in all
    granted: tf.Tensor


def build_bias(trie: Trie, n_vocab: int) -> Bias:
    """Lays a trie out for `follow`."""
    is_glued = np.zeros(n_vocab + -n_vocab % BLOCK, np.int32)
    is_glued[trie.glued] = 1
    return Bias(
        tf.constant(np.append(trie.edges, np.iinfo(np.int64).max)),
        tf.constant(np.append(trie.targets, np.int32(ROOT))),
        tf.constant(np.append(trie.gains, np.float32(0))),
        tf.constant(trie.forfeits),
        tf.constant(is_glued),
    )


def at_root(shape: list[tf.Tensor | int]) -> Match:
    """The match of hypotheses that have written nothing."""
    return Match(tf.fill(shape, ROOT), tf.zeros(shape))


def follow(bias: Bias, match: Match, tokens: tf.Tensor) -> Match:
    """The match [..., n] after each of the tokens [..., n] that may come next. `Trie.step` in the graph."""
    nodes = tf.broadcast_to(match.nodes[..., None], tf.shape(tokens))
    keys = tf.stack([tf.cast(nodes, tf.int64) * 2**TOKEN_BITS + tf.cast(tokens, tf.int64), tf.cast(tokens, tf.int64)])
    found = tf.reshape(tf.searchsorted(bias.edges, tf.reshape(keys, [-1])), tf.shape(keys))
    is_edge, is_start = tf.unstack(tf.gather(bias.edges, found) == keys)
    targets, gains = (tf.gather(values, found) for values in (bias.targets, bias.gains))
    forfeits = tf.gather_nd(bias.forfeits, tf.stack([nodes, tf.gather(bias.is_glued, tokens)], axis=-1))
    anew = tf.where(is_start, gains[1], 0.0) - forfeits
    return Match(
        tf.where(is_edge, targets[0], tf.where(is_start, targets[1], ROOT)),
        match.granted[..., None] + tf.where(is_edge, gains[0], anew),
    )


def vocabulary_trie(phrases: Sequence[BiasPhrase], tokenizer: WhisperTokenizer) -> Trie:
    """The trie of all tokens in which the phrases may be written."""
    forms = [
        (tokenizer.encode(form), TOKEN_BONUS * phrase.weight) for phrase in phrases for form in written_forms(phrase)
    ]
    return Trie.of(forms, first_share=FIRST_SHARE, glued=tokenizer.glued_tokens())


def written_forms(phrase: BiasPhrase) -> list[str]:
    """As it stands and as a sentence begins with it, after a space, which text after a timestamp begins with too;
    where its script has no spaces, also without.
    """
    text = " ".join(phrase.text.split())
    forms = dict.fromkeys(f" {form}" for form in (text, text[:1].upper() + text[1:]))
    return [*forms, text] if UNSPACED.match(text) else [*forms]
