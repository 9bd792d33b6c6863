"""Edits: what rules did, applied again, gives what they left."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.text.edits import Edit, Replacement, apply_edits, made, run_rules


def shout(text: str) -> list[Replacement]:
    return [Replacement(*m.span(), m[0].upper() + "!") for m in re.finditer(r"\b[a-c]\w*", text)]


def drop_um(text: str) -> list[Replacement]:
    return [Replacement(*m.span(), "") for m in re.finditer(r"\bum ", text)]


def test_every_edit_counts_in_the_text_that_the_one_before_it_left():
    text, edits = run_rules("um, a bee um saw", [("um", drop_um), ("shout", shout)])
    assert text == "um, A! BEE! saw"
    assert edits == [Edit("um", 10, 13, "um ", ""), Edit("shout", 4, 5, "a", "A!"), Edit("shout", 7, 10, "bee", "BEE!")]


@given(st.text(alphabet="abumx ,", max_size=60))
def test_applying_the_edits_gives_the_text(raw):
    text, edits = run_rules(raw, [("um", drop_um), ("shout", shout), ("again", shout)])
    assert apply_edits(raw, edits) == text
    assert all(edit.before != edit.after for edit in edits)


def test_a_replacement_that_changes_nothing_is_no_edit():
    assert made("same", "abc", [Replacement(0, 1, "a"), Replacement(1, 2, "B")]) == [Edit("same", 1, 2, "b", "B")]


@pytest.mark.parametrize("wrong", [[Replacement(0, 2, ""), Replacement(1, 3, "")], [Replacement(2, 9, "")]])
def test_replacements_that_overlap_or_leave_the_text_are_refused(wrong):
    with pytest.raises(ValueError, match="overlaps"):
        made("bad", "abc", wrong)
