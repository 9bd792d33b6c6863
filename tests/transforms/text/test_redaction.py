"""What is hidden, and what is not."""

import json
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BeamscribeError
from tests.transforms.text import harder, planted
from transforms.text.edits import Replacement, apply_edits, made
from transforms.text.redaction.options import CLASSES, RedactionOptions, parse_classes
from transforms.text.redaction.replace import find, secrets
from transforms.text.word_lists import read_words

ALL = RedactionOptions(CLASSES, planted.NAMES)
N_TALKS = 400


def redacted(text, options=ALL):
    return apply_edits(text, made("redact", text, [Replacement(s.start, s.end, s.tag) for s in secrets(text, options)]))


def is_hidden(talk):
    """Whether every letter and digit of the secret is gone."""
    gone = {i for found in find(talk.text, ALL) for i in range(found.start, found.end)}
    return all(i in gone or not talk.text[i].isalnum() for i in range(talk.start, talk.end))


@pytest.mark.parametrize(
    ("source", "kind"), [(source, kind) for source in (planted, harder) for kind in source.SECRETS]
)
def test_planted_secrets_are_found_and_little_else(source, kind):
    chance = random.Random(f"{kind} 7")
    talks = [source.talk(kind, chance) for _ in range(N_TALKS)]
    missed = [talk.text[talk.start : talk.end] for talk in talks if not is_hidden(talk)]
    assert len(missed) <= 0.02 * N_TALKS, missed
    around = [
        talk.text[found.start : found.end]
        for talk in talks
        for found in find(talk.text, ALL)
        if found.end <= talk.start or found.start >= talk.end
    ]
    assert len(around) <= 0.05 * N_TALKS, around


def test_small_talk_stays():
    for text in planted.SMALL_TALK:
        assert redacted(text) == text


def test_references_of_real_speech_stay(speech):
    texts = [json.loads(line)["reference"] for line in (speech / "manifest.jsonl").read_text().splitlines()]
    found = [text[f.start : f.end] for text in texts for f in find(text, ALL)]
    n_words = sum(len(text.split()) for text in texts)
    assert n_words > 10_000
    assert len(found) <= 2, found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My card is four one double one, uh, one one one one one one one one one one one one.", "My card is [CARD]."),
        ("It is 4111 1111 1111 1111, expiring", "It is [CARD], expiring"),
        ("four one one one\none one one one one\none one one one one one one", "[CARD]"),
        ("my card is 4111 1111 1111 112 one", "my card is [CARD]"),
        ("it's 4111 eleven 11, and double one, uh, triple one. 11 one", "it's [CARD]"),
        ("it's four won one one for one one one ate one one one one one one one", "it's [CARD]"),
        ("one moment: 4111111111111111. One moment", "one moment: [CARD]. One moment"),
        ("GB29 NWBK 6016 1331 9268 19", "[IBAN]"),
        ("account number one two three four five six seven nine", "account number [IBAN]"),
        ("My SSN: 078-05-1120", "My SSN: [NATIONAL_ID]"),
        ("Call +44 20 7946 0958 now", "Call [PHONE] now"),
        ("dial five five five oh one nine nine", "dial [PHONE]"),
        ("j dot doe at north wind dot org", "[EMAIL]"),
        ("mail me at jane.doe@example.co.uk.", "mail me at [EMAIL]."),
        ("My email is hardware. Maybe let an example.com. I am", "My email is [EMAIL]. I am"),
        ("You can write to harbor.com or at maple.com. Thanks.", "You can write to [EMAIL]. Thanks."),
        ("My e-mail address is harber.maypullatexample.com, thanks", "My e-mail address is [EMAIL], thanks"),
        ("my card numbers for 111, 111, 111, 111, 111, 111, thank you", "my card numbers for [CARD], thank you"),
        ("my email is jane doe at example dot com", "my email is [EMAIL]"),
        ("Thanks. It's jane, that's J-A-N-E, at, uh, example, dot co, dot uk", "Thanks. It's [EMAIL]"),
        ("send it to E. M. M. A. at gmail. com", "send it to [EMAIL]"),
        ("it's maple twenty two at example dot com", "it's [EMAIL]"),
        ("born on the third of May nineteen eighty four in Leeds", "born on [DATE_OF_BIRTH] in Leeds"),
        ("D.O.B. seven double two forty", "D.O.B. [DATE_OF_BIRTH]"),
        ("We live at 221B Baker Street", "We live at [ADDRESS]"),
        ("it's at double four oh Maple Road, springfield, ohio 43215", "it's at [ADDRESS]"),
        ("it's 20 maple road, new york, new york 10001", "it's [ADDRESS]"),
        ("SW1A 1AA", "[ADDRESS]"),
        ("ann example's dog", "[NAME]'s dog"),
        ("S-I-O-B-H-A-N M-U-R-P-H-Y", "[NAME]"),
    ],
)
def test_each_class_in_words_and_figures(text, expected):
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "one two three four five six seven eight nine ten eleven twelve thirteen",
        "In 1914, 1915, 1916 and 1917 there were 12,000 of them.",
        "between nineteen forty five and nineteen eighty nine",
        "It was born of necessity.",
        "Two men in the street saw one dark road.",
        "Look at this dot.",
        "Annexample is no name",
        "He was at home at four or five.",
        "We laughed at first. Net sales were up.",
        "Look at the dot com boom, at this dot com.",
        "It was at some point in time.",
        "He aimed at the red dot in the middle.",
        "Find us online at example dot com, or see more at example dot org.",
    ],
)
def test_ordinary_words_and_numbers_stay(text):
    assert redacted(text) == text


def test_classes_that_were_not_asked_for_stay():
    text = "Call 415-555-0123 or mail jane@example.com"
    assert redacted(text, RedactionOptions(("email",))) == "Call 415-555-0123 or mail [EMAIL]"


def test_hashes_are_equal_for_equal_values_under_one_key_only():
    options = RedactionOptions(CLASSES, mode="hash", key=b"k" * 16)
    spoken = "my card is four one one one one one one one one one one one one one one one"
    tags = {secrets(text, options)[0].tag for text in (spoken, "4111 1111 1111 1111", "4111-1111-1111-1111")}
    (tag,) = tags
    assert re.fullmatch(r"\[CARD:[0-9a-f]{12}\]", tag)
    (other,) = secrets(spoken, RedactionOptions(CLASSES, mode="hash", key=b"l" * 16))
    assert other.tag != tag


fragments = st.lists(
    st.sampled_from(
        "four one oh double 4111 1111 - , . @ at dot com gmail uh and then born May 3rd street my card is 12 b Ann "
        "Example [CARD] thousand twenty phone".split()
    ),
    max_size=40,
).map(" ".join)


@given(st.one_of(st.text(max_size=200), fragments))
def test_finds_are_in_order_inside_the_text_and_found_once(text):
    found = find(text, ALL)
    edges = [edge for one in found for edge in (one.start, one.end)]
    assert edges == sorted(edges)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    once = redacted(text)
    assert not any(one.kind == "card" for one in find(once, ALL))


def test_very_long_figures_and_words_are_no_obstacle():
    assert [one.kind for one in find("1" * 10_000, ALL)] == ["card"]
    assert find("a" * 50_000 + " " + "at" * 20_000, ALL) == []


def test_classes_by_name():
    assert parse_classes("phone, card") == ("card", "phone")
    assert parse_classes("all") == CLASSES
    with pytest.raises(BeamscribeError, match="did you mean phone"):
        parse_classes("phones")
    with pytest.raises(BeamscribeError, match="give all, or some of"):
        parse_classes("xyz")


def test_names_of_a_file(tmp_path):
    path = tmp_path / "names"
    path.write_text("Ann  Example # a caller\n\nAnn Example\nBob\n")
    assert read_words(str(path), "name") == ["Ann Example", "Bob"]
    path.write_text("# none\n")
    with pytest.raises(BeamscribeError, match="holds no name"):
        read_words(str(path), "name")
    with pytest.raises(BeamscribeError, match="cannot be read"):
        read_words(str(tmp_path / "none"), "name")
