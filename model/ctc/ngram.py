"""N-gram language models with back-off (Katz 1987), small enough to be worked out word by word in Python.

The n-grams are the paths of a trie from the root, their words in order. All of its edges lie in one sorted array, so
that a million n-grams take 16 MB.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
# an edge is found by its node and its word, side by side in one integer
WORD_BITS = 32
ROOT = 0
# what a scorer or a language model knows of a text so far: hashable, and of a kind of its own
State = Any


class LanguageModel(Protocol):
    """What a search asks of a language model. Texts in equal states continue alike."""

    def begin(self) -> State:
        """The state at the beginning of a sentence."""

    def advance(self, state: State, word: str) -> "Advanced":
        """The word after what led to the state; "</s>" ends the sentence."""

    def __contains__(self, word: str) -> bool:
        """Whether the model knows the word."""


class Advanced(NamedTuple):
    """Where a word leads."""

    state: State
    # of the word, natural log
    logprob: float


def sentence_logprob(model: LanguageModel, words: Sequence[str]) -> float:
    """Natural log of the probability of a whole sentence, its end included."""
    state, total = model.begin(), 0.0
    for word in (*words, END):
        state, logprob = model.advance(state, word)
        total += logprob
    return total


@dataclass(frozen=True, eq=False)
class NgramModel:
    """Nodes are numbered from the root, 0, by their edges' place: the edge `edges[i]` leads to node i + 1.

    A state is the nodes of the n-grams that the last words are, longest first; the root is left out.
    """

    # the most words of an n-gram
    order: int
    # "<unk>" among them
    words: dict[str, int]
    # [n_ngrams] int64 ascending: node << WORD_BITS | word
    edges: np.ndarray
    # [n_ngrams + 1] float32 natural log, of the n-gram that leads to the node; nothing of the root
    logprobs: np.ndarray
    # [n_ngrams + 1] float32 natural log, what the n-gram is weighed by where no longer one is listed
    backoffs: np.ndarray
    # how many nodes, the root's included, may begin a longer n-gram: those of the highest order come last
    n_contexts: int

    def begin(self) -> tuple[int, ...]:
        node = self._child(ROOT, self.words[BEGIN]) if BEGIN in self.words else None
        return () if node is None else self._as_state([node])

    def advance(self, state: State, word: str) -> Advanced:
        """P(w | h) is that of the listed n-gram h w, else the back-off weight of h times P(w | h without its first)."""
        index = self.words.get(word, self.words[UNKNOWN])
        children = [self._child(node, index) for node in (*state, ROOT)]
        n_missed = next(i for i, child in enumerate(children) if child is not None)
        logprob = math.fsum(float(self.backoffs[node]) for node in state[:n_missed])
        found = [child for child in children if child is not None]
        return Advanced(self._as_state(found), logprob + float(self.logprobs[found[0]]))

    def __contains__(self, word: str) -> bool:
        return word in self.words

    def _child(self, node: int, word: int) -> int | None:
        edge = node << WORD_BITS | word
        place = int(self.edges.searchsorted(edge))
        return place + 1 if place < len(self.edges) and self.edges[place] == edge else None

    def _as_state(self, nodes: Sequence[int]) -> tuple[int, ...]:
        return tuple(node for node in nodes if node < self.n_contexts)
