"""What is tried again, and which hypothesis wins."""

from dataclasses import replace

import numpy as np
import pytest

from model.recognizer import Hypothesis, TimedText
from transforms.guards import doubts, judge, uncovered
from transforms.rescue import choose, merge, needs_rescue, rescue, seed_of
from transforms.windows import Span, Window

RATE = 16_000


def hypothesis(*segments, **values):
    pieces = tuple(TimedText(start, end, text, (7,)) for start, end, text in segments)
    text = " ".join(piece.text for piece in pieces)
    return replace(Hypothesis((1,) * len(pieces), text, pieces, -0.25, 0.01, 1.2, 0.0, "en", None), **values)


def window(length_s, speech, spans=None):
    samples = np.arange(round(length_s * RATE), dtype=np.float32)
    spans = spans or [(0.0, length_s)]
    to_spans = [tuple(Span(round(a * RATE), round(b * RATE)) for a, b in pairs) for pairs in (spans, speech)]
    return Window(0, *to_spans, samples)


class Model:
    """Answers with hypotheses from a list, and notes what it was given."""

    window_samples = 480_000

    def __init__(self, heard=(), draws=()):
        self.heard, self.draws, self.given, self.seeds = list(heard), list(draws), [], []

    def recognize(self, waveforms, languages):
        self.given += [row[: int(np.flatnonzero(row)[-1]) + 1] for row in waveforms]
        return [self.heard.pop(0) for _ in waveforms]

    def sample(self, waveforms, languages, seeds, holds):
        self.seeds += list(seeds)
        drawn = []
        for _ in waveforms:
            drawn.append([])
            while self.draws:
                drawn[-1].append(self.draws.pop(0))
                if holds(drawn[-1][-1]):
                    break
        return drawn


GOOD = hypothesis((0.0, 9.9, "all of it"))
UNSURE = replace(GOOD, avg_logprob=-1.2)
LOOP = replace(GOOD, compression_ratio=9.0)


def test_what_makes_a_window_doubtful():
    whole = window(10.0, [(0.2, 9.8)])
    assert not needs_rescue(whole, GOOD)
    assert needs_rescue(whole, UNSURE)
    assert needs_rescue(whole, LOOP)
    assert needs_rescue(whole, hypothesis((0.0, 5.0, "half of it")))
    assert not needs_rescue(whole, replace(LOOP, no_speech_prob=0.9))


def test_verdicts():
    assert (doubts(GOOD), doubts(UNSURE), doubts(LOOP)) == ((), ("low_logprob",), ("repetitive",))
    assert judge(GOOD).flags == ()
    assert judge(replace(LOOP, no_speech_prob=0.7)).drop_rule == "no_speech"
    assert judge(replace(GOOD, no_speech_prob=0.99)).drop_rule is None
    assert judge(replace(UNSURE, no_speech_prob=None)).drop_rule is None


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([(0.0, 10.0)], []),
        ([(0.0, 4.0), (4.5, 10.0)], []),
        ([(0.0, 4.0)], [(4.0, 10.0)]),
        ([(5.0, 10.0)], [(0.0, 5.0)]),
        ([(0.0, 2.0), (8.0, 10.0)], [(2.0, 8.0)]),
        ([(0.0, 9.2)], []),
        ([], [(0.0, 10.0)]),
    ],
)
def test_uncovered_speech_lies_between_segments(segments, expected):
    pieces = [TimedText(start, end, "x", ()) for start, end in segments]
    found = uncovered([(0.3, 9.7)], pieces)
    assert [(round(a, 6), round(min(b, 10.0), 6)) for a, b in found] == expected


def test_silence_between_segments_is_no_speech():
    assert uncovered([(0.0, 2.0), (8.0, 10.0)], [TimedText(0.0, 2.0, "x", ()), TimedText(8.0, 10.0, "y", ())]) == []


def test_first_draw_that_holds_wins():
    draws = [replace(LOOP, temperature=0.2), replace(GOOD, temperature=0.4), replace(GOOD, temperature=0.6)]
    (rescued,) = rescue([window(10.0, [(0.2, 9.8)])], [LOOP], Model(draws=draws))
    assert (rescued.hypothesis.temperature, rescued.flags) == (0.4, ("rescued",))


def test_where_none_holds_the_likeliest_that_does_not_repeat_itself_is_kept():
    worse, better = replace(UNSURE, avg_logprob=-2.0), replace(UNSURE, avg_logprob=-1.1)
    assert choose([LOOP, worse, better]) is better
    assert choose([UNSURE, worse]) is UNSURE
    assert choose([replace(LOOP, compression_ratio=5.0), LOOP]).compression_ratio == 5.0


def test_seeds_come_from_the_audio_alone():
    model = Model(draws=[GOOD])
    rescue([window(10.0, [(0.2, 9.8)])], [LOOP], model)
    assert model.seeds == [seed_of(window(10.0, []).samples)]
    assert seed_of(np.zeros(3, np.float32)) != seed_of(np.zeros(4, np.float32))


def test_speech_that_was_left_out_is_recognised_alone_and_put_in_its_place():
    first = hypothesis((0.0, 4.0, "one"), (8.0, 10.0, "three"))
    model = Model(heard=[hypothesis((0.5, 3.5, "two"))])
    (rescued,) = rescue([window(10.0, [(0.0, 10.0)])], [first], model)
    assert [(s.start_s, s.end_s, s.text, s.flags) for s in rescued.hypothesis.segments] == [
        (0.0, 4.0, "one", ()),
        (4.5, 7.5, "two", ("recut",)),
        (8.0, 10.0, "three", ()),
    ]
    assert rescued.hypothesis.text == "one two three"
    np.testing.assert_array_equal(model.given[0], np.arange(4 * RATE, 8 * RATE, dtype=np.float32))


def test_an_early_end_may_come_twice():
    first = hypothesis((0.0, 2.0, "one"))
    model = Model(heard=[hypothesis((0.0, 3.0, "two")), hypothesis((0.0, 5.0, "three"))])
    (rescued,) = rescue([window(10.0, [(0.0, 10.0)])], [first], model)
    assert [(s.start_s, s.end_s) for s in rescued.hypothesis.segments] == [(0.0, 2.0), (2.0, 5.0), (5.0, 10.0)]


def test_a_cut_that_gives_nothing_ends_it():
    first = hypothesis((0.0, 2.0, "one"))
    for nothing in (hypothesis(), replace(hypothesis((0.0, 1.0, "la la")), compression_ratio=8.0)):
        (rescued,) = rescue([window(10.0, [(0.0, 10.0)])], [first], Model(heard=[nothing]))
        assert rescued.hypothesis == first


def test_whole_window_is_not_cut_again():
    (rescued,) = rescue([window(10.0, [(0.0, 10.0)])], [hypothesis()], Model())
    assert rescued.hypothesis.segments == ()


def test_merged_hypothesis_weighs_by_tokens():
    first, more = hypothesis((0.0, 1.0, "a"), avg_logprob=-0.5), hypothesis((0.0, 1.0, "b"), avg_logprob=-1.0)
    merged = merge(first, more, 5.0)
    assert merged.avg_logprob == pytest.approx(-0.75)
    assert len(merged.tokens) == 2
