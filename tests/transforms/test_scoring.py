"""What is counted of one utterance and of groups of them."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BeamscribeError
from transforms.references import Reference, find_references, read_references, write_references
from transforms.score_groups import (
    CONFIDENCE_BINS,
    DURATION_BINS,
    Counts,
    Evaluation,
    Group,
    bin_labels,
    bootstrap_interval,
    calibrate,
    calibration_error,
    groups_of,
    in_reading_order,
    score_group,
)
from transforms.scoring import Span, Transcript, count_errors, normalise, score_asset

EVALUATION = Evaluation("e1", datetime(2026, 11, 22, tzinfo=UTC), "out", n_bootstrap=500, seed=0)
REFERENCE = Reference("a.wav", None, "en", None, "one two three")


def transcript(text, channel=None, **values):
    return replace(Transcript("a.wav", channel, 10.0, 6.0, "en", text, -0.5), **values)


def counts(number=0, words=10, errors=0, confidence=None):
    return Counts(f"{number:04d}.wav", None, False, words, errors, 0, 0, 50, 0, 0, 0.0, 0.0, confidence)


@pytest.mark.parametrize(
    ("language", "text", "normalised"),
    [
        ("en", "Mr. Smith's colour -- twenty-three, um, cats!", "mister smith is color 23 cats"),
        ("de", "Schöne Grüße, Frau Müller!", "schöne grüße frau müller"),
        ("ja", "今日は、晴れ。", "今 日 は 晴 れ"),
        (None, "Twenty-three", "twenty three"),
        ("en", "  \n", ""),
    ],
)
def test_text_is_normalised_by_its_language(language, text, normalised):
    assert normalise(text, language) == normalised


@pytest.mark.parametrize(
    ("reference", "hypothesis", "language", "expected"),
    [
        ("a b c", "a b c", "en", (3, 0, 0, 0, 5, 0)),
        ("a b c", "a x c d", "en", (3, 1, 0, 1, 5, 3)),
        ("a b c", "", "en", (3, 0, 3, 0, 5, 5)),
        ("", "a b", "en", (0, 0, 0, 2, 0, 3)),
        ("", "", "en", (0, 0, 0, 0, 0, 0)),
        ("今 日 は", "今 は", "ja", (3, 0, 1, 0, 3, 1)),
    ],
)
def test_errors(reference, hypothesis, language, expected):
    errors = count_errors(reference, hypothesis, language)
    found = (errors.words, errors.substitutions, errors.deletions, errors.insertions)
    assert (*found, errors.characters, errors.char_errors) == expected
    assert (errors.alignment == "") == (reference == hypothesis)


WORDS = st.lists(st.sampled_from(["ab", "cd", "ef", "gh"]), max_size=8).map(" ".join)


@given(WORDS, WORDS)
def test_words_are_right_or_counted_once(reference, hypothesis):
    errors = count_errors(reference, hypothesis, "en")
    n_right = errors.words - errors.substitutions - errors.deletions
    assert n_right >= 0
    assert n_right + errors.substitutions + errors.insertions == len(hypothesis.split())


def test_alignment_shows_both_texts_word_under_word():
    assert count_errors("short one here", "shoe order one", "en").alignment == (
        "REF: **** short one here\nHYP: shoe order one ****\n        I     S        D"
    )


def test_segments_give_coverage_at_most_the_speech_and_snr_by_length():
    spans = [
        Span("a.wav", None, 3.0, True, 10.0),
        Span("a.wav", None, 1.0, True, 30.0),
        Span("a.wav", None, 2.0, False, None),
    ]
    ((row,), n_unscored) = score_asset([REFERENCE], [transcript("one two three")], spans, "e1")
    assert (row.covered_speech_s, row.speech_s, row.snr_db, n_unscored) == (4.0, 6.0, 15.0, 0)
    assert row.confidence == math.exp(-0.5)
    ((row,), _) = score_asset([REFERENCE], [transcript("one", speech_s=3.5)], spans, "e1")
    assert row.covered_speech_s == 3.5


def test_reference_of_a_channel_meets_that_channel_only():
    transcripts = [transcript("Right.", 1), transcript("Left side.", 0), transcript("other", 2)]
    spans = [Span("a.wav", 0, 1.0, True, 5.0), Span("a.wav", 1, 2.0, True, 9.0)]
    references = [replace(REFERENCE, channel=1, text="right"), replace(REFERENCE, channel=0, text="left side")]
    rows, n_unscored = score_asset(references, transcripts, spans, "e1")
    assert [(row.channel, row.hypothesis, row.wer, row.snr_db) for row in rows] == [
        (0, "left side", 0.0, 5.0),
        (1, "right", 0.0, 9.0),
    ]
    assert n_unscored == 1
    ((mixed,), n_unscored) = score_asset([replace(REFERENCE, channel=0)], [transcript("one two three")], [], "e1")
    assert (mixed.missing, mixed.deletions, n_unscored) == (True, mixed.words, 1)


def test_asset_without_reference_and_asset_without_transcript():
    assert score_asset([], [transcript("x", 0), transcript("y", 1)], [], "e1") == ([], 2)
    ((row,), n_unscored) = score_asset([REFERENCE], [], [], "e1")
    assert (row.missing, row.wer, row.hypothesis, row.confidence, n_unscored) == (True, 1.0, "", None, 0)


def test_words_on_speechless_audio_are_hallucinated():
    ((row,), _) = score_asset([replace(REFERENCE, text="")], [transcript("Thanks for watching!")], [], "e1")
    assert (row.hallucinated_words, row.insertions, row.words, row.wer, row.cer) == (3, 3, 0, None, None)


def test_interval_covers_the_rate_repeats_and_narrows_with_more_utterances():
    rng = np.random.default_rng(1)
    words = rng.integers(5, 20, size=400)
    errors = rng.binomial(words, 0.2)
    few, many = (bootstrap_interval(errors[:n].tolist(), words[:n].tolist(), 1000, [0]) for n in (40, 400))
    assert few[0] < errors[:40].sum() / words[:40].sum() < few[1]
    assert many[0] < errors.sum() / words.sum() < many[1]
    assert many[1] - many[0] < (few[1] - few[0]) / 2
    assert bootstrap_interval(errors.tolist(), words.tolist(), 1000, [0]) == many
    assert bootstrap_interval(errors.tolist(), words.tolist(), 1000, [1]) != many
    # half a width of 1.96 standard errors of a mean of words, which are nearly independent here
    half = 1.96 * math.sqrt(0.2 * 0.8 / words.sum())
    assert (many[1] - many[0]) / 2 == pytest.approx(half, rel=0.15)


def test_interval_of_one_utterance_has_no_width_and_of_none_does_not_exist():
    assert bootstrap_interval([1], [4], 100, [0]) == (0.25, 0.25)
    assert bootstrap_interval([3], [0], 100, [0]) == (None, None)
    low, high = bootstrap_interval([0, 1], [0, 2], 100, [0])
    assert (low, high) == (0.5, 0.5)


def test_group_does_not_depend_on_the_order_of_its_utterances():
    utterances = [counts(i, words=5 + i, errors=i % 3, confidence=0.1 * (i % 10)) for i in range(30)]
    group = Group("all", "all")
    assert score_group(group, utterances, EVALUATION) == score_group(group, utterances[::-1], EVALUATION)


def test_calibration_weighs_by_words_and_is_never_below_zero():
    assert calibrate([counts(words=1, errors=0, confidence=0.9), counts(words=3, errors=3, confidence=0.5)]) == (
        4,
        pytest.approx(0.6),
        0.25,
    )
    assert calibrate([counts(words=2, errors=5, confidence=0.3)]) == (2, 0.3, 0.0)
    assert calibrate([counts(words=2), counts(words=0, errors=2, confidence=0.3)]) is None


def test_calibration_error_of_a_confidence_that_is_right_and_of_one_that_is_not():
    right = [counts(0, 10, 1, 0.9), counts(1, 10, 4, 0.6)]
    assert calibration_error(right) == pytest.approx(0.0)
    assert calibration_error([counts(0, 10, 5, 0.9), counts(1, 30, 9, 0.6)]) == pytest.approx(0.25 * 0.4 + 0.75 * 0.1)
    assert calibration_error([counts()]) is None


def test_bins_and_groups_of_an_utterance():
    assert bin_labels((5, 10), " s") == ["< 5 s", "5-10 s", ">= 10 s"]
    ((row,), _) = score_asset([REFERENCE], [transcript("one", duration_s=5.0, avg_logprob=-0.01)], [], "e1")
    groups = [group for group, _ in groups_of(row)]
    assert groups == [
        ("all", "all"),
        ("corpus", None),
        ("language", "en"),
        ("channel", None),
        ("duration", DURATION_BINS[1]),
        ("snr", None),
        ("confidence", CONFIDENCE_BINS[-1]),
    ]


def test_groups_are_read_from_low_to_high_and_unknown_last():
    names = [None, *DURATION_BINS[::-1]]
    rows = [score_group(Group("duration", name), [counts()], EVALUATION) for name in names]
    everything = score_group(Group("all", "all"), [counts()], EVALUATION)
    assert [row.group for row in in_reading_order([*rows, everything])] == ["all", *DURATION_BINS, None]


def test_references_are_named_like_the_tables_and_survive_the_way_to_the_workers(tmp_path):
    rows = [
        {"uri": "b.wav", "reference": "two\u2028lines", "start_s": 1.5, "end_s": 3},
        {"uri": f"file://{tmp_path}/a.wav", "reference": "", "corpus": "noise", "channel": 1},
        {"uri": "s3://calls/c.wav", "reference": "x", "language": "de"},
        {"uri": "s3://calls/c.wav", "reference": "x", "language": "de"},
        {"uri": "d.wav", "reference": None},
    ]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = find_references([str(tmp_path / "m.jsonl")])
    assert found.references == (
        Reference(f"{tmp_path}/a.wav", 1, None, "noise", ""),
        Reference(f"{tmp_path}/b.wav#t=1.5,3", None, None, None, "two\u2028lines"),
        Reference("s3://calls/c.wav", None, "de", None, "x"),
    )
    assert found.rows_without == 1
    path = str(tmp_path / "staged" / "references.jsonl")
    write_references(path, found.references)
    assert tuple(read_references(path)) == found.references


def test_file_of_an_unknown_kind_is_refused(tmp_path):
    (tmp_path / "m.xlsx").write_text("x")
    with pytest.raises(BeamscribeError, match=r"references are read from \.jsonl, \.csv and \.parquet files"):
        find_references([str(tmp_path / "m.xlsx")])
