"""Talks: rules and redaction over the segments of a channel, on record."""

import re

from hypothesis import given
from hypothesis import strategies as st

from transforms.text.edits import Edit, Replacement, apply_edits
from transforms.text.talk import Said, Secret, write
from transforms.text.words import PlacedWord, follow

DIGITS = {"one": "1", "two": "2", "three": "3", "four": "4"}


def said(raw_text, cuts=(), language="en"):
    words = [PlacedWord(*m.span(), m[0], float(m.start()), float(m.end()), 0.5) for m in re.finditer(r"\S+", raw_text)]
    return Said(raw_text, tuple(cuts), tuple(words), language)


def to_digits(text, words):
    return [
        Replacement(*m.span(), "".join(DIGITS[word] for word in m[0].split()))
        for m in re.finditer(r"\b(?:one|two|three|four)(?: (?:one|two|three|four))*\b", text)
    ]


def without_um(text, words):
    return [Replacement(*m.span(), "") for m in re.finditer(r"\bum ?", text)]


def rules(language):
    return [("um", without_um), ("digits", to_digits)] if language == "en" else []


def no_rules(language):
    return []


def codes(talk):
    """Three digits in a row, spoken or not, are a secret."""
    digit = r"(?:one|two|three|four|[1-4])"
    return [Secret(*m.span(), "code", "[CODE]") for m in re.finditer(rf"{digit}(?:\s*{digit}){{2,}}", talk)]


def words_of(written):
    return [(word.word, word.start_s, word.end_s) for word in written.words]


def test_rules_change_the_text_and_its_words_and_are_on_record():
    (written,) = write([said("um it is two one um.")], rules)
    assert (written.raw_text, written.text) == ("um it is two one um.", "it is 21 .")
    assert [edit.rule for edit in written.edits] == ["um", "um", "digits"]
    assert words_of(written) == [("it", 3.0, 5.0), ("is", 6.0, 8.0), ("21", 9.0, 16.0), (".", 17.0, 20.0)]
    assert [written.text[w.start : w.end] for w in written.words] == ["it", "is", "21", "."]


def test_another_language_has_its_own_rules():
    (written,) = write([said("um two one", language="de")], rules)
    assert (written.text, written.edits) == ("um two one", ())


def test_secret_is_in_no_column():
    (written,) = write([said("it is one two three, thanks")], no_rules, codes)
    assert (written.raw_text, written.text) == ("it is [CODE], thanks", "it is [CODE], thanks")
    assert written.edits == (Edit("redact_code", 6, 12, None, "[CODE]"),)
    assert words_of(written) == [("it", 0.0, 2.0), ("is", 3.0, 5.0), ("[CODE],", 6.0, 20.0), ("thanks", 21.0, 27.0)]
    assert [word.probability for word in written.words] == [0.5, 0.5, None, 0.5]


def test_secret_over_two_segments_goes_from_both():
    first, second, third = write([said("it is one"), said("two three"), said("one more")], no_rules, codes)
    assert (first.text, second.text, third.text) == ("it is [CODE]", "[CODE]", "[CODE] more")


def test_secret_that_only_the_rules_bring_out_goes_from_the_raw_text_too():
    (written,) = write([said("so one um two three it is")], rules, codes)
    assert (written.raw_text, written.text) == ("so [CODE] it is", "so [CODE] it is")
    assert words_of(written)[1] == ("[CODE]", 3.0, 19.0)


def test_cut_lies_around_the_tag_and_goes_with_it():
    raw = "so one two three. one two three."
    cut = Edit("ngram_loop", 16, 31, raw[16:31], "")
    (written,) = write([said(raw, [cut])], no_rules, codes)
    assert (written.raw_text, written.text) == ("so [CODE]. [CODE].", "so [CODE].")
    assert written.edits[2:] == (Edit("ngram_loop", 9, 17, ". [CODE]", ""),)


def test_secret_across_a_cut_is_found_in_what_is_left():
    raw = "one two blah three"
    (written,) = write([said(raw, [Edit("loop", 8, 13, "blah ", "")])], no_rules, codes)
    assert (written.raw_text, written.text) == ("[CODE]", "[CODE]")


def test_rule_does_not_touch_a_tag():
    def lower(text, words):
        return [Replacement(0, len(text), text.lower())] if text != text.lower() else []

    def each(text, words):
        return [Replacement(*m.span(), m[0].lower()) for m in re.finditer("[A-Z]+", text)]

    (written,) = write([said("SO one two three")], lambda _: [("all", lower), ("each", each)], codes)
    assert written.text == "so [CODE]"


def test_secret_that_rules_make_again_and_again_takes_the_whole_segment():
    def always(talk):
        return [Secret(*m.span(), "word", "[WORD]") for m in re.finditer(r"new", talk)]

    def renew(text, words):
        return [Replacement(0, 0, "new ")] if not text.startswith("new") else []

    (written,) = write([said("hello there")], lambda _: [("renew", renew)], always)
    assert written.raw_text == "[WORD]"


texts = st.lists(st.sampled_from(["one ", "two", " three", "um ", ", ", "so ", "4", "\n"]), max_size=14).map("".join)


@given(st.lists(texts, min_size=1, max_size=4), st.data())
def test_edits_lead_from_raw_to_text_and_no_secret_is_anywhere(raws, data):
    talk = []
    for raw in raws:
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, len(raw)))
        talk.append(said(raw, [Edit("cut", start, end, raw[start:end], "")] if start < end else []))
    written = write(talk, rules, codes)
    for one in written:
        assert apply_edits(one.raw_text, one.edits) == one.text
        assert all(one.text[word.start : word.end] == word.word for word in one.words)
        assert not any(codes(edit.before or "") for edit in one.edits)
    for column in ("raw_text", "text"):
        assert codes("\n".join(getattr(one, column) for one in written)) == []


def test_words_follow_an_insertion_and_a_removal():
    words = [PlacedWord(0, 2, "so", 0.0, 1.0, 0.5), PlacedWord(3, 5, "it", 1.0, 2.0, 0.7)]
    assert [w.word for w in follow(words, Edit("stop", 5, 5, "", "."), "so it.")] == ["so", "it."]
    assert follow(words, Edit("cut", 0, 3, "so ", ""), "it") == [PlacedWord(0, 2, "it", 1.0, 2.0, 0.7)]
    assert follow(words, Edit("join", 2, 3, " ", ""), "soit")[1:] == [PlacedWord(2, 4, "it", 1.0, 2.0, 0.7)]
