"""Windows hold all the speech of a recording once, and know where it came from."""

import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.vad import load_detector
from tests.model.test_vad import read_clip
from transforms.speech import Region, RegionFinder, SpeechOptions, frame_rms
from transforms.windows import Packer, Span, Totals, cut_windows, spans_samples, to_asset_s

FRAME = 1600  # 0.1 s
SMALL = SpeechOptions(max_window_s=6, max_extent_s=12, max_gap_s=1)


class ScriptedDetector:
    """Says what it was told to, in blocks of 2 s; silence after the script."""

    frame_samples = FRAME
    block_samples = 20 * FRAME

    def __init__(self, script):
        self.script = np.asarray(script, np.float32)

    def start(self, *, is_short=False):
        return 0

    def advance(self, samples, frame):
        end = frame + -(-len(samples) // FRAME)
        said = self.script[frame:end]
        return np.pad(said, (0, end - frame - len(said))), end


def windows_of(script, options=SMALL, n_samples=None, cuts=()):
    """Windows and totals of a recording whose samples are their own positions."""
    samples = np.arange(len(script) * FRAME if n_samples is None else n_samples, dtype=np.float32)
    totals = Totals()
    return list(cut_windows(np.split(samples, cuts), ScriptedDetector(script), options, totals)), totals


def spans_s(window):
    return [(span.asset_start_s, span.asset_end_s) for span in window.spans]


def test_short_pauses_stay_and_long_ones_are_cut_out():
    windows, totals = windows_of([0] * 10 + [1] * 10 + [0] * 8 + [1] * 10 + [0] * 30 + [1] * 10 + [0] * 20)
    assert [spans_s(window) for window in windows] == [[(0.7, 4.1), (6.5, 8.1)]]
    assert totals.speech_s == 3.0
    assert totals.duration_s == 9.8


def test_a_region_that_does_not_fit_opens_a_window():
    windows, _ = windows_of([1] * 30 + [0] * 8 + [1] * 30)
    assert [spans_s(window) for window in windows] == [[(0, 3.3)], [(3.5, 6.8)]]
    assert [window.index for window in windows] == [0, 1]


def test_windows_that_meet_in_a_short_pause_share_it():
    windows, _ = windows_of([1] * 30 + [0] * 3 + [1] * 30)
    assert [spans_s(window) for window in windows] == [[(0, 3.15)], [(3.15, 6.3)]]


def test_a_window_does_not_reach_too_far():
    windows, _ = windows_of(([1] * 5 + [0] * 45) * 4)
    assert [spans_s(window) for window in windows] == [
        [(0, 0.8), (4.7, 5.8), (9.7, 10.8)],
        [(14.7, 15.8)],
    ]


def test_unbroken_speech_is_cut_into_adjoining_windows():
    windows, totals = windows_of([1] * 173)
    spans = [span for window in windows for span in window.spans]
    assert spans[0].start_sample == 0
    assert spans[-1].end_sample == 173 * FRAME
    assert all(a.end_sample == b.start_sample for a, b in pairwise(spans))
    assert min(span.n_samples for span in spans) >= 16_000
    assert totals.speech_s == 17.3


def test_silence_and_emptiness_have_no_windows():
    assert windows_of([0] * 400) == ([], Totals(n_samples=400 * FRAME))
    assert windows_of([]) == ([], Totals())


runs = st.lists(
    st.tuples(st.sampled_from([0.0, 0.0, 0.4, 0.7, 1.0]), st.integers(1, 60) | st.integers(1, 6)),
    min_size=1,
    max_size=30,
).map(lambda runs: np.concatenate([np.full(n, probability) for probability, n in runs]))


@st.composite
def recordings(draw):
    script = draw(runs)
    n_samples = len(script) * FRAME - draw(st.integers(0, FRAME - 1))
    cuts = sorted(draw(st.lists(st.integers(0, n_samples), max_size=8)))
    options = draw(
        st.builds(
            SpeechOptions,
            max_window_s=st.sampled_from([5.5, 6, 30]),
            max_extent_s=st.sampled_from([30, 60]),
            pad_s=st.sampled_from([0, 0.01, 0.25, 0.5]),
            max_gap_s=st.sampled_from([1, 2]),
        )
    )
    return script, n_samples, cuts, options


def regions_of(script, n_samples, options):
    finder = RegionFinder(options, FRAME)
    rms = frame_rms(np.arange(n_samples, dtype=np.float32), FRAME)
    return [*finder.push(script, rms), *finder.finish(n_samples)]


@settings(deadline=None, max_examples=150)
@given(recordings())
def test_all_speech_is_in_exactly_one_window(recording):
    script, n_samples, cuts, options = recording
    windows, totals = windows_of(script, options, n_samples, cuts)
    regions = regions_of(script, n_samples, options)
    spans = [span for window in windows for span in window.spans]
    for region in regions:
        assert sum(span.start_sample <= region.start and region.end <= span.end_sample for span in spans) == 1
    assert totals == Totals(n_samples, sum(region.end - region.start for region in regions))


@settings(deadline=None, max_examples=150)
@given(recordings())
def test_windows_are_ordered_short_and_hold_the_audio_of_their_spans(recording):
    script, n_samples, cuts, options = recording
    windows, _ = windows_of(script, options, n_samples, cuts)
    edges = [edge for w in windows for span in w.spans for edge in (span.start_sample, span.end_sample)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= n_samples for edge in edges)
    assert [window.index for window in windows] == list(range(len(windows)))
    for window in windows:
        assert 0 < len(window.samples) <= options.max_window_s * 16_000
        assert window.spans[-1].end_sample - window.spans[0].start_sample <= (options.max_extent_s + 1) * 16_000
        positions = np.concatenate([np.arange(span.start_sample, span.end_sample) for span in window.spans])
        np.testing.assert_array_equal(window.samples, positions.astype(np.float32))


@settings(deadline=None, max_examples=60)
@given(recordings())
def test_windows_do_not_depend_on_how_blocks_are_cut(recording):
    script, n_samples, cuts, options = recording
    in_blocks, _ = windows_of(script, options, n_samples, cuts)
    at_once, _ = windows_of(script, options, n_samples)
    assert [window.spans for window in in_blocks] == [window.spans for window in at_once]


SPANS = (Span(16_000, 48_000), Span(160_000, 168_000))


@pytest.mark.parametrize(
    ("window_s", "start_s", "end_s"),
    [(-1, 1, 1), (0, 1, 1), (0.5, 1.5, 1.5), (2, 10, 3), (2.25, 10.25, 10.25), (2.5, 10.5, 10.5), (9, 10.5, 10.5)],
)
def test_times_of_a_window_are_times_of_the_recording(window_s, start_s, end_s):
    assert to_asset_s(SPANS, window_s, at_end=False) == start_s
    assert to_asset_s(SPANS, window_s, at_end=True) == end_s


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 50_000), min_size=2, max_size=12).filter(lambda gaps: len(gaps) % 2 == 0),
    st.lists(st.floats(-1, 40), min_size=2, max_size=20),
    st.booleans(),
)
def test_times_stay_in_order_and_inside_the_spans(gaps, times, at_end):
    edges = np.cumsum(gaps).tolist()
    spans = [Span(*pair) for pair in zip(edges[::2], edges[1::2], strict=True)]
    mapped = [to_asset_s(spans, time, at_end=at_end) for time in sorted(times)]
    assert mapped == sorted(mapped)
    assert all(any(s.asset_start_s <= time <= s.asset_end_s for s in spans) for time in mapped)
    assert spans_samples(spans) == sum(gaps[1::2])


SCRIPTS = {"silence": [0], "unbroken speech": [1], "a word now and then": [1] * 4 + [0] * 260}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_two_hours_are_cut_in_little_memory(script):
    class EndlessDetector(ScriptedDetector):
        block_samples = 320 * FRAME  # as long as the real one's

        def advance(self, samples, frame):
            end = frame + -(-len(samples) // FRAME)
            return self.script[np.arange(frame, end) % len(self.script)], end

    blocks = (np.ones(16_000, np.float32) for _ in range(7200))
    totals = Totals()
    tracemalloc.start()
    try:
        n_windows = sum(1 for _ in cut_windows(blocks, EndlessDetector(script), SpeechOptions(), totals))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert totals.duration_s == 7200
    assert (n_windows > 0) == (script != [0])
    # five minutes of audio, copies included
    assert peak_bytes < 300 * 16_000 * 4


def test_a_real_recording_loses_nothing(speech):
    samples = read_clip(speech / "longform" / "lj001.mp3", max_s=120)
    totals = Totals()
    windows = list(cut_windows(np.array_split(samples, 50), load_detector(), SpeechOptions(), totals))
    # 120 s of fluent reading: windows of 18 to 30 s, cut in pauses
    assert 4 <= len(windows) <= 6
    assert totals.n_samples == len(samples)
    assert 108 < totals.speech_s < sum(len(window.samples) for window in windows) / 16_000 <= 120
    probabilities = load_detector().probabilities(samples)
    for window in windows[:-1]:
        assert probabilities[window.spans[-1].end_sample // 512] < 0.35


def test_a_full_window_is_cut_at_the_longest_pause_of_its_later_part():
    def packed(pauses_s):
        """The speech of each window, in seconds, of regions of 1 s with these pauses between them."""
        packer, start_s, windows = Packer(SpeechOptions(max_window_s=10.0)), 0.0, []
        for pause_s in [*pauses_s, 0.0]:
            windows += packer.add(Region(round(16_000 * start_s), round(16_000 * (start_s + 1))))
            start_s += 1 + pause_s
        return [len(window.speech) for window in [*windows, *packer.close(round(16_000 * start_s))]]

    assert packed([0.3] * 5 + [0.6, 0.3]) == [6, 2]
    # the longest pause of all is not of the later part, and two are equally long
    assert packed([0.3, 1.0, 0.3, 0.3, 0.5, 0.5, 0.3]) == [6, 2]
    # what is left over is cut again
    assert packed([0.3] * 4 + [0.9] + [0.3] * 8) == [5, 7, 2]


def test_windows_that_do_not_join_over_pauses_have_one_span():
    regions = [Region(0, 16_000), Region(round(1.5 * 16_000), 2 * 16_000), Region(5 * 16_000, 6 * 16_000)]
    spans = {}
    for joins in (True, False):
        packer = Packer(replace(SMALL, joins_over_pauses=joins))
        packed = [window for region in regions for window in packer.add(region)] + list(packer.close(10 * 16_000))
        spans[joins] = [len(window.spans) for window in packed]
    assert spans == {True: [2], False: [1, 1]}


@pytest.mark.parametrize(("n_samples", "is_short"), [(15_999, True), (16_000, False), (100_000, False)])
def test_the_detector_is_told_of_short_recordings(n_samples, is_short):
    class TellingDetector(ScriptedDetector):
        def start(self, *, is_short=False):
            told.append(is_short)
            return 0

    told = []
    samples = np.zeros(n_samples, np.float32)
    assert list(cut_windows(np.split(samples, [700]), TellingDetector([0]), SMALL)) == []
    assert told == [is_short]
