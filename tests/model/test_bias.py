"""The trie of a vocabulary: what it grants a term, what it takes back, and against a search without it."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.bias import ROOT, Trie


def walk(trie: Trie, tokens: list[int]) -> list[float]:
    """What each of the tokens gains."""
    node, gains = ROOT, []
    for token in tokens:
        step = trie.step(np.int32(node), np.int32(token))
        node = int(step.nodes)
        gains.append(float(step.gains))
    return gains


def test_each_token_of_a_term_is_granted_its_bonus() -> None:
    trie = Trie.of([((5, 6, 7), 2.0)], first_share=0.25)
    assert walk(trie, [1, 5, 6, 7, 1, 6]) == [0, 0.5, 2, 2, 0, 0]


def test_what_was_granted_is_taken_back_where_the_term_is_left() -> None:
    trie = Trie.of([((5, 6, 7), 2.0)])
    assert walk(trie, [5, 6, 1, 7]) == [2, 2, -4, 0]
    assert walk(trie, [5, 6, 5, 6, 7, 1]) == [2, 2, 2 - 4, 2, 2, 0]


def test_a_term_that_begins_another_keeps_its_own() -> None:
    trie = Trie.of([((5, 6), 1.0), ((5, 6, 7, 8), 3.0)])
    assert walk(trie, [5, 6, 1]) == [3, 3, 0]
    assert walk(trie, [5, 6, 7, 1]) == [3, 3, 3, -3]


def test_a_term_that_goes_on_as_another_word_is_none() -> None:
    trie = Trie.of([((5, 6), 1.0), ((5, 6, 7), 1.0), ((5, 6, 3, 4), 1.0)], glued={6, 7, 9})
    assert walk(trie, [5, 6, 1]) == [1, 1, 0]
    assert walk(trie, [5, 6, 9]) == [1, 1, -2]
    # neither is the term that the longer one goes on with
    assert walk(trie, [5, 6, 7, 9]) == [1, 1, 1, -3]
    # but one that is followed by a word is
    assert walk(trie, [5, 6, 3, 9]) == [1, 1, 1, -1]


def test_a_match_that_is_left_goes_on_from_its_end() -> None:
    trie = Trie.of([((1, 2, 3), 1.0), ((2, 4, 5), 2.0), ((4, 6), 4.0)])
    assert walk(trie, [1, 2, 4, 5]) == [1, 1, 2 + 2 - 2, 2]
    assert walk(trie, [1, 2, 4, 6]) == [1, 1, 2 + 2 - 2, 4 + 4 - 4]


def test_a_term_inside_what_began_as_another_keeps_its_own() -> None:
    trie = Trie.of([((1, 2, 3), 1.0), ((2,), 4.0)])
    assert walk(trie, [1, 2, 9]) == [1, 1, 2]
    assert walk(trie, [1, 2, 3, 9]) == [1, 1, 1, 1]


def test_a_term_inside_what_goes_on_as_another_is_granted_once() -> None:
    trie = Trie.of([((0,), 1.0), ((1, 0, 0), 1.0), ((0, 1, 0), 1.0)])
    assert walk(trie, [1, 0, 1, 9]) == [1, 1, 0, -1]
    assert walk(trie, [1, 0, 1, 0, 9]) == [1, 1, 0, 1, 0]


def test_the_larger_bonus_counts_where_terms_share_tokens() -> None:
    trie = Trie.of([((1, 2), 1.0), ((1, 3), 2.0)])
    assert walk(trie, [1, 2, 1, 3]) == [2, 1, 2, 2]


@pytest.mark.parametrize("phrases", [[], [((), 1.0)]])
def test_no_terms_gain_nothing(phrases: list) -> None:
    trie = Trie.of(phrases)
    assert trie.n_nodes == 1
    assert walk(trie, [1, 2, 1]) == [0, 0, 0]


def test_steps_from_many_nodes_at_once() -> None:
    trie = Trie.of([((5, 6, 7), 2.0), ((6, 8), 1.0)])
    nodes = np.array([[0], [1], [2]], np.int32)
    tokens = np.array([5, 6, 7, 8], np.int32)
    together = trie.step(nodes, tokens)
    assert together.nodes.shape == together.gains.shape == (3, 4)
    assert (together.nodes.dtype, together.gains.dtype) == (np.int32, np.float32)
    for row, column in np.ndindex(3, 4):
        alone = trie.step(nodes[row, 0], tokens[column])
        assert (together.nodes[row, column], together.gains[row, column]) == (alone.nodes, alone.gains)


def test_edges_are_sorted_and_as_many_as_the_terms_have_beginnings() -> None:
    generator = np.random.default_rng(1)
    terms = {tuple(generator.integers(1000, size=generator.integers(1, 6)).tolist()) for _ in range(5000)}
    # words begin with one of 1,000 tokens and go on with others: none of them ends as another begins
    terms = {(term[0], *(1000 + token for token in term[1:])) for term in terms}
    trie = Trie.of([(term, 1.0) for term in terms])
    assert trie.n_nodes == 1 + len({term[:n] for term in terms for n in range(1, len(term) + 1)})
    assert len(trie.edges) == trie.n_nodes - 1
    assert np.all(np.diff(trie.edges) > 0)


TOKENS = st.integers(0, 3)
TERMS = st.lists(st.lists(TOKENS, min_size=1, max_size=4).map(tuple), min_size=1, max_size=6, unique=True)


@settings(deadline=None)
@given(TERMS, st.lists(TOKENS, max_size=12))
def test_all_that_is_left_of_a_text_without_terms_is_the_match_at_its_end(terms: list, text: list) -> None:
    """The longest end of the text that begins a term is what it was granted, if no term is in it."""
    trie = Trie.of([(term, 1.0) for term in terms])
    has_term = any(tuple(text[start : start + len(term)]) == term for term in terms for start in range(len(text)))
    beginnings = {term[:n] for term in terms for n in range(len(term))}
    longest = max(n for n in range(len(text) + 1) if tuple(text[len(text) - n :]) in beginnings)
    if not has_term:
        assert sum(walk(trie, text)) == longest


@settings(deadline=None)
@given(TERMS, st.lists(TOKENS, max_size=8), st.lists(st.sampled_from([7, 8]), min_size=1, max_size=3))
def test_a_term_after_another_word_is_granted_in_full(terms: list, before: list, between: list) -> None:
    trie = Trie.of([(term, 1.0) for term in terms])
    for term in terms:
        gains = walk(trie, [*before, *between, *term])
        assert sum(gains[-len(term) :]) == len(term)
        assert sum(walk(trie, [*between, *term, 9])) == len(term)


@settings(deadline=None)
@example([(0,), (0, 0), (0, 1, 0), (1, 0, 0)], [1, 0, 1])
@given(TERMS, st.lists(TOKENS, max_size=12))
def test_nothing_is_owed_after_a_word_of_no_term(terms: list, text: list) -> None:
    """Not less than nothing is left, and not more than a bonus for each token of each term that is in the text."""
    trie = Trie.of([(term, 1.0) for term in terms])
    total = sum(walk(trie, [*text, 9]))
    stretches = [tuple(text[start:end]) for start in range(len(text)) for end in range(start + 1, len(text) + 1)]
    found = [len(stretch) for stretch in stretches if stretch in terms]
    assert 0 <= total <= sum(found)
    assert (total > 0) == bool(found)
