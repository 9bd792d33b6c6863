"""Hot words: what a text is granted for them, whatever way it was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.ctc.hotwords import HotWords
from model.ctc.vocabulary import CtcVocabulary
from model.errors import BeamscribeError
from tests.model.ctc.ctc_helpers import total_gain

LETTERS = CtcVocabulary.of_characters("ab")
PIECES = CtcVocabulary(("<blank>", "▁a", "▁ab", "▁", "a", "b", "ba"), separator="▁")
CITIES = CtcVocabulary.of_characters("abcdefghijklmnopqrstuvwxyz")
PHRASES = st.lists(
    st.tuples(st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=3).map(" ".join), st.integers(1, 9)),
    max_size=5,
)


def by_definition(text, phrases):
    """From left to right, at each word the longest phrase."""
    words, total, i = text.split(), 0.0, 0
    bonuses = {}
    for phrase, bonus in phrases:
        bonuses[phrase] = max(bonus, bonuses.get(phrase, 0))
    while i < len(words):
        lengths = (n for n in range(len(words) - i, 0, -1) if " ".join(words[i : i + n]) in bonuses)
        n = next(lengths, 0)
        total += bonuses.get(" ".join(words[i : i + n]), 0)
        i += n or 1
    return total


@given(PHRASES, st.lists(st.integers(0, 3), max_size=14))
def test_bonuses_are_those_of_the_whole_text(phrases, labels):
    text = LETTERS.text(labels)
    assert total_gain(HotWords(phrases, LETTERS), labels) == pytest.approx(by_definition(text, phrases))


@given(PHRASES, st.lists(st.integers(0, 6), max_size=10))
def test_pieces_are_granted_what_their_characters_are(phrases, labels):
    text = PIECES.text(labels)
    assert total_gain(HotWords(phrases, PIECES), labels) == pytest.approx(by_definition(text, phrases))


def gains(phrases, text):
    """What each character of a text gains, and its end."""
    hotwords = HotWords(phrases, CITIES)
    state, gained = hotwords.begin(), []
    for label in CITIES.encode(text):
        gained.append(round(float(hotwords.gains(state)[label]), 6))
        state = hotwords.advance(state, label)
    return [*gained, hotwords.end(state)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rome", [1, 1, 1, 1, 0]),
        ("rom", [1, 1, 1, -3]),
        ("romb", [1, 1, 1, -3, 0]),
        # a word that goes on is another word
        ("romes", [1, 1, 1, 1, -4, 0]),
        ("arome", [0, 0, 0, 0, 0, 0]),
        ("a rome a", [0, 0, 1, 1, 1, 1, 0, 0, 0]),
        ("rome rome", [1, 1, 1, 1, 0, 1, 1, 1, 1, 0]),
    ],
)
def test_shares_are_granted_and_taken_back(text, expected):
    assert gains([("rome", 4.0)], text) == expected


def test_a_word_of_its_own_stays_where_the_phrase_breaks():
    # "new york" is granted 8 and more for what may become "new york city"; the word after it breaks only the latter
    phrases = [("new york", 8.0), ("new york city", 26.0), ("rome", 4.0)]
    gained = gains(phrases, "new york rome")
    assert gained[:8] == [2.0] * 8
    assert gained[8:] == [2.0, 1.0 + 8.0 - 18.0, 1.0, 1.0, 1.0, 0.0]
    assert sum(gains(phrases, "new york city")) == pytest.approx(26.0)


def test_phrases_are_spelled_with_the_labels():
    upper = CtcVocabulary.of_characters("ABC")
    assert total_gain(HotWords([("cab", 3.0)], upper), upper.encode("CAB")) == pytest.approx(3.0)
    with pytest.raises(BeamscribeError, match="cannot write 'Z' in 'ZAC'"):
        HotWords([("zac", 3.0)], upper)


@pytest.mark.parametrize(
    ("phrase", "bonus"), [("cab", 0.0), ("cab", -1.0), ("cab", float("nan")), ("cab", float("inf")), (" ", 1.0)]
)
def test_weights_are_above_0(phrase, bonus):
    with pytest.raises(BeamscribeError, match=f"hot word '{phrase}' with weight {bonus}: give a word, and a weight"):
        HotWords([(phrase, bonus)], CITIES)
