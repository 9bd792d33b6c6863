"""The terms of a vocabulary as a prefix trie over tokens, for biasing a search towards them while it goes on.

Shallow fusion after Zhao et al. 2019, "Shallow-Fusion End-to-End Contextual Biasing": each token that carries a term on
is granted a bonus, and where a match is left before the term's end, what it was granted is taken back. A match that is
left goes on from the longest of its ends that begins another term (Aho and Corasick 1975). NumPy alone: any decoder
that writes tokens one at a time may use it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

ROOT = 0
# an edge is found by its node and its token, side by side in one integer
TOKEN_BITS = 32


class Step(NamedTuple):
    """Where some tokens lead, each [...]."""

    # int32
    nodes: np.ndarray
    # float32 natural log; what is granted, less what is taken back
    gains: np.ndarray


@dataclass(frozen=True, eq=False)
class Trie:
    """Nodes are numbered from the root, 0, which is also where every token leads that begins no term."""

    # [n_edges] int64 ascending: node << TOKEN_BITS | token
    edges: np.ndarray
    # [n_edges] int32 the nodes they lead to
    targets: np.ndarray
    # [n_edges] float32 what a step along them gains
    gains: np.ndarray
    # [n_nodes, 2] float32 what is taken back where a node is left without an edge: by a token that begins a word or
    # a mark, by a token that goes on with the word that has just been written
    forfeits: np.ndarray
    # [n] int32 ascending: tokens that go on with a word
    glued: np.ndarray

    @classmethod
    def of(
        cls,
        phrases: Sequence[tuple[tuple[int, ...], float]],
        *,
        first_share: float = 1.0,
        glued: Collection[int] = (),
    ) -> "Trie":
        """phrases: the tokens of a term and the bonus for each, in natural log; the largest counts where terms share
        some. first_share: of its bonus, what a term's first token is granted. glued: tokens that go on with a word:
        a term that one of them follows was the beginning of another word, and does not count.
        """
        nodes = _Nodes(frozenset(glued))
        for tokens, bonus in phrases:
            nodes.add(tokens, bonus, first_share)
        nodes.settle()
        edges = [
            (node << TOKEN_BITS | token, target, nodes.gain(node, token, target))
            for node, children in enumerate(nodes.reached)
            for token, target in children.items()
        ]
        keys, targets, gains = zip(*sorted(edges), strict=True) if edges else ((), (), ())
        return cls(
            np.array(keys, np.int64),
            np.array(targets, np.int32),
            np.array(gains, np.float32),
            np.array(nodes.forfeits, np.float32),
            np.array(sorted(glued), np.int32),
        )

    @property
    def n_nodes(self) -> int:
        return len(self.forfeits)

    def step(self, nodes: np.ndarray, tokens: np.ndarray) -> Step:
        """From nodes by tokens, integers of shapes that broadcast."""
        nodes, tokens = np.broadcast_arrays(nodes, tokens)
        edge, is_edge = self._find(nodes, tokens)
        start, is_start = self._find(np.zeros_like(nodes), tokens)
        forfeits = self.forfeits[nodes, np.isin(tokens, self.glued).astype(np.int32)]
        targets, gains = (np.append(values, values.dtype.type(0)) for values in (self.targets, self.gains))
        anew = np.where(is_start, gains[start], np.float32(0)) - forfeits
        return Step(
            np.where(is_edge, targets[edge], np.where(is_start, targets[start], np.int32(ROOT))),
            np.where(is_edge, gains[edge], anew),
        )

    def _find(self, nodes: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The edges that leave nodes by tokens, and whether there are such."""
        keys = nodes.astype(np.int64) << TOKEN_BITS | tokens
        found = np.searchsorted(self.edges, keys)
        return found, np.append(self.edges, -1)[found] == keys


class _Nodes:
    """The trie while it grows."""

    def __init__(self, glued: frozenset[int]) -> None:
        self._glued = glued
        self._children: list[dict[int, int]] = [{}]
        self._bonus = [0.0]
        self._ends = [False]

    def add(self, tokens: tuple[int, ...], bonus: float, first_share: float) -> None:
        node = ROOT
        for position, token in enumerate(tokens):
            child = self._children[node].get(token)
            if child is None:
                child = self._children[node][token] = len(self._children)
                self._children.append({})
                self._bonus.append(0.0)
                self._ends.append(False)
            node = child
            self._bonus[node] = max(self._bonus[node], bonus * (first_share if position == 0 else 1.0))
        self._ends[node] = node != ROOT

    def settle(self) -> None:
        """What each node has been granted and would forfeit, and all that can be reached from it."""
        n_nodes = len(self._children)
        self._granted, self._depth = [0.0] * n_nodes, [0] * n_nodes
        # the terms inside the text of each node: where one begins -> what the best there was granted, where the next
        # token begins a word and where it goes on with one
        self._inside: list[dict[int, tuple[float, float]]] = [{} for _ in range(n_nodes)]
        self._fallback = [ROOT] * n_nodes
        self.reached = [dict(children) for children in self._children]
        # level by level: a node's fallback is nearer to the root than itself
        for node in self._by_level():
            if node != ROOT and self._fallback[node] != ROOT:
                self.reached[node] = self.reached[self._fallback[node]] | self._children[node]
            for token, child in self._children[node].items():
                self._depth[child] = self._depth[node] + 1
                self._granted[child] = self._granted[node] + self._bonus[child]
                if node != ROOT:
                    start = self._children[ROOT].get(token, ROOT)
                    self._fallback[child] = self.reached[self._fallback[node]].get(token, start)
                self._inside[child] = self._terms_inside(node, token, child)
        self.forfeits = [
            [granted - max((term[is_glued] for term in inside.values()), default=0.0) for is_glued in (False, True)]
            for granted, inside in zip(self._granted, self._inside, strict=True)
        ]

    def _terms_inside(self, node: int, token: int, child: int) -> dict[int, tuple[float, float]]:
        is_glued = token in self._glued
        inside = {start: (term[is_glued],) * 2 for start, term in self._inside[node].items() if term[is_glued]}
        offset = self._depth[child] - self._depth[self._fallback[child]]
        terms = [(offset + start, term) for start, term in self._inside[self._fallback[child]].items()]
        if self._ends[child]:
            terms.append((0, (self._granted[child], 0.0)))
        for start, term in terms:
            before = inside.get(start, (0.0, 0.0))
            inside[start] = (max(before[0], term[0]), max(before[1], term[1]))
        return inside

    def gain(self, node: int, token: int, target: int) -> float:
        """Of the step from node by token."""
        if self._children[node].get(token) == target:
            return self._bonus[target]
        # what the target has been granted is of the end of the node's text, with the terms that are in it
        n_left = self._depth[node] - (self._depth[target] - 1)
        left = [term[token in self._glued] for start, term in self._inside[node].items() if start < n_left]
        return self._granted[target] - self._granted[node] + max(left, default=0.0)

    def _by_level(self) -> list[int]:
        order = [ROOT]
        for node in order:
            order += self._children[node].values()
        return order
