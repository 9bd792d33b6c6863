"""Profanity."""

import pytest

from model.errors import BeamscribeError
from transforms.text.edits import apply_edits, made
from transforms.text.profanity import profanity_rule
from transforms.text.word_lists import read_words


def ruled(text, mode, words=()):
    return apply_edits(text, made("profanity", text, profanity_rule(mode, words)(text)))


def test_whole_words_in_any_case_are_masked_or_tagged():
    assert ruled("Oh Shit, that was shitty.", "mask") == "Oh S***, that was s*****."
    assert ruled("Oh Shit!", "tag") == "Oh [PROFANITY]!"
    assert ruled("Oh Shit!", "leave") == "Oh Shit!"


def test_words_that_hold_one_stay():
    text = "Scunthorpe, a cocktail, Dickens, the class assessed a shitake."
    assert ruled(text, "mask") == text


def test_own_words_take_the_place_of_the_list(tmp_path):
    path = tmp_path / "words"
    path.write_text("bother # mild\nblast it\n")
    words = read_words(str(path))
    assert words == ["bother", "blast it"]
    assert ruled("Bother, blast it, shit.", "mask", words) == "B*****, b*******, shit."
    path.write_text("#\n")
    with pytest.raises(BeamscribeError, match="holds no word"):
        read_words(str(path))
