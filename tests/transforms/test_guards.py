"""What makes a hypothesis doubtful."""

from dataclasses import replace

import pytest

from model.recognizer import Hypothesis, TimedText
from transforms.guards import Scene, doubts, is_outside_speech, judge

SCENE = Scene(10.0, ((1.0, 4.0), (6.0, 9.0)))
GOOD = Hypothesis((1, 2), "all is well", (), -0.25, 0.01, 1.0, 0.0, "en", None)


def saying(text, **values):
    return replace(GOOD, text=text, **values)


@pytest.mark.parametrize(
    ("hypothesis", "scene", "codes"),
    [
        (GOOD, SCENE, ()),
        (replace(GOOD, avg_logprob=-1.2), SCENE, ("low_logprob",)),
        (replace(GOOD, compression_ratio=2.5), SCENE, ("repetitive",)),
        (saying("thank you " * 4), SCENE, ("ngram_loop",)),
        (saying(" ".join(str(n) for n in range(47))), SCENE, ()),
        (saying(" ".join(str(n) for n in range(48))), SCENE, ("too_fast",)),
        (saying("".join(chr(0x4E00 + n) for n in range(60)), language="zh"), SCENE, ()),
        (saying("".join(chr(0x4E00 + n) for n in range(110)), language="zh"), SCENE, ("too_fast",)),
        (saying(""), SCENE, ("no_text",)),
        (saying("", no_speech_prob=0.9), SCENE, ()),
        (saying(""), Scene(2.0, ((0.5, 1.2),)), ()),
        (saying("yes of course"), Scene(1.0, ((0.5, 0.7),)), ()),
        (saying("Ottokar and Wilhelmina of Brandenburg"), replace(SCENE, prompt="Ottokar, Wilhelmina"), ()),
        (
            saying("A call about orders and refunds."),
            replace(SCENE, prompt="A call about orders and refunds"),
            ("repeats_prompt",),
        ),
    ],
)
def test_doubts(hypothesis, scene, codes):
    assert doubts(hypothesis, scene) == codes
    assert judge(hypothesis, scene).flags == codes


def test_a_burst_is_no_word_where_the_model_hears_none():
    burst = Scene(0.8, ((0.3, 0.5),))
    assert judge(saying("You", no_speech_prob=0.9), burst).drop_rule == "no_speech"
    assert judge(saying("Yes", no_speech_prob=0.3), burst).drop_rule is None
    assert judge(saying("You", no_speech_prob=0.9), Scene(1.5, ((0.3, 1.0),))).drop_rule is None


@pytest.mark.parametrize(
    ("hypothesis", "rule"),
    [
        (replace(GOOD, compression_ratio=2.5, no_speech_prob=0.7), "no_speech"),
        (saying("thank you " * 4, no_speech_prob=0.7), "no_speech"),
        (replace(GOOD, no_speech_prob=0.99), None),
        (replace(GOOD, avg_logprob=-1.2, no_speech_prob=None), None),
        (saying("", no_speech_prob=0.99), None),
    ],
)
def test_silence_needs_the_word_of_the_model_and_doubt_of_its_words(hypothesis, rule):
    assert judge(hypothesis, SCENE).drop_rule == rule


@pytest.mark.parametrize(
    ("start_s", "end_s", "outside"), [(4.0, 6.0, True), (4.0, 6.2, False), (0.0, 1.05, True), (9.5, 10.0, True)]
)
def test_text_where_nobody_speaks(start_s, end_s, outside):
    assert is_outside_speech(TimedText(start_s, end_s, "x", ()), SCENE) is outside
