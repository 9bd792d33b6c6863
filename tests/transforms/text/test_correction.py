"""Correction by a vocabulary: what it mends, and above all what it leaves alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.text.correction import RULE, Heard, correct
from transforms.text.corrector import Corrector
from transforms.text.edits import apply_edits, made
from transforms.text.vocabulary import Term

NAMES = Corrector(
    [
        Term("Avonlea"),
        Term("Lynde"),
        Term("Rachel"),
        Term("eardrops"),
        Term("gloved"),
        Term("Kubernetes"),
        Term("iPhone"),
        Term("D'Artagnan"),
        Term("Edith Cavell"),
        Term("St. Remsen"),
        Term("Open AI"),
        Term("Nguyen", 1.0, ("win", "new yen", "nwen")),
        Term("Rose"),
        Term("F-16", 1.0, ("f 16",)),
        Term("Añorga"),
        Term("Circe"),
    ]
)


def corrected(text, probability, corrector=NAMES, language="en"):
    """The text after correction, every word as sure as that."""
    words = [Heard(word, probability) for word in text.split()]
    return apply_edits(text, made(RULE, text, correct(text, words, corrector, language)))


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("Mrs. Linde was there.", "Mrs. Lynde was there."),
        ("on the avenly, main road", "on the Avonlea, main road"),
        ("Linde's house", "Lynde's house"),
        ("Linde’s house", "Lynde’s house"),
        ("THE AVENLY ROAD", "THE AVONLEA ROAD"),
        ("Cloved hands, a cloved arm", "Gloved hands, a gloved arm"),
        ("fringed with ear drops.", "fringed with eardrops."),
        ("fringed with ear-drops.", "fringed with eardrops."),
        ("run cubernetes there", "run Kubernetes there"),
        ("said dartanyan.", "said D'Artagnan."),
        ("saw Edith Cavill again", "saw Edith Cavell again"),
        ("in St. Rimsen", "in St. Remsen"),
        ("doctor new yen came", "doctor Nguyen came"),
        ("doctor win came", "doctor Nguyen came"),
        ("an F 16 came", "an F-16 came"),
    ],
)
def test_a_doubtful_word_becomes_the_term_that_it_sounds_like(text, mended):
    assert corrected(text, 0.5) == mended


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("on the kubernetes", "on the Kubernetes"),
        ("my iphone", "my iPhone"),
        ("by OpenAI", "by Open AI"),
        ("the ear-drops", "the eardrops"),
        ("an F16", "an F-16"),
        ("Anorga came", "Añorga came"),
        ("mister nwen", "mister Nguyen"),
    ],
)
@pytest.mark.parametrize("probability", [1.0, None])
def test_another_way_to_write_a_term_is_mended_however_sure_it_was(text, mended, probability):
    assert corrected(text, probability) == mended


@pytest.mark.parametrize(
    ("text", "probability"),
    [
        # sure
        ("Mrs. Linde was there.", 0.95),
        ("fringed with ear drops.", 0.8),
        ("the win was ours", 0.8),
        # common English
        ("he gave a rose to her", 0.1),
        ("a clove of garlic", 0.1),
        # written already, if beside something
        ("Lynde and Avonlea, Lynde's Kubernetes", 0.1),
        # divided by punctuation, or the end of a sentence
        ("by the ear, drops of it", 0.1),
        ("my friend Edith. Cavill came", 0.1),
        # other digits
        ("an F-15", 0.1),
        # nothing like it
        ("a zqxv, a blorptang", 0.1),
    ],
)
def test_what_is_sure_or_common_or_unlike_stays(text, probability):
    assert corrected(text, probability) == text


def test_between_two_terms_that_are_as_like_nothing_is_decided():
    assert corrected("Mr. Linde came", 0.5, Corrector([Term("Lynde"), Term("Lindo")])) == "Mr. Linde came"


def test_a_possessive_is_no_plural():
    assert corrected("Zorbin's house", 1.0, Corrector([Term("Zorbins")])) == "Zorbin's house"
    assert corrected("Zorbins house", 1.0, Corrector([Term("Zorbin's")])) == "Zorbin's house"


def test_where_probabilities_are_unknown_more_likeness_is_needed():
    assert corrected("Mrs. Linde came", None) == "Mrs. Lynde came"
    assert corrected("on the avenly", None) == "on the avenly"
    assert corrected("on the avenly", 0.5) == "on the Avonlea"


def test_a_term_of_more_weight_needs_less_likeness():
    assert corrected("a chippick", 0.5, Corrector([Term("chebec")])) == "a chippick"
    assert corrected("a chippick", 0.5, Corrector([Term("chebec", 4.0)])) == "a chebec"
    assert corrected("the rodden", 0.5, Corrector([Term("rawdon")])) == "the rawdon"
    assert corrected("the rodden", 0.5, Corrector([Term("rawdon", 0.1)])) == "the rodden"


def test_in_other_languages_only_what_is_listed_is_mended():
    assert corrected("Frau Linde, kubernetes, nwen", 0.5, language="de") == "Frau Linde, Kubernetes, Nguyen"
    assert corrected("kubernetes", 0.5, language="ja") == "kubernetes"


def test_words_that_an_earlier_rule_wrote_have_no_probability():
    words = [Heard("um,", 0.1), Heard("of", 1.0), Heard("avenly.", 0.5)]
    text = "Cersei of avenly."
    assert corrected("Cersei", 0.5) == "Circe"
    assert apply_edits(text, made(RULE, text, correct(text, words, NAMES, "en"))) == "Cersei of Avonlea."


def test_an_empty_vocabulary_changes_nothing():
    assert corrected("Linde is here", 0.1, Corrector([])) == "Linde is here"


SAID = st.sampled_from(
    ["Linde", "avenly", "ear", "drops", "Rose", "the", "cavill's", "rachel", "lynde", "St.", "nwen", "F", "16", "İx"]
)


@given(st.lists(st.tuples(SAID, st.none() | st.floats(0, 1)), max_size=12), st.sampled_from(["en", "de", "ja"]))
def test_correction_is_auditable_and_done_once(said, language):
    words = [Heard(*word) for word in said]
    text = " ".join(word.word for word in words)
    edits = made(RULE, text, correct(text, words, NAMES, language))
    after = apply_edits(text, edits)
    assert all(edit.before != edit.after for edit in edits)
    # what it wrote stands
    again = correct(after, [Heard(word, 1.0) for word in after.split()], NAMES, language)
    assert again == []


WRITTEN = {"avonlea", "lynde", "rachel", "eardrops", "gloved", "kubernetes", "iphone", "d'artagnan", "edith cavell"}
WRITTEN |= {"st. remsen", "open ai", "nguyen", "rose", "f-16", "añorga", "circe"}


@given(st.text(max_size=40), st.floats(0, 1))
def test_of_any_text_nothing_but_terms_is_made(text, probability):
    edits = made(RULE, text, correct(text, [Heard(text, probability)], NAMES, "en"))
    assert all(edit.after.casefold() in WRITTEN for edit in edits)
