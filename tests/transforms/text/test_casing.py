"""Case and punctuation for text that has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.text.casing import RULE, casing_rule
from transforms.text.corrector import Corrector
from transforms.text.edits import apply_edits, made, run_rules
from transforms.text.vocabulary import Term

NAMES = Corrector(
    [
        Term("Avonlea"),
        Term("Edith Cavell"),
        Term("Edith"),
        Term("iPhone"),
        Term("Rose"),
        Term("eardrops"),
        Term("St. John"),
    ]
)


def cased(text, corrector=NAMES):
    return run_rules(text, [(RULE, casing_rule(corrector))])[0]


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("i think i'm late", "I think I'm late."),
        ("so i’ll come on monday or in july", "So I’ll come on Monday or in July."),
        ("monday's news", "Monday's news."),
        ("edith cavell of avonlea", "Edith Cavell of Avonlea."),
        ("in avonlea's woods", "In Avonlea's woods."),
        ("AVONLEA'S IPHONE IS RED", "Avonlea's iPhone is red."),
        ("he met st john", "He met St. John."),
        # everyday words and lower-case terms are no names
        ("a rose and ladies eardrops", "A rose and ladies eardrops."),
        ("well it's 5 o'clock ", "Well it's 5 o'clock. "),
    ],
)
def test_bare_text_is_written_as_a_sentence(text, repaired):
    assert cased(text) == repaired


@pytest.mark.parametrize("text", ["I think so", "i think so.", "is it, now", "", "...", "42", "今日は", "what?"])
def test_text_with_case_or_punctuation_or_without_letters_stays(text):
    assert cased(text) == text


def test_without_a_vocabulary_the_rest_is_done():
    assert cased("i saw edith", Corrector([])) == "I saw edith."


WORDS = st.sampled_from(["i", "edith", "cavell", "avonlea's", "rose", "monday", "5", "the", "ǆ"])


@given(st.lists(WORDS, max_size=8), st.booleans())
def test_the_repair_is_auditable_and_done_once(words, shouts):
    text = " ".join(words).upper() if shouts else " ".join(words)
    edits = made(RULE, text, casing_rule(NAMES)(text))
    after = apply_edits(text, edits)
    assert cased(after) == after
    assert after.casefold().rstrip(".") == " ".join(words).casefold()
