"""Language models in a search: what a text gains on its way is what its whole words or characters are worth."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.ctc.arpa import read_arpa
from model.ctc.fusion import CharacterFusion, Scorers, WordFusion, known_form
from model.ctc.hotwords import HotWords
from model.ctc.ngram import sentence_logprob
from model.ctc.vocabulary import CtcVocabulary
from tests.model.ctc.ctc_helpers import ARPA, total_gain

LETTERS = CtcVocabulary(("<blank>", "|", "T", "H", "E", "C", "A", "S", "<unk>"), separator="|")
PIECES = CtcVocabulary(("▁the", "▁cat", "▁s", "at", "▁", "the", "s", "<blank>"), 7, "▁")
# parts of words that the model knows, and of others
LABELS = st.lists(st.sampled_from(["the", "cat", "sat", "hat", "|", "|", "||", "c"]), max_size=7).map(
    lambda parts: [LETTERS.labels.index(letter.upper()) for letter in "".join(parts)]
)

CHARACTERS = r"""
\data\
ngram 1=6
ngram 2=3

\1-grams:
-99	<s>	-0.3
-1.0	</s>
-0.5	a	-0.2
-0.8	b	-0.1
-0.6	SPACE	-0.4
-3.0	<unk>

\2-grams:
-0.1	<s> a
-0.3	a SPACE
-0.2	SPACE b

\end\
"""


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    path = tmp_path_factory.mktemp("arpa") / "words.arpa"
    path.write_text(ARPA, encoding="utf-8")
    return read_arpa(path)


@pytest.fixture(scope="module", params=["|", "<space>", "▁"])
def characters(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("arpa") / "characters.arpa"
    path.write_text(CHARACTERS.replace("SPACE", request.param), encoding="utf-8")
    return request.param, read_arpa(path)


@given(labels=LABELS)
def test_words_gain_what_the_model_says_of_the_text(words, labels):
    fusion = WordFusion(words, LETTERS, alpha=0.7, beta=1.5)
    said = LETTERS.text(labels).lower().split()
    assert total_gain(fusion, labels) == pytest.approx(0.7 * sentence_logprob(words, said) + 1.5 * len(said))


@given(labels=st.lists(st.integers(0, 6), max_size=8))
def test_words_of_pieces(words, labels):
    fusion = WordFusion(words, PIECES, alpha=0.7, beta=1.5)
    said = PIECES.text(labels).split()
    assert total_gain(fusion, labels) == pytest.approx(0.7 * sentence_logprob(words, said) + 1.5 * len(said))


def test_a_word_is_scored_when_it_has_ended(words):
    fusion = WordFusion(words, LETTERS, alpha=2.0, beta=0.5)
    state = fusion.begin()
    for label in LETTERS.encode("the"):
        assert fusion.gains(state)[label] == 0.0
        state = fusion.advance(state, label)
    gains = fusion.gains(state)
    assert gains[1] == pytest.approx(2.0 * math.log(10) * -0.2 + 0.5)
    assert [*gains[:1], *gains[2:]] == [0.0] * (len(LETTERS) - 1)
    # a separator more parts nothing more
    assert fusion.gains(fusion.advance(state, 1)).tolist() == [0.0] * len(LETTERS)


@given(text=st.text("abc ", max_size=10))
def test_characters_gain_what_the_model_says_of_the_text(characters, text):
    space, model = characters
    vocabulary = CtcVocabulary.of_characters("abc")
    fusion = CharacterFusion(model, vocabulary, alpha=0.7, beta=1.5)
    labels = [vocabulary.labels.index(character) for character in text]
    units = [space if character == " " else character for character in vocabulary.text(labels)]
    assert total_gain(fusion, labels) == pytest.approx(0.7 * sentence_logprob(model, units) + 1.5 * len(units))


@given(labels=LABELS)
def test_several_scorers_are_added_up(words, labels):
    each = [WordFusion(words, LETTERS, alpha=0.7, beta=1.5), HotWords([("cat", 3.0)], LETTERS)]
    assert total_gain(Scorers(each), labels) == pytest.approx(sum(total_gain(scorer, labels) for scorer in each))


def test_words_are_looked_up_in_the_case_of_the_model(words):
    assert [known_form(word, words) for word in ("the", "THE", "The", "Dog")] == ["the", "the", "the", "Dog"]
