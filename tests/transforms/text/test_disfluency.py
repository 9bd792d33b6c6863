"""Disfluencies: what is taken out, and what can be meant and stays."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.text.disfluency import DISFLUENCIES
from transforms.text.edits import apply_edits, run_rules

PARTS = ("fillers", "false_starts", "repetitions")


def fluent(text, parts=PARTS):
    return run_rules(text, [(part, DISFLUENCIES[f"disfluency.{part}"]) for part in parts])[0]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Um, so I went.", "So I went."),
        ("I, uh, think so.", "I think so."),
        ("I was um going uh home", "I was going home"),
        ("um i went home", "i went home"),
        ("He left, erm.", "He left."),
        ("He left. Um, uh, then he came.", "He left. Then he came."),
        ("Right. Um. Uh. So it is.", "Right. So it is."),
        ("Right. Hmm.", "Right."),
        ("He said, “Um, no.”", "He said, “No.”"),
        ("I—uh—think", "I think"),
        ("I was um... going", "I was... going"),
        ("It was (uh, small) red", "It was (small) red"),
        ("Is it, mhm?", "Is it?"),
    ],
)
def test_fillers_go_with_their_commas(text, left):
    assert fluent(text, ["fillers"]) == left


@pytest.mark.parametrize(
    "text",
    [
        "Um.",
        "Uh, hmm.",
        "Mm-hmm, yes.",
        "Uh-huh.",
        "A 5 mm drill, 5mm",
        "In the ER.",
        "humming an umbrella's err",
        "Ums",
    ],
)
def test_a_text_of_fillers_alone_and_words_that_look_like_them_stay(text):
    assert fluent(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("I I think the the dog", "I think the dog"),
        ("The, the dog", "The dog"),
        ("I- I- I know", "I know"),
        ("and It's — it's good", "and It's good"),
        ("he’s he’s late", "he’s late"),
        # what can be meant
        ("He had had that that is is", "He had had that that is is"),
        ("No, no, very very good, four four one", "No, no, very very good, four four one"),
        ("The theatre, a aardvark, to together", "The theatre, a aardvark, to together"),
        ("It is for me. Me and the. The end", "It is for me. Me and the. The end"),
    ],
)
def test_function_words_are_said_once(text, left):
    assert fluent(text, ["repetitions"]) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("I wen- I went home", "I went home"),
        ("Th- the dog", "The dog"),
        ("th—the dog", "the dog"),
        ("you see, we wan-- we wanted it", "you see, we wanted it"),
        # what can be meant
        ("a no-nonsense no—nobody pre- and post-war", "a no-nonsense no—nobody pre- and post-war"),
        ("twenty- twenty-two", "twenty- twenty-two"),
    ],
)
def test_a_word_that_breaks_off_goes_where_it_is_said_again(text, left):
    assert fluent(text, ["false_starts"]) == left


def test_each_rule_goes_on_with_what_the_one_before_has_left():
    text, edits = run_rules("I, uh, I wen- I went to, um, to it", DISFLUENCIES.items())
    assert text == "I went to it"
    assert list(dict.fromkeys(edit.rule for edit in edits)) == [f"disfluency.{part}" for part in PARTS]


SAID = st.sampled_from(["um", "Uh", "er,", "I", "the", "the,", "th-", "went.", "—", "“Hm", "(mm)", "5", "wen- ", "no"])


@given(st.lists(SAID, max_size=12).map(" ".join))
def test_edits_are_auditable_and_only_take_away(text):
    after, edits = run_rules(text, DISFLUENCIES.items())
    assert apply_edits(text, edits) == after
    left = iter(re.findall(r"\w+", text.lower()))
    assert all(word in left for word in re.findall(r"\w+", after.lower()))


@given(st.lists(SAID, max_size=12).map(" ".join))
def test_other_words_stay(text):
    others = re.compile(r"went|no|5")
    assert others.findall(fluent(text, ["fillers", "repetitions"]).lower()) == others.findall(text)


@given(st.lists(SAID, max_size=12).map(" ".join))
def test_no_filler_is_left_beside_words(text):
    left = re.findall(r"\w+", fluent(text, ["fillers"]).lower())
    fillers = {"um", "uh", "er", "hm"}
    assert fillers.isdisjoint(left) or {*left} <= fillers | {"mm"}
