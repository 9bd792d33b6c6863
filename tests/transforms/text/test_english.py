"""Which words are English, and which of them everyone uses."""

import pytest

from transforms.text.english import is_common, is_english, ranks


def test_words_are_ranked_by_how_often_they_are_used():
    assert list(ranks())[:3] == ["the", "of", "and"]
    assert ranks()["the"] < ranks()["house"] < ranks()["benignant"]


@pytest.mark.parametrize("word", ["house", "colored", "travelers", "we'll", "don’t", "house's", "a", "16", "gonna"])
def test_everyday_words_are_common(word):
    assert is_common(word)


@pytest.mark.parametrize("word", ["benignant", "sagacious", "benignant's"])
def test_rare_words_are_english_and_not_common(word):
    assert is_english(word)
    assert not is_common(word)


@pytest.mark.parametrize("word", ["avenly", "linde", "gweniverr", "avenly's"])
def test_what_no_dictionary_has_is_neither(word):
    assert not is_english(word)
    assert not is_common(word)
