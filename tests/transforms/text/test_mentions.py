"""Where terms stand in a text."""

from collections import Counter

from transforms.text.corrector import Corrector
from transforms.text.mentions import hits, mentions
from transforms.text.vocabulary import Term

NAMES = Corrector([Term("Edith"), Term("Edith Cavell"), Term("Lynde"), Term("Marsh Lynde"), Term("D'Artagnan")])


def test_hits_count_the_longest_term_at_each_place():
    text = "Edith Cavell met Edith. LYNDE's house, and Edith\nCavell"
    assert hits(text, NAMES) == Counter({"Edith Cavell": 2, "Edith": 1, "Lynde": 1})


def test_a_mention_is_the_term_without_a_possessive_ending():
    text = "d'artagnan's and Edith, Cavell"
    assert [(text[m.span.start : m.span.end], m.term.text) for m in mentions(text, NAMES)] == [
        ("d'artagnan", "D'Artagnan"),
        ("Edith", "Edith"),
    ]


def test_without_terms_there_are_no_hits():
    assert hits("Edith", Corrector([])) == Counter()
