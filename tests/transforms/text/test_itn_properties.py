"""Written forms stay as they are: whatever the rules leave, they leave alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.text.edits import apply_edits, run_rules
from transforms.text.itn import itn_rules

RULES = itn_rules("en")
WORDS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen nineteen twenty thirty fifty ninety
hundred thousand million oh o double triple first second third fifth tenth twelfth twentieth hundredth thousandth halves
half quarter quarters thirds tenths eighties hundreds thousands a an the and or to of in at on by for between from
point dot minus negative plus percent per cent dollar dollars cents pounds pence sterling euros us canadian miles
kilometers kilograms feet foot inches degrees celsius hour hours minutes square years old p m am o'clock past till
sharp hundred june may march july henry louis king world war chapter part page apartment street avenue road main west
lane drive phone call number postcode email john smith example gmail com org co uk www w slash underscore dash colon
https is was it's this people i you covid vision g k d b"""
GAPS = [" "] * 12 + ["-", ", ", ". ", "  ", "\n", ".", "'"]
WRITTEN = """Call 555-123-4567 at 3:30 p.m. on June 5, 2021.
It cost $5.25, or 10% more than in the 1980s; 1,200 people and 2.5 million others paid £3.
Write to john.smith@example.com or see https://www.example.com/news.
The 21st of May 2020 was a 5 km run at -5°C, 6 foot 2 inches and 60 mph.
Henry VIII lived at 221B Baker Street, SW1A 1AA, and drank 2 1/2 L of it.
Chapter 4, page 12: 3.14 is 22/7; open 24/7 since 9/11 at 0900 hours, 192.168.0.1, +44 20 7946 0958.
10 dollars, 5 percent, 20 miles, 3 million, 7 o'clock, 15 May, 2 thirds, 4 point 5 and 100 kilometers""".splitlines()


def spoken() -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(st.sampled_from(WORDS.split()), st.sampled_from(GAPS)), min_size=1, max_size=14)
    return pairs.map(lambda pairs: "".join(word + gap for word, gap in pairs))


def after_rules(text: str) -> str:
    return run_rules(text, RULES)[0]


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(spoken())
def test_a_second_run_changes_nothing(text):
    once = after_rules(text)
    assert after_rules(once) == once


@settings(max_examples=300, deadline=None)
@given(spoken())
def test_the_edits_applied_to_what_was_said_give_what_is_written(text):
    written, edits = run_rules(text, RULES)
    assert apply_edits(text, edits) == written


@given(st.text(max_size=80))
def test_any_text_is_read_without_an_error(text):
    once = after_rules(text)
    assert after_rules(once) == once


@pytest.mark.parametrize("text", WRITTEN)
def test_what_is_written_already_stays(text):
    assert run_rules(text, RULES) == (text, [])
