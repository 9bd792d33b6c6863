"""From probabilities to regions of speech."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import BeamscribeError
from model.vad import load_detector
from tests.model.test_vad import read_clip
from transforms.speech import (
    Region,
    RegionFinder,
    SpeechOptions,
    frame_rms,
    quietest_frame,
    rebuffer,
    stream_probabilities,
)

FRAME = 1600  # 0.1 s: round numbers for the tests
OPTIONS = SpeechOptions(min_speech_s=0.3, min_silence_s=0.5, pad_s=0.2)


def find(probabilities, options=OPTIONS, rms=None, n_samples=None, sizes=(10**9,)):
    """Regions in frames, of probabilities that arrive in chunks of the given sizes, over and over."""
    probabilities = np.array(probabilities)
    rms = np.ones(len(probabilities)) if rms is None else rms
    finder = RegionFinder(options, FRAME)
    regions, first, turn = [], 0, 0
    while first < len(probabilities):
        chunk = slice(first, first + sizes[turn % len(sizes)])
        regions += finder.push(probabilities[chunk], rms[chunk])
        first, turn = chunk.stop, turn + 1
    regions += finder.finish(len(probabilities) * FRAME if n_samples is None else n_samples)
    return [(region.start / FRAME, region.end / FRAME) for region in regions]


def test_speech_starts_at_the_threshold_and_ends_below_the_negative_one():
    assert find([0.4, 0.5, 0.9, 0.36, 0.34, 0, 0, 0, 0, 0, 0]) == [(1, 4)]


def test_a_short_pause_belongs_to_the_speech():
    assert find([1] * 5 + [0] * 4 + [1] * 5 + [0] * 9) == [(0, 14)]


def test_a_pause_of_the_minimum_parts_two_regions():
    assert find([1] * 5 + [0] * 5 + [1] * 5 + [0] * 9) == [(0, 5), (10, 15)]


def test_a_murmur_does_not_prolong_speech_for_ever():
    assert find([1] * 5 + [0.2] + [0.4] * 50) == [(0, 5)]


def test_a_click_is_no_speech():
    assert find([0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0]) == [(9, 12)]


def test_speech_at_the_end_ends_with_the_recording():
    assert find([0, 0, 1, 1, 1, 1], n_samples=5 * FRAME + 100) == [(2, 5 + 100 / FRAME)]
    assert find([0, 0, 1, 1, 1, 0.1], n_samples=5 * FRAME + 100) == [(2, 5)]


def test_nothing_is_no_speech():
    assert find([]) == []


def test_unbroken_speech_is_cut_where_it_is_least_like_speech():
    probabilities = np.ones(400)
    probabilities[100] = probabilities[230:235] = 0.6
    assert find(probabilities) == [(0, 232), (232, 400)]


def test_unbroken_speech_of_even_probability_is_cut_where_it_is_least_loud():
    rms = np.ones(400)
    rms[253] = 0.1
    [(_, cut), _] = find(np.full(400, 0.99), rms=rms)
    assert 251 <= cut <= 255


def test_a_cut_leaves_no_crumb_behind():
    rms = np.linspace(1, 0, 297)  # the quietest frame that fits is the last but three
    regions = find(np.ones(297), rms=rms)
    assert regions == [(0, 287), (287, 297)]


def test_the_quietest_frame_may_be_either_end():
    assert quietest_frame([(1.0, float(level)) for level in range(20)], 5, 15) == 5
    assert quietest_frame([(1.0, -float(level)) for level in range(20)], 5, 15) == 15


runs = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.45, 0.5, 0.8, 1.0]), st.integers(1, 120)), min_size=1, max_size=25
).map(lambda runs: np.concatenate([np.full(n, probability) for probability, n in runs]))


def reference(probabilities, options=OPTIONS):
    """Frames of speech by the definition, one look at the whole: before the cutting of long regions."""
    loud = np.flatnonzero(probabilities >= options.threshold)
    regions = []
    for frame in loud:
        if regions and frame < regions[-1][1]:
            continue
        end = frame
        while True:
            dip = next((t for t in range(end, len(probabilities)) if probabilities[t] < 0.35), None)
            if dip is None:
                end = len(probabilities)
                break
            again = loud[loud > dip]
            if len(again) == 0 or again[0] - dip >= 5:
                end = dip
                break
            end = again[0]
        regions.append((frame, end))
    return [(start, end) for start, end in regions if end - start >= 3]


@settings(deadline=None, max_examples=100)
@given(runs, st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_regions_are_those_of_the_definition_however_frames_arrive(probabilities, sizes):
    found = find(probabilities, sizes=sizes)
    assert found == find(probabilities)
    assert all(end - start <= 296 for start, end in found)
    joined: list[tuple[float, float]] = []
    for start, end in found:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    assert joined == reference(probabilities)


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), max_size=20), st.integers(1, 16))
def test_rebuffering_keeps_the_samples(sizes, n_samples):
    samples = np.arange(sum(sizes))
    blocks = list(rebuffer(np.split(samples, np.cumsum(sizes)), n_samples))
    assert all(len(block) == n_samples for block in blocks[:-1])
    assert all(0 < len(block) <= n_samples for block in blocks)
    assert np.concatenate([*blocks, np.zeros(0)]).tolist() == samples.tolist()


def test_frame_rms():
    np.testing.assert_allclose(frame_rms(np.array([3, 3, 4, 0, 2], np.float32), 2), [3, 8**0.5, 2**0.5], rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 1.0},
        {"negative_ratio": 1.1},
        {"min_speech_s": -1},
        {"min_silence_s": 0},
        {"pad_s": 1.5},
        {"max_window_s": 2},
        {"max_extent_s": 20},
        {"threshold": float("nan")},
    ],
)
def test_options_that_make_no_sense_are_refused(change):
    with pytest.raises(BeamscribeError, match="the speech options must keep to"):
        replace(OPTIONS, **change)


def regions_of(samples, sizes):
    detector = load_detector()
    finder = RegionFinder(SpeechOptions(), detector.frame_samples)
    regions: list[Region] = []
    for block, probabilities in stream_probabilities(np.split(samples, sizes), detector):
        regions += finder.push(probabilities, frame_rms(block, detector.frame_samples))
    return [*regions, *finder.finish(len(samples))]


def test_the_next_block_is_read_while_the_detector_looks_at_one():
    is_read_on = threading.Event()

    class Waiting:
        frame_samples, block_samples = 4, 8

        def start(self, *, is_short=False):
            return 0

        def advance(self, samples, state):
            assert state > 0 or is_read_on.wait(timeout=30)
            return np.full(len(samples) // 4, state, np.float32), state + 1

    def blocks():
        yield np.zeros(8, np.float32)
        is_read_on.set()
        yield np.ones(8, np.float32)

    found = [(samples[0], *probabilities) for samples, probabilities in stream_probabilities(blocks(), Waiting())]
    assert found == [(0, 0, 0), (1, 1, 1)]


def test_what_the_detector_raises_is_raised():
    class Broken:
        frame_samples, block_samples = 4, 8

        def start(self, *, is_short=False):
            return None

        def advance(self, samples, state):
            raise ValueError("no such shape")

    with pytest.raises(ValueError, match="no such shape"):
        list(stream_probabilities([np.zeros(20, np.float32)], Broken()))


def test_real_speech_is_found_wherever_blocks_are_cut(speech):
    samples = read_clip(speech / "longform" / "lj001.mp3", max_s=80)
    whole = regions_of(samples, [])
    assert regions_of(samples, [1, 700, 30_000, 600_000, 600_001]) == whole
    # a fluent reader: pauses are short
    assert sum(end - start for start, end in whole) > 0.9 * len(samples)


def test_every_clip_of_speech_has_speech(speech, clips):
    spoken = [clip for clip in clips if clip["corpus"] in ("librispeech", "telephone_8k", "hard")]
    shares = []
    for clip in spoken[::3]:
        samples = read_clip(speech / clip["uri"])
        shares.append(sum(end - start for start, end in regions_of(samples, [])) / len(samples))
    # the least in noise as loud as the speech
    assert min(shares) > 0.2
    assert np.mean(shares) > 0.8


def test_noise_and_animals_are_no_speech(speech, clips):
    nonspeech = [clip["uri"] for clip in clips if clip["corpus"] == "nonspeech"]
    taken_for_speech = {uri for uri in nonspeech if regions_of(read_clip(speech / uri), [])}
    # people are talking in the café
    assert taken_for_speech == {"nonspeech/bg_cafe.wav"}
