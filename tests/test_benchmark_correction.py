"""What the benchmark of correction counts."""

from collections import Counter

import correction
from correction import Score, Segment, Talk, corrected, distractors, rarest, score

from transforms.text.correction import Heard
from transforms.text.corrector import Corrector
from transforms.text.vocabulary import Term

TALKS = [
    Talk(
        "MISSUS LYNDE OF AVONLEA",
        [Segment("Mrs. Linde of avenly", [Heard(w, 0.5) for w in ["Mrs.", "Linde", "of", "avenly"]])],
    ),
    Talk("A QUIET HOUSE", [Segment("A quiet", [Heard("A", 1.0), Heard("quiet", 1.0)]), Segment("the house", [])]),
]


def test_rare_words_count_apart_from_all_others():
    texts = ["Mrs. Lynde of avenly", "A quiet the house"]
    # of others four of "missus of a quiet house" are right with one too much; avonlea is no error of theirs
    assert score(TALKS, texts, {"lynde", "avonlea"}) == Score(rare=2, rare_right=1, other=5, other_errors=1)
    assert Score(2, 1, 5, 1).recall == 0.5
    assert Score(2, 1, 5, 1).other_wer == 0.2


def test_corrected_texts_come_with_what_was_changed():
    texts, changes, _ = corrected(TALKS, Corrector([Term("Lynde"), Term("Avonlea")]))
    assert texts == ["Mrs. Lynde of Avonlea", "A quiet the house"]
    assert changes == [("Linde", "Lynde"), ("avenly", "Avonlea")]


def test_the_rarest_are_plain_words_that_no_dictionary_has_before_rare_ones(monkeypatch):
    monkeypatch.setattr(correction, "N_RARE", 3)
    assert rarest(Counter(["house", "avonlea", "o'er", "oh", "benignant", "the"])) == ["avonlea", "benignant", "house"]


def test_distractors_are_the_same_each_time_and_never_said():
    said = Counter(distractors(100, Counter()))
    terms = distractors(100, said)
    assert terms == distractors(100, said)
    assert len(set(terms)) == 100
    assert not set(terms) & set(said)
