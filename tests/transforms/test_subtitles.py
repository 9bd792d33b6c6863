"""Subtitles: every word once and in order, lines that fit, times that do not overlap, names that every disk takes."""

import json
from dataclasses import replace
from itertools import pairwise
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.cues import CueOptions
from transforms.file_names import MAX_PATH_BYTES, common_folder, file_name
from transforms.spoken import Segment, Spoken, Transcript, Word, gather
from transforms.subtitles import FORMATS, merged_cues
from transforms.word_times import split_at_pauses

OPTIONS = CueOptions()
PANGRAM = "The quick brown fox jumps over the lazy dog while the band plays on and nobody in the whole town is asleep."


def asset(*segments, uri="/calls/a.wav"):
    """An asset with a transcript for each channel of its segments."""
    channels = sorted({segment.channel for segment in segments}, key=lambda c: -1 if c is None else c) or [None]
    transcripts = [
        Transcript(c, 10.0, "ok" if segments else "no_speech", "en" if segments else None, said_by(segments, c))
        for c in channels
    ]
    order = sorted(segments, key=lambda segment: -1 if segment.channel is None else segment.channel)
    return Spoken(uri, tuple(transcripts), tuple(order))


def said_by(segments, channel):
    return " ".join(segment.text for segment in segments if segment.channel == channel)


def export(name, *segments):
    return FORMATS[name](asset(*segments), OPTIONS)


def words(*timed):
    return tuple(Word(word, start_s, end_s, 0.5) for word, start_s, end_s in timed)


CALL = (
    Segment(0, 0.5, 2.0, "Good morning."),
    Segment(1, 1.5, 3.25, "Hello, <Anna> & co."),
    Segment(0, 3.0, 3.0, ""),
    Segment(1, 3661.5, 3662.0, "Bye."),
)


def test_srt_merges_the_channels_by_time():
    assert export("srt", *CALL) == (
        "1\n00:00:00,500 --> 00:00:02,000\n[channel 0] Good morning.\n\n"
        "2\n00:00:01,500 --> 00:00:03,250\n[channel 1] Hello, <Anna> & co.\n\n"
        "3\n01:01:01,500 --> 01:01:02,000\n[channel 1] Bye.\n"
    )


def test_vtt_has_voices_and_escapes():
    assert export("vtt", *CALL) == (
        "WEBVTT\n\n"
        "00:00:00.500 --> 00:00:02.000\n<v Channel 0>Good morning.\n\n"
        "00:00:01.500 --> 00:00:03.250\n<v Channel 1>Hello, &lt;Anna&gt; &amp; co.\n\n"
        "01:01:01.500 --> 01:01:02.000\n<v Channel 1>Bye.\n"
    )


def test_txt_has_a_paragraph_a_turn():
    assert export("txt", *CALL) == "[channel 0] Good morning.\n\n[channel 1] Hello, <Anna> & co. Bye.\n"


def test_json_has_everything():
    said = words(("Good", 0.5, 1.0), ("morning.", None, None))
    record = json.loads(export("json", replace(CALL[0], words=said, flags=("repetition",)), CALL[1]))
    assert record == {
        "uri": "/calls/a.wav",
        "duration_s": 10.0,
        "language": "en",
        "status": "ok",
        "text": "[channel 0] Good morning.\n[channel 1] Hello, <Anna> & co.",
        "channels": [
            {"channel": 0, "language": "en", "status": "ok", "text": "Good morning."},
            {"channel": 1, "language": "en", "status": "ok", "text": "Hello, <Anna> & co."},
        ],
        "segments": [
            {
                "channel": 0,
                "start_s": 0.5,
                "end_s": 2.0,
                "text": "Good morning.",
                "flags": ["repetition"],
                "words": [
                    {"word": "Good", "start_s": 0.5, "end_s": 1.0, "probability": 0.5},
                    {"word": "morning.", "start_s": None, "end_s": None, "probability": 0.5},
                ],
            },
            {"channel": 1, "start_s": 1.5, "end_s": 3.25, "text": "Hello, <Anna> & co.", "flags": []},
        ],
    }


@pytest.mark.parametrize(("name", "empty"), [("srt", ""), ("vtt", "WEBVTT\n"), ("txt", "")])
def test_nothing_said_is_an_empty_file(name, empty):
    assert export(name) == empty
    assert export(name, Segment(None, 0.0, 2.0, " ")) == empty


def test_one_channel_needs_no_label():
    assert export("txt", Segment(0, 0.0, 1.0, "Hello.")) == "Hello.\n"
    assert export("vtt", Segment(None, 0.0, 1.0, "Hello.")) == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nHello.\n"


def test_a_long_segment_is_cut_in_proportion_to_its_characters():
    cues = merged_cues(asset(Segment(None, 1.0, 11.0, PANGRAM)), OPTIONS)
    assert [cue.lines for cue in cues] == [
        ("The quick brown fox jumps over the", "lazy dog while the band plays on and"),
        ("nobody in the whole town is asleep.",),
    ]
    cut_s = 1 + 10 * PANGRAM.index("nobody") / len(PANGRAM)
    assert (cues[0].start_ms, cues[1].start_ms, cues[1].end_ms) == (1000, round(cut_s * 1000), 11_000)
    assert cues[1].start_ms - cues[0].end_ms == round(10_000 / len(PANGRAM))


def test_a_long_segment_is_cut_at_the_times_of_its_words():
    said = [Word(f" {word}", 1 + 0.1 * i, 1.05 + 0.1 * i, 0.9) for i, word in enumerate(PANGRAM.split())]
    said[3] = Word(" fox", None, None, None)
    first, second = merged_cues(asset(Segment(None, 0.0, 11.0, PANGRAM, words=tuple(said))), OPTIONS)
    n_words = len(" ".join(first.lines).split())
    assert (first.start_ms, first.end_ms) == (1000, 950 + 100 * n_words)
    assert (second.start_ms, second.end_ms) == (1000 + 100 * n_words, 950 + 100 * len(said))


def test_a_pause_parts_a_segment_and_turns_follow_it():
    said = words(("Hello.", 1.0, 1.5), ("It", 6.0, 6.1), ("is", 6.1, 6.2), ("stuck.", 6.2, 6.5))
    long = Segment(0, 0.5, 8.0, "Hello. It is stuck.", words=said)
    assert [(s.start_s, s.end_s, s.text) for s in split_at_pauses(long)] == [
        (1.0, 1.5, "Hello."),
        (6.0, 6.5, "It is stuck."),
    ]
    assert export("txt", long, Segment(1, 2.0, 3.0, "Hi.")) == (
        "[channel 0] Hello.\n\n[channel 1] Hi.\n\n[channel 0] It is stuck.\n"
    )


def test_words_that_rules_have_changed_do_not_come_back():
    said = words(("Call", 1.0, 1.2), ("five", 1.3, 1.5), ("five", 1.6, 1.8), ("now.", 4.0, 4.4))
    pieces = split_at_pauses(Segment(None, 0.0, 9.0, "Call [NUMBER] now.", words=said))
    assert [(s.start_s, s.end_s, s.text) for s in pieces] == [(1.0, 1.8, "Call [NUMBER]"), (4.0, 4.4, "now.")]
    digits = words(("5", 1.0, 1.2), ("5", 3.0, 3.2))
    assert [s.text for s in split_at_pauses(Segment(None, 0.0, 9.0, "55", words=digits))] == ["55"]


def test_words_without_spaces_break_between_characters_and_keep_their_marks():
    said = Segment(None, 0.0, 4.0, "今日は天気。明日は雨。")
    assert [cue.lines for cue in merged_cues(asset(said), CueOptions(5, 2))] == [
        ("今日は天", "気。明日"),
        ("は雨。",),
    ]
    accents = merged_cues(asset(Segment(None, 0.0, 1.0, "e\u0301" * 12)), CueOptions(17, 1))
    assert [len(cue.lines[0]) for cue in accents] == [16, 8]


def test_no_cue_has_no_length():
    cues = merged_cues(asset(Segment(0, 1.0, 1.0, "a"), Segment(0, 1.0, 1.0, "b"), Segment(0, 1.5, 2.0, "c")), OPTIONS)
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(1000, 1001), (1001, 1002), (1500, 2000)]


@st.composite
def spoken(draw):
    """Up to three channels of segments in order, with texts of any script and words that may not fit them."""
    segments = []
    for channel in draw(st.sampled_from([(None,), (0,), (0, 1), (0, 1, 12)])):
        times = sorted(draw(st.lists(st.floats(0, 100), max_size=12)))
        for start_s, end_s in zip(times[::2], times[1::2], strict=False):
            text = draw(st.text(st.sampled_from("ab c.\n&<>-é\u0301日本。「\u200d👩"), max_size=120))
            said = text.split() if draw(st.booleans()) else draw(st.lists(st.text("abc ", max_size=9), max_size=5))
            moments = st.none() | st.floats(-1, 110)
            timed = tuple(Word(word, draw(moments), draw(moments), None) for word in said)
            segments.append(Segment(channel, start_s, end_s, text, words=timed))
    return asset(*segments)


@settings(max_examples=150, deadline=None)
@given(spoken(), st.integers(16, 50), st.integers(1, 3))
def test_cues_hold_all_text_in_order_within_lines_and_without_overlap(a, width, max_lines):
    cues = merged_cues(a, CueOptions(width, max_lines))
    assert [cue.start_ms for cue in cues] == sorted(cue.start_ms for cue in cues)
    for transcript in a.transcripts:
        mine = [cue for cue in cues if cue.channel == transcript.channel]
        assert all(cue.start_ms < cue.end_ms for cue in mine)
        assert all(before.end_ms <= after.start_ms for before, after in pairwise(mine))
        text = "".join(s.text for s in a.segments if s.channel == transcript.channel)
        assert "".join("".join(cue.lines) for cue in mine).replace(" ", "") == "".join(text.split())
        assert all(1 <= len(cue.lines) <= max_lines for cue in mine)
    blocks = FORMATS["srt"](a, CueOptions(width, max_lines)).split("\n\n")
    lines = [line for block in blocks for line in block.splitlines()[2:]]
    assert all(0 < len(line) <= width for line in lines)


@settings(max_examples=50, deadline=None)
@given(spoken())
def test_vtt_blocks_are_times_and_escaped_lines(a):
    header, *blocks = FORMATS["vtt"](a, OPTIONS).removesuffix("\n").split("\n\n")
    assert header == "WEBVTT"
    assert len(blocks) == len(merged_cues(a, OPTIONS))
    for block in blocks:
        times, *lines = block.split("\n")
        assert times.count("-->") == 1
        assert all(line and "-->" not in line for line in lines)


@given(spoken())
def test_json_is_the_same_whatever_the_order_of_rows(a):
    rows = {
        "transcripts": [
            {
                "channel": t.channel,
                "duration_s": t.duration_s,
                "status": t.status,
                "language": t.language,
                "text": t.text,
            }
            for t in a.transcripts
        ],
        "segments": [],
        "words": [],
    }
    for i, s in enumerate(a.segments):
        key = {"channel": s.channel, "segment_index": i}
        rows["segments"].append({**key, "start_s": s.start_s, "end_s": s.end_s, "text": s.text, "flags": list(s.flags)})
        rows["words"] += [
            {**key, "word_index": j, "word": w.word, "start_s": w.start_s, "end_s": w.end_s, "probability": None}
            for j, w in enumerate(s.words)
        ]
    backwards = {table: table_rows[::-1] for table, table_rows in rows.items()}
    assert gather(a.uri, backwards) == gather(a.uri, rows) == a


def test_names_keep_folders_below_what_all_uris_share():
    uris = ["s3://b/calls/x/a.wav", "s3://b/calls/y/b.mp3", "s3://b/calls/y/b.mp3#t=10,20"]
    folder = common_folder(uris)
    assert [file_name(uri, folder) for uri in uris] == ["x/a.wav", "y/b.mp3", "y/b.mp3%23t=10,20"]
    assert file_name("/data/a.wav", common_folder(["/data/a.wav"])) == "a.wav"
    mixed = ["s3://b/a.wav", "gs://b/a.wav", "/b/a.wav"]
    assert [file_name(uri, common_folder(mixed)) for uri in mixed] == ["s3/b/a.wav", "gs/b/a.wav", "file/%2F/b/a.wav"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ('what? #1 50% "a\\b".wav', "what%3F %231 50%25 %22a%5Cb%22.wav"),
        ("🎧 Grüße.wav", "🎧 Grüße.wav"),
        ("line\nbreak[1]*.wav", "line%0Abreak%5B1%5D%2A.wav"),
        ("..", ".%2E"),
        ("", "%2F"),
        ("dot.", "dot%2E"),
    ],
)
def test_unsafe_names_are_percent_encoded(name, safe):
    assert file_name(f"/d/{name}", ("file", "", "d")) == safe
    assert name == "" or unquote(safe) == name


def test_a_folder_never_has_the_name_of_an_export():
    assert file_name("/d/a.srt/b.wav", ("file", "", "d")) == "a%2Esrt/b.wav"


PART = st.text(st.characters(codec="utf8", exclude_characters="/"), max_size=300) | st.text("a%~.🎧", max_size=300)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(PART, min_size=1, max_size=9).map(lambda parts: "/d/" + "/".join(parts)), unique=True))
def test_names_are_unique_and_fit_every_filesystem(uris):
    folder = common_folder(uris)
    names = [file_name(uri, folder) for uri in uris]
    assert len(set(names)) == len(uris)
    for name in names:
        assert len(name.encode()) <= MAX_PATH_BYTES
        parts = name.split("/")
        assert all(part not in ("", ".", "..") and len(part.encode()) <= 200 for part in parts)
