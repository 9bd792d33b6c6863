"""What of a window's text goes into the rows."""

from model.recognizer import Hypothesis, TimedText, TimedWord
from transforms.guards import Scene
from transforms.pieces import pieces
from transforms.text.edits import Edit, apply_edits

SCENE = Scene(20.0, ((0.0, 8.0), (12.0, 20.0)))


def hypothesis(*segments, **values):
    made = tuple(TimedText(start, end, text, (1,), (), words_of(text, start)) for start, end, text in segments)
    text = " ".join(segment.text for segment in made)
    defaults = {"avg_logprob": -0.2, "no_speech_prob": 0.0, "compression_ratio": 1.0, "temperature": 0.0}
    return Hypothesis((1,), text, made, **(defaults | values), language="en", language_probability=None)


def words_of(text, start_s):
    return tuple(TimedWord(word, start_s + i, start_s + i + 1, 0.9) for i, word in enumerate(text.split()))


def described(found):
    return [(p.start_s, p.end_s, p.text, p.flags) for p in found]


def test_segments_and_speech_without_text_in_order():
    found = pieces(hypothesis((12.0, 25.0, " There. ")), SCENE, ())
    assert described(found) == [(0.0, 8.3, "", ("no_text",)), (12.0, 20.0, "There.", ())]


def test_window_without_text_is_one_flagged_piece():
    assert described(pieces(hypothesis(), SCENE, ("rescued",))) == [(0.0, 20.0, "", ("no_text", "rescued"))]


def test_loop_is_cut_out_with_its_words():
    found = pieces(hypothesis((0.0, 8.0, "So. " + "Thank you. " * 4 + "Bye."), (12.0, 20.0, "And on.")), SCENE, ())
    looping, other = found
    assert (looping.text, looping.flags) == ("So. Thank you. Bye.", ("ngram_loop",))
    assert [word.word for word in looping.words] == ["So.", "Thank", "you.", "Bye."]
    assert looping.edits == (Edit("ngram_loop", 13, 46, ". Thank you. Thank you. Thank you", ""),)
    assert (other.text, other.raw_text) == ("And on.", "And on.")


def test_edits_lead_from_the_raw_text_to_the_text():
    text = "  ".join(["one two three"] * 5) + ". And. " + "la " * 9
    (piece, _) = pieces(hypothesis((0.0, 8.0, text)), SCENE, ())
    edited = piece.raw_text
    for edit in piece.edits:
        assert edited[edit.start : edit.end] == edit.before
        edited = apply_edits(edited, [edit])
    assert edited == piece.text == "one two three. And. la"


def test_what_was_said_again_in_each_part_alone_stays():
    found = pieces(hypothesis((0.0, 20.0, "Hello there. " * 6)), SCENE, ("repeated_speech", "rescued"))
    assert described(found) == [(0.0, 20.0, ("Hello there. " * 6).strip(), ("repeated_speech", "rescued"))]


def test_text_in_a_pause_goes_where_the_model_does_not_believe_it():
    sure = hypothesis((0.0, 8.0, "Hello."), (9.0, 11.0, "Thanks."), (12.0, 20.0, "Bye."))
    assert [(p.text, p.flags) for p in pieces(sure, SCENE, ())] == [
        ("Hello.", ()),
        ("Thanks.", ("outside_speech",)),
        ("Bye.", ()),
    ]
    unsure = hypothesis((0.0, 8.0, "Hello."), (9.0, 11.0, "Thanks."), (12.0, 20.0, "Bye."), no_speech_prob=0.7)
    dropped = pieces(unsure, SCENE, ())[1]
    assert (dropped.text, dropped.raw_text, dropped.words) == ("", "Thanks.", ())
    assert [edit.rule for edit in dropped.edits] == ["outside_speech"]


def test_text_that_the_model_believes_in_no_way_goes():
    unsure = {"avg_logprob": -1.1, "no_speech_prob": 0.3}
    found = pieces(hypothesis((0.0, 20.0, "Thanks for watching."), **unsure), SCENE, ("rescued",))
    assert [(p.text, p.raw_text, p.flags) for p in found] == [
        ("", "Thanks for watching.", ("low_logprob", "rescued", "unbelieved"))
    ]
    assert [edit.rule for edit in found[0].edits] == ["unbelieved"]
    for believed in ({"avg_logprob": -0.9}, {"no_speech_prob": 0.1}, {"no_speech_prob": None}):
        (piece,) = pieces(hypothesis((0.0, 20.0, "Well."), **(unsure | believed)), SCENE, ())
        assert piece.text == "Well."
