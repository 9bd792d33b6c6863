"""From windows to rows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.recognizer import Hypothesis, TimedText
from transforms.assemble import Provenance, assemble
from transforms.assets import Asset, WorkItem
from transforms.audio import AudioInfo
from transforms.heard import Failure, Heard, HeardTrack
from transforms.recognize import RecognizedWindow
from transforms.windows import Span

RATE = 16_000
ASSET = Asset("call.wav", "call.wav", 1000, 1_790_000_000_123_456)
PROVENANCE = Provenance("run1", "tiny.en", "sha", "0.1.0")
INFO = AudioInfo(8000, 1, "pcm_mulaw", 60.0)


def heard(n_windows=1, **values):
    tracks = (HeardTrack(None, n_windows, 20.0),)
    return replace(Heard(WorkItem(ASSET, "config", 2), "content", INFO, 60.0, tracks), **values)


def hypothesis(*segments, **values):
    pieces = tuple(TimedText(start, end, text, (1,)) for start, end, text in segments)
    text = " ".join(piece.text for piece in pieces)
    return replace(Hypothesis((1, 2, 3), text, pieces, -0.25, 0.01, 1.2, 0.0, "en", None), **values)


def window(index, spans, heard_in_it, channel=None, error=None, level=0.01, speech=()):
    n_frames = -(-sum(end - start for start, end in spans) * 20 // 1)
    squares = np.full(int(n_frames), level, np.float32)
    clipped = np.linspace(0, 1, int(n_frames), dtype=np.float32)
    samples = tuple(Span(round(start * RATE), round(end * RATE)) for start, end in spans)
    return RecognizedWindow(
        "call.wav", channel, index, samples, speech or samples, squares, clipped, heard_in_it, error=error
    )


def test_times_are_those_of_the_asset_across_gaps():
    first = window(0, [(2.0, 5.0), (20.0, 24.0)], hypothesis((0.0, 3.0, " Hello."), (3.0, 6.5, " Are you there?")))
    rows = assemble(heard(), [first], PROVENANCE)
    assert [(s.start_s, s.end_s, s.text, s.segment_index) for s in rows.segments] == [
        (2.0, 5.0, "Hello.", 0),
        (20.0, 23.5, "Are you there?", 1),
    ]
    (row,) = rows.transcripts
    assert (row.text, row.status, row.language, row.duration_s) == ("Hello. Are you there?", "ok", "en", 60.0)
    assert (row.sample_rate_hz, row.channels, row.codec) == (8000, 1, "pcm_mulaw")
    assert (rows.n_windows, rows.failures) == (1, ())


def test_windows_come_in_any_order():
    windows = [window(i, [(10.0 * i, 10.0 * i + 5)], hypothesis((0.0, 5.0, f"{i}"))) for i in (2, 0, 1)]
    assert assemble(heard(3), windows, PROVENANCE).transcripts[0].text == "0 1 2"


def test_lost_window_is_a_bug_that_stops_the_run():
    with pytest.raises(RuntimeError, match="lost windows"):
        assemble(heard(2), [window(1, [(0.0, 5.0)], hypothesis((0.0, 5.0, "late")))], PROVENANCE)


def test_nothing_said():
    (row,) = assemble(heard(0), [], PROVENANCE).transcripts
    assert (row.status, row.text, row.language, row.avg_logprob) == ("no_speech", "", None, None)


def test_words_that_the_model_itself_does_not_believe_are_taken_away_and_told_of():
    unsure = hypothesis((0.0, 5.0, " Thanks for watching!"), no_speech_prob=0.9, avg_logprob=-1.5)
    rows = assemble(heard(), [window(0, [(0.0, 5.0)], unsure)], PROVENANCE)
    (segment,) = rows.segments
    assert (segment.text, segment.raw_text, segment.flags) == ("", "Thanks for watching!", ["low_logprob", "no_speech"])
    assert segment.edits == [
        {"rule": "no_speech", "start": 0, "end": 20, "before": "Thanks for watching!", "after": ""}
    ]
    assert (rows.transcripts[0].status, rows.transcripts[0].flags) == ("no_speech", ["low_logprob", "no_speech"])


def test_speech_without_text_is_flagged():
    rows = assemble(heard(), [window(0, [(3.0, 5.0)], hypothesis())], PROVENANCE)
    assert [(s.start_s, s.end_s, s.text, s.flags) for s in rows.segments] == [(3.0, 5.0, "", ["no_text"])]


def test_damaged_file_is_partial_and_says_what_was_lost():
    damage = Failure("decode", "AudioDecodeError", "truncated at 60 s", retriable=False)
    rows = assemble(heard(failure=damage), [window(0, [(0.0, 5.0)], hypothesis((0.0, 5.0, "hi")))], PROVENANCE)
    assert rows.transcripts[0].status == "partial"
    (failure,) = rows.failures
    assert (failure.message, failure.salvaged_s, failure.attempts, failure.stage) == (
        "truncated at 60 s",
        60.0,
        2,
        "decode",
    )


def test_file_that_cannot_be_opened_has_a_failure_and_no_transcript():
    broken = Failure("open", "AudioDecodeError", "not an audio file", retriable=False)
    rows = assemble(heard(0, info=None, duration_s=0.0, tracks=(), failure=broken), [], PROVENANCE)
    assert (rows.transcripts, rows.segments, len(rows.failures)) == ((), (), 1)
    assert not rows.keeps_old_version


def test_passing_failure_leaves_the_old_version_and_drops_what_was_half_read():
    cut = Failure("read", "ConnectionError", "cut", retriable=True)
    rows = assemble(heard(failure=cut), [window(0, [(0.0, 5.0)], hypothesis((0.0, 5.0, "half")))], PROVENANCE)
    assert (rows.transcripts, rows.keeps_old_version, rows.failures[0].retriable) == ((), True, True)


def test_window_on_which_the_model_failed_makes_the_transcript_partial():
    windows = [
        window(0, [(0.0, 5.0)], hypothesis((0.0, 5.0, "good"))),
        window(1, [(9.0, 12.0)], None, error=("InvalidArgumentError", "NaN")),
    ]
    rows = assemble(heard(2), windows, PROVENANCE)
    assert (rows.transcripts[0].status, rows.transcripts[0].text) == ("partial", "good")
    assert rows.failures[0].message == "the model failed on 1 windows: NaN"
    none = assemble(heard(1), [replace(windows[1], window_index=0)], PROVENANCE)
    assert (none.transcripts, none.failures[0].stage) == ((), "recognize")


def test_levels():
    (segment,) = assemble(heard(), [window(0, [(0.0, 5.0)], hypothesis((0.0, 5.0, "x")))], PROVENANCE).segments
    assert segment.rms_dbfs == pytest.approx(-20.0)
    assert segment.clipping == pytest.approx(0.5)
    silent = window(0, [(0.0, 5.0)], hypothesis((0.0, 5.0, "x")), level=0.0)
    (segment,) = assemble(heard(), [silent], PROVENANCE).segments
    assert (segment.rms_dbfs, segment.snr_db) == (None, None)


@st.composite
def recordings(draw):
    """Windows of random spans, and hypotheses whose times need not make sense."""
    at, windows = 0.0, []
    for index in range(draw(st.integers(1, 5))):
        spans = []
        for _ in range(draw(st.integers(1, 3))):
            start = at + draw(st.integers(0, 400)) / 100
            at = start + draw(st.integers(5, 900)) / 100
            spans.append((start, at))
        times = draw(st.lists(st.tuples(st.floats(0, 31), st.floats(0, 31)), max_size=4))
        pieces = [(start, end, f"{index}.{i}") for i, (start, end) in enumerate(times)]
        windows.append(window(index, spans, hypothesis(*pieces)))
    return windows


@given(recordings())
def test_segments_are_in_order_inside_the_asset_and_do_not_overlap(windows):
    end_s = windows[-1].spans[-1].end_sample / RATE
    rows = assemble(heard(len(windows), duration_s=end_s), windows, PROVENANCE)
    edges = [edge for s in rows.segments for edge in (s.start_s, s.end_s)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= end_s
    assert sorted(s.text for s in rows.segments if s.text) == sorted(
        p.text for w in windows for p in w.hypothesis.segments
    )
    assert {s.raw_text for s in rows.segments if not s.text} <= {""}
    assert rows.n_violations == 0
