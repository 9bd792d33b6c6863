"""What is tried again, and which hypothesis wins."""

from dataclasses import replace
from threading import Barrier

import numpy as np
import pytest

from model.recognizer import Hypothesis, TimedText, TimedWord
from transforms.guards import Scene, doubts, scene_of, uncovered
from transforms.rescue import Rescued, choose, cut_at_pauses, merge, misses_silence, needs_rescue, rescue, seed_of
from transforms.takes import moved
from transforms.windows import Span, Window

RATE = 16_000


def hypothesis(*segments, **values):
    pieces = tuple(TimedText(start, end, text, (7,)) for start, end, text in segments)
    text = " ".join(piece.text for piece in pieces)
    return replace(Hypothesis((1,) * len(pieces), text, pieces, -0.25, 0.01, 1.2, 0.0, "en", None), **values)


def window(length_s, speech, spans=None):
    samples = 1 + np.arange(round(length_s * RATE), dtype=np.float32)
    spans = spans or [(0.0, length_s)]
    to_spans = [tuple(Span(round(a * RATE), round(b * RATE)) for a, b in pairs) for pairs in (spans, speech)]
    return Window(0, *to_spans, samples)


WORD = TimedWord("aligned", 0.0, 1.0, 0.5)
WHOLE = Scene(10.0, ((0.2, 9.8),))


def doubted(hypothesis, scene):
    return needs_rescue(window(scene.window_s, scene.speech), hypothesis, scene)


def again(window, first, model):
    """The second pass over one window."""
    (rescued,) = rescue([window], [scene_of(window.spans, window.speech, "")], [first], model)
    return rescued


class Model:
    """Answers with hypotheses from a list, and notes what it was given."""

    window_samples = 480_000
    window_lengths = (480_000,)
    multilingual = False

    def __init__(self, heard=(), draws=(), wider=()):
        self.heard, self.draws, self.wider, self.given, self.seeds = list(heard), list(draws), list(wider), [], []

    def recognize(self, waveforms, languages):
        starts = [int(np.flatnonzero(row)[0]) for row in waveforms]
        self.given += [
            row[start : int(np.flatnonzero(row)[-1]) + 1] for row, start in zip(waveforms, starts, strict=True)
        ]
        # the silence before the samples is no news to a model, but it does shift what it hears
        return [moved(self.heard.pop(0), start / RATE) for start in starts]

    def sample(self, waveforms, languages, seeds, holds):
        self.seeds += list(seeds)
        drawn = []
        for _ in waveforms:
            drawn.append([])
            while self.draws:
                drawn[-1].append(self.draws.pop(0))
                if holds(len(drawn) - 1, drawn[-1][-1]):
                    break
        return drawn

    def search_wider(self, waveforms, languages):
        return [self.wider.pop(0) for _ in waveforms] if self.wider else []

    def align(self, waveforms, hypotheses):
        return [replace(h, segments=tuple(replace(s, words=(WORD,)) for s in h.segments)) for h in hypotheses]


GOOD = hypothesis((0.0, 9.9, "all of it"))
UNSURE = replace(GOOD, avg_logprob=-1.2)
LOOP = replace(GOOD, compression_ratio=9.0)


def test_what_makes_a_window_doubtful():
    assert not doubted(GOOD, WHOLE)
    assert doubted(UNSURE, WHOLE)
    assert doubted(LOOP, WHOLE)
    assert doubted(hypothesis((0.0, 5.0, "half of it")), WHOLE)
    assert not doubted(replace(LOOP, no_speech_prob=0.9), WHOLE)


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
    rescued = again(window(10.0, [(0.2, 9.8)]), LOOP, Model(draws=draws))
    assert (rescued.hypothesis.temperature, rescued.flags) == (0.4, ("rescued",))
    assert [s.words for s in rescued.hypothesis.segments] == [(WORD,)]


def test_language_stays_as_it_was_identified():
    first = replace(LOOP, language="de", language_probability=0.7)
    rescued = again(window(10.0, [(0.2, 9.8)]), first, Model(draws=[replace(GOOD, language="de", temperature=0.2)]))
    assert (rescued.hypothesis.language, rescued.hypothesis.language_probability) == ("de", 0.7)


def test_wider_search_comes_before_sampling():
    model = Model(wider=[replace(GOOD, avg_logprob=-0.3)])
    rescued = again(window(10.0, [(0.2, 9.8)]), LOOP, model)
    assert (rescued.hypothesis.avg_logprob, rescued.flags, model.seeds) == (-0.3, ("rescued",), [])


def test_where_none_holds_the_likeliest_that_does_not_repeat_itself_is_kept():
    worse, better = replace(UNSURE, avg_logprob=-2.0), replace(UNSURE, avg_logprob=-1.1)
    assert chosen(LOOP, worse, better) is better
    assert chosen(UNSURE, worse) is UNSURE
    assert chosen(replace(LOOP, compression_ratio=5.0), LOOP).compression_ratio == 5.0


def chosen(*candidates):
    return choose(candidates, lambda c: not doubts(c, WHOLE), WHOLE)


PAUSES = [(0.5, 9.0), (11.0, 19.0), (21.0, 29.5)]
LOOPING_ON = hypothesis((0.0, 30.0, "row the boat " * 12), compression_ratio=7.0)


def test_a_window_that_still_loops_is_cut_at_its_pauses():
    model = Model(heard=[hypothesis((0.5, 9.0, "one")), hypothesis((1.0, 9.0, "two")), hypothesis((1.0, 9.0, "three"))])
    rescued = again(window(30.0, PAUSES), LOOPING_ON, model)
    assert [(s.start_s, s.end_s, s.text) for s in rescued.hypothesis.segments] == [
        (0.5, 9.0, "one"),
        (11.0, 19.0, "two"),
        (21.0, 29.0, "three"),
    ]
    assert rescued.flags == ("rescued",)


def test_what_every_part_says_again_was_said_again():
    said = "the same sentence again"
    parts = [hypothesis((0.5, 8.5, said)), hypothesis((1.0, 8.5, said)), hypothesis((1.0, 9.0, said))]
    first = hypothesis((0.0, 30.0, " ".join([said] * 3)), compression_ratio=2.6)
    model = Model(heard=[replace(part, compression_ratio=2.5) for part in parts])
    assert again(window(30.0, PAUSES), first, model).hypothesis == first
    rescued = again(window(30.0, PAUSES), first, Model(heard=parts))
    assert (rescued.hypothesis.text, rescued.flags) == (" ".join([said] * 3), ("rescued",))


def test_parts_are_cut_in_the_middle_of_pauses():
    assert cut_at_pauses(Scene(30.0, tuple(PAUSES))) == [(0.0, 10.0), (10.0, 20.0), (20.0, 30.0)]
    assert cut_at_pauses(Scene(9.0, ((0.0, 4.0), (5.0, 9.0)))) == [(0.0, 9.0)]
    assert cut_at_pauses(Scene(30.0, ((0.0, 30.0),))) == [(0.0, 30.0)]


def test_seeds_come_from_the_audio_alone():
    model = Model(draws=[GOOD])
    again(window(10.0, [(0.2, 9.8)]), LOOP, model)
    assert model.seeds == [seed_of(window(10.0, []).samples)]
    assert seed_of(np.zeros(3, np.float32)) != seed_of(np.zeros(4, np.float32))


def test_speech_that_was_left_out_is_recognised_alone_and_put_in_its_place():
    first = hypothesis((0.0, 4.0, "one"), (8.0, 10.0, "three"))
    model = Model(heard=[hypothesis((0.5, 3.5, "two"))])
    rescued = again(window(10.0, [(0.0, 10.0)]), first, model)
    assert [(s.start_s, s.end_s, s.text, s.flags) for s in rescued.hypothesis.segments] == [
        (0.0, 4.0, "one", ()),
        (4.5, 7.5, "two", ("recut",)),
        (8.0, 10.0, "three", ()),
    ]
    assert rescued.hypothesis.text == "one two three"
    np.testing.assert_array_equal(model.given[0], 1 + np.arange(4 * RATE, 8 * RATE, dtype=np.float32))


def test_an_early_end_may_come_twice():
    first = hypothesis((0.0, 2.0, "one"))
    model = Model(heard=[hypothesis((0.0, 3.0, "two")), hypothesis((0.0, 5.0, "three"))])
    rescued = again(window(10.0, [(0.0, 10.0)]), first, model)
    assert [(s.start_s, s.end_s) for s in rescued.hypothesis.segments] == [(0.0, 2.0), (2.0, 5.0), (5.0, 10.0)]


def test_a_cut_that_gives_nothing_ends_it():
    first = hypothesis((0.0, 2.0, "one"))
    for nothing in (hypothesis(), replace(hypothesis((0.0, 1.0, "la la")), compression_ratio=8.0)):
        rescued = again(window(10.0, [(0.0, 10.0)]), first, Model(heard=[nothing]))
        assert rescued.hypothesis == first


def test_whole_window_is_not_cut_again():
    rescued = again(window(10.0, [(0.0, 10.0)]), hypothesis(), Model())
    assert rescued.hypothesis.segments == ()


def test_merged_hypothesis_weighs_by_tokens():
    first, more = hypothesis((0.0, 1.0, "a"), avg_logprob=-0.5), hypothesis((0.0, 1.0, "b"), avg_logprob=-1.0)
    merged = merge(first, more, 5.0)
    assert merged.avg_logprob == pytest.approx(-0.75)
    assert len(merged.tokens) == 2


def test_unsure_window_that_begins_loud_is_tried_after_a_moment_of_silence():
    first = replace(GOOD, avg_logprob=-0.6)
    later = replace(window(10.0, [(0.2, 9.8)]), spans=(Span(RATE, 11 * RATE),), samples=np.ones(10 * RATE, np.float32))
    scene = scene_of(later.spans, later.speech, "")
    assert needs_rescue(later, first, WHOLE)
    assert not needs_rescue(later, GOOD, WHOLE)
    assert not needs_rescue(replace(later, spans=(Span(0, 10 * RATE),)), first, WHOLE)
    quiet = np.concatenate([np.zeros(RATE, np.float32), np.ones(9 * RATE, np.float32)])
    assert not needs_rescue(replace(later, samples=quiet), first, WHOLE)
    likelier, less_likely = replace(GOOD, avg_logprob=-0.5), replace(GOOD, avg_logprob=-0.7)
    for heard, expected in ((likelier, (-0.5, ("rescued",))), (less_likely, (-0.6, ()))):
        (rescued,) = rescue([later], [replace(scene, speech=WHOLE.speech)], [first], Model(heard=[heard]))
        assert (rescued.hypothesis.avg_logprob, rescued.flags) == expected


def test_a_window_that_was_cut_short_and_is_silent_in_full_is_not_searched_further():
    silent, heard = replace(UNSURE, no_speech_prob=0.9), window(WHOLE.window_s, WHOLE.speech)
    model = Model(heard=[silent], draws=[GOOD], wider=[GOOD])
    (rescued,) = rescue([heard], [WHOLE], [UNSURE], model, [True])
    assert rescued == Rescued(silent, ())
    assert (len(model.draws), len(model.wider)) == (1, 1)


class ByLength(Model):
    """Answers by the seconds of audio that it is given, once all that is to be given at once is there."""

    def __init__(self, answers, together):
        super().__init__()
        self.answers, self.together = answers, Barrier(together)

    def recognize(self, waveforms, languages):
        self.together.wait(timeout=60)
        return [self.answers[round(np.count_nonzero(row) / RATE)] for row in waveforms]


def test_windows_that_were_cut_short_and_others_are_tried_at_once_and_come_back_in_order():
    lengths, half = (10.0, 20.0, 9.0, 22.0), hypothesis((0.0, 5.0, "the first half"))
    windows = [window(s, [(0.2, s - 0.2)]) for s in lengths]
    scenes = [scene_of(w.spans, w.speech, "") for w in windows]
    in_full = {s: hypothesis((0.0, s, f"{s} in full")) for s in (10, 9)}
    left_out = {s - 5: hypothesis((0.0, s - 5.0, f"the rest of {s}")) for s in (20, 22)}
    model = ByLength({**in_full, **left_out}, together=2)
    found = rescue(windows, scenes, [UNSURE, half, UNSURE, half], model, [True, False, True, False])
    texts = [rescued.hypothesis.text for rescued in found]
    assert texts == ["10 in full", "the first half the rest of 20", "9 in full", "the first half the rest of 22"]


def test_a_window_that_was_cut_off_at_its_last_token_misses_silence():
    sure = replace(GOOD, tokens=(1,) * 30)
    assert not misses_silence(sure, 25.6)
    assert misses_silence(replace(sure, tokens=(1,) * 224), 25.6)
    assert misses_silence(replace(sure, avg_logprob=-0.8), 10.24)
    assert misses_silence(replace(sure, no_speech_prob=0.9), 10.24)
    assert misses_silence(replace(sure, text=""), 10.24)
