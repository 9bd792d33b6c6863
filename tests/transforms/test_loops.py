"""Texts that go round in circles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.loops import MIN_LOOP_UNITS, MIN_REPEATS, Loop, find_loop, repeats_cut, units_of


def cut(text, language="en"):
    (ranges,) = repeats_cut([text], language)
    for start, end in reversed(ranges):
        text = text[:start] + text[end:]
    return text.strip()


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("I'm going to go and see her tomorrow.", None),
        ("No, no, no, no.", None),
        ("I don't know. I don't know. I don't know.", None),
        ("la " * 8, Loop(0, 1, 8)),
        ("so " + "thank you " * 5, Loop(1, 2, 5)),
        ("well, the way the way the way the way the way out", Loop(1, 2, 5)),
    ],
)
def test_loops_are_found(text, loop):
    assert find_loop([unit.said for unit in units_of(text, "en")]) == loop


def test_units_are_words_or_characters():
    assert [unit.said for unit in units_of("Don't, DON’T! 3.5", "en")] == ["don't", "don’t", "3", "5"]
    assert [unit.said for unit in units_of("ありがとう。", "ja")] == list("ありがとう")


@pytest.mark.parametrize(
    ("text", "language", "left"),
    [
        ("So. Thank you. Thank you. Thank you. Thank you. Bye.", "en", "So. Thank you. Bye."),
        ("la " * 20, "en", "la"),
        ("ありがとうありがとうありがとうありがとう", "ja", "ありがとう"),
        ("Nothing to cut here.", "en", "Nothing to cut here."),
    ],
)
def test_first_time_stays_and_the_rest_goes(text, language, left):
    assert cut(text, language) == left


def test_a_loop_may_go_through_several_texts():
    texts = ["I see.", "Thank you.", "Thank you.", "Thank you.", "Thank you. Bye."]
    assert repeats_cut(texts, "en") == [[], [], [(0, 10)], [(0, 10)], [(0, 11)]]


@given(st.lists(st.sampled_from("abc"), max_size=60))
def test_no_loop_is_left(said):
    text = " ".join(said)
    left = cut(text)
    assert find_loop([unit.said for unit in units_of(left, "en")]) is None
    if find_loop(said) is None:
        assert left == text


@given(st.lists(st.sampled_from("ab"), max_size=30))
def test_loops_are_what_the_definition_says(said):
    loop = find_loop(said)
    for n_units in range(1, len(said)):
        for start in range(len(said)):
            for n_repeats in range(MIN_REPEATS, len(said) // n_units + 1):
                n = n_units * n_repeats
                if n >= MIN_LOOP_UNITS and said[start : start + n] == said[start : start + n_units] * n_repeats:
                    assert loop is not None
                    assert loop.end - loop.start >= n
    if loop:
        part = said[loop.start : loop.start + loop.n_units]
        assert said[loop.start : loop.end] == part * loop.n_repeats
