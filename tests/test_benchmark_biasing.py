"""What `benchmarks/biasing.py` counts."""

import biasing
import pytest
from biasing import RareScore, distractors, rare_score, rare_words
from wer import Clip


@pytest.fixture(autouse=True)
def _few_words(monkeypatch):
    monkeypatch.setattr(biasing, "frequencies", lambda: {"the": 900, "lynde": 7, "brook": 5, "dew": 4, "elm": 3})


def clip(name, reference):
    return Clip(name, "librispeech", "en", reference)


def test_rarest_first_and_none_that_is_scored_in_other_words():
    clips = [clip("a", "THE BROOK CHAPTER SEVENTEEN"), clip("b", "LYNDE'S ELM THE CHEBEC")]
    assert rare_words(clips) == ["chapter", "chebec", "elm", "brook", "the"]


def test_distractors_are_said_nowhere_and_fewer_are_the_first_of_more():
    clips = [clip("a", "THE BROOK"), clip("b", "AN ELM")]
    both = distractors(clips, 2)
    assert sorted(both) == ["dew", "lynde"]
    assert distractors(clips, 1) == both[:1]


def test_rare_words_and_the_others_are_counted_apart():
    clips = [clip("a", "MISTER CHEBEC SAT BY THE BROOK"), clip("b", "THE LYNDE HOUSE")]
    texts = {"a": "Mister Chipper sat, sat by a brook of dew.", "b": "The Lynde house"}
    score = rare_score(clips, texts, ["chebec", "lynde", "brook"], ["chebec", "lynde", "brook", "dew"])
    # "sat", "of" and "dew" too many, "a" for "the"
    assert score == RareScore(rare=3, found=2, others=6, other_errors=4, false_alarms=1)
    assert (score.recall, score.other_wer) == (2 / 3, 4 / 6)


def test_a_clip_without_a_text_is_missed_in_full():
    score = rare_score([clip("a", "THE BROOK")], {}, ["brook"], ["brook"])
    assert score == RareScore(rare=1, found=0, others=1, other_errors=1, false_alarms=0)
