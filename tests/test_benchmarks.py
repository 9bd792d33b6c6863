"""What the benchmarks count: texts that were kept become the right table, and loops are loops."""

import argparse
import json

import numpy as np
import ours
import peers
import pytest
import robustness
import speed
from accuracy import command_of, keep, read_kept, report
from accuracy_table import corpus_rows, first_of_each, language_rows, make_table, to_csv
from peers import EngineRun, Heard
from repeats import repeated_too_often, times_in_a_row
from wer import Clip, read_clips

from model.registry import resolve_model

SHA256 = "5" * 64


def clip(name, reference, corpus="clean", language="en"):
    return Clip(f"{ours.SPEECH}/{name}", corpus, language, reference)


def run_of(clips, heard):
    return EngineRun("engine 1.0", SHA256, {c.uri: Heard(*h) for c, h in zip(clips, heard, strict=True)})


ENGLISH = [
    clip("a.wav", "red green blue white"),
    clip("b.wav", "LEFT: north south RIGHT: east west"),
    clip("c.wav", "up down", corpus="hard"),
]
# one substitution and one insertion; the markers of channels are not words; a clip that failed
ENGLISH_HEARD = [("Red, grey, blue white more!", "en"), ("North south east west.", "en"), (None, None)]


def test_corpora_and_all_words():
    table = make_table(corpus_rows(ENGLISH), {"ours": run_of(ENGLISH, ENGLISH_HEARD), "other": "not installed"}, ["en"])

    assert report(table, multilingual=False).splitlines()[2:] == [
        "| recordings | clips | rate | ours | other |",
        "|---|---:|---|---:|---:|",
        "| clean | 2 | WER | 25.00 (1/0/1) | not installed |",
        "| hard | 1 | WER | 100.00 (0/2/0) | not installed |",
        "| all words | 3 | WER | 40.00 (1/2/1) | not installed |",
        "",
        "ours failed on 1 clips, which cost it every word.",
    ]


def test_csv_has_a_line_for_each_engine_that_was_run_and_each_row():
    table = make_table(corpus_rows(ENGLISH), {"ours": run_of(ENGLISH, ENGLISH_HEARD), "other": "not run"}, ["en"])

    assert to_csv(table).splitlines() == [
        "recordings,rate,engine,clips,missing,words,substitutions,deletions,insertions,"
        "error_percent,language_right,language_counted",
        "clean,WER,ours,2,0,8,1,0,1,25.00,2,2",
        "hard,WER,ours,1,1,2,0,2,0,100.00,0,1",
        "all words,WER,ours,3,1,10,1,2,1,40.00,2,3",
    ]


def test_languages_apart_by_collection_and_unspaced_ones_by_character():
    clips = [
        clip("fleurs/de/1.wav", "eins zwei", "multilingual", "de"),
        clip("cv/de/1.mp3", "drei vier", "multilingual", "de"),
        clip("cv/zh/1.mp3", "今天下雨", "multilingual", "zh"),
        clip("cv/xx/1.mp3", "ab cd", "multilingual", "xx"),
    ]
    heard = [("Eins, zwei", "de"), ("drei für", "nl"), ("今天下雪", "zh"), ("ab cd", "de")]
    table = make_table(language_rows(clips), {"ours": run_of(clips, heard)}, ["de", "zh"])

    assert [line for line in report(table, multilingual=True).splitlines() if line.startswith("| ")] == [
        "| recordings | clips | rate | ours |",
        "| FLEURS de | 1 | WER | 0.00 (0/0/0) |",
        "| Common Voice de | 1 | WER | 50.00 (1/0/0) |",
        "| Common Voice zh | 1 | CER | 25.00 (1/0/0) |",
        "| Common Voice xx | 1 | WER | 0.00 (0/0/0) |",
        "| FLEURS, all | 1 | WER | 0.00 (0/0/0) |",
        "| Common Voice, all | 2 | WER | 25.00 (1/0/0) |",
        "| Common Voice, all | 1 | CER | 25.00 (1/0/0) |",
        "| all words | 3 | WER | 16.67 (1/0/0) |",
        "| recordings | ours |",
        "| FLEURS | 1 of 1 (100.0 %) |",
        "| Common Voice | 1 of 2 (50.0 %) |",
    ]


def test_what_is_kept_is_read_again(tmp_path):
    run = run_of(ENGLISH, ENGLISH_HEARD)
    keep(run, tmp_path / "parts" / "ours.jsonl")

    assert read_kept(tmp_path / "parts" / "ours.jsonl", ENGLISH, SHA256) == run
    assert read_kept(tmp_path / "parts" / "other.jsonl", ENGLISH, SHA256) == "not run"


def test_kept_texts_name_no_folder_of_this_machine(tmp_path):
    keep(run_of(ENGLISH[:1], ENGLISH_HEARD[:1]), tmp_path / "ours.jsonl")

    assert json.loads((tmp_path / "ours.jsonl").read_text()) == {
        "uri": "a.wav",
        "text": "Red, grey, blue white more!",
        "language": "en",
        "version": "engine 1.0",
        "model_sha256": SHA256,
    }


def test_kept_texts_of_fewer_clips_are_refused(tmp_path):
    keep(run_of(ENGLISH[:2], ENGLISH_HEARD[:2]), tmp_path / "ours.jsonl")

    with pytest.raises(SystemExit, match="lacks 1 of 3 clips"):
        read_kept(tmp_path / "ours.jsonl", ENGLISH, SHA256)


def test_kept_texts_of_other_weights_are_refused(tmp_path):
    keep(run_of(ENGLISH, ENGLISH_HEARD), tmp_path / "ours.jsonl")

    with pytest.raises(SystemExit, match="other weights"):
        read_kept(tmp_path / "ours.jsonl", ENGLISH, "6" * 64)


def test_limit_takes_the_first_clips_of_every_corpus():
    assert first_of_each(corpus_rows(ENGLISH), 1) == [ENGLISH[0], ENGLISH[2]]
    assert first_of_each(corpus_rows(ENGLISH), None) == ENGLISH


def test_command_of_a_page_names_no_path_of_this_machine(tmp_path):
    options = argparse.Namespace(
        corpus=None,
        multilingual=True,
        model=str(tmp_path),
        limit=3,
        engines=list(peers.ENGINES),
        write=ours.REPOSITORY / "docs" / "page.md",
    )
    assert command_of(options) == (
        "python benchmarks/accuracy.py --multilingual --model FOLDER --limit 3 --write docs/page.md"
    )


def test_regions_of_languages_do_not_count(tmp_path):
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text('{"uri": "a.mp3", "language": "zh-CN", "reference": "今天"}\n')

    assert read_clips(manifest, "/speech") == [Clip("/speech/a.mp3", "all", "zh", "今天")]


def test_without_its_interpreter_openai_whisper_is_not_installed():
    setup = peers.Setup(resolve_model("tiny.en"), threads=1, openai_python=None)

    assert peers.hear("openai-whisper", ENGLISH, setup) == "not installed"


def test_samples_for_a_peer_are_those_of_the_file(speech):
    samples = peers.read_samples(speech / "hard" / "jfk.flac")

    assert samples.dtype == np.float32
    assert samples.shape == (11 * 16_000,)


def test_times_in_a_row():
    counts = times_in_a_row(["no", "no", "no", "yes", "no"])

    assert counts[("no",)] == 3
    assert counts[("yes",)] == 1
    assert counts[("no", "no")] == 1
    assert max(times_in_a_row(["to", "be", "or", "to", "be", "or", "to", "be", "or", "not"]).values()) == 3


def test_one_repeat_more_than_was_said_is_tolerated_and_two_are_not():
    assert repeated_too_often("very very good", "very very very good") == {}
    assert repeated_too_often("very very good", "very very very very good") == {"very": 4}
    assert repeated_too_often("thank you", "thank you thank you thank you") == {"thank you": 3}


def test_what_was_never_said_may_come_twice_but_not_three_times():
    assert repeated_too_often("good night", "bye bye") == {}
    assert repeated_too_often("good night", "bye bye bye") == {"bye": 3}


def test_speech_that_repeats_itself_is_no_loop():
    said = " ".join(["call me back"] * 12)

    assert repeated_too_often(said, said) == {}


def transcript(uri, text, channel=None, flags=()):
    return {"uri": uri, "text": text, "channel": channel, "flags": list(flags)}


def test_nothing_written_holds_only_where_each_recording_has_an_empty_transcript():
    tables = robustness.Tables([transcript("a", ""), transcript("b", "Thank you.")], [], [], [])

    assert robustness.check_nothing_written("x", ["a"], tables).holds
    assert robustness.check_nothing_written("x", ["a", "b"], tables).came == "2 words 'thank you'"
    assert not robustness.check_nothing_written("x", ["a", "b"], tables).holds
    assert not robustness.check_nothing_written("x", ["a", "absent"], tables).holds


@pytest.mark.parametrize(
    ("segment_end_s", "word_end_s", "holds"), [(9.9, 9.8, True), (9.9, 12.0, False), (31.0, 9.8, False)]
)
def test_words_after_the_speech_are_found_in_segments_and_in_words(tmp_path, segment_end_s, word_end_s, holds):
    uri = str(tmp_path / "a.flac")
    segments = [{"uri": uri, "text": "hello", "end_s": segment_end_s}, {"uri": uri, "text": "", "end_s": 1800.0}]
    tables = robustness.Tables([transcript(uri, "hello")], segments, [{"uri": uri, "end_s": word_end_s}], [])

    assert robustness.check_nothing_after((tmp_path / "a.flac", 10.0), tables).holds is holds


def test_sides_are_scored_against_their_own_words():
    stereo = Clip("s.wav", "hard", "en", "LEFT: red green blue RIGHT: north south east")
    tables = robustness.Tables(
        [transcript("s.wav", "Red green blue.", 0), transcript("s.wav", "north south", 1)], [], [], []
    )

    assert [check.came for check in robustness.check_sides(stereo, tables)] == ["0.0%", "33.3%"]
    assert [check.holds for check in robustness.check_sides(stereo, tables)] == [True, False]


def test_pink_noise_is_at_its_level_and_falls_with_frequency():
    noise = robustness.pink_noise(robustness.RATE_HZ * 10, seed=1)
    power = np.square(np.abs(np.fft.rfft(noise)))

    assert robustness.rms(noise) == pytest.approx(robustness.NOISE_RMS)
    octaves = [power[hz * 10 : 2 * hz * 10].sum() for hz in (100, 200, 400, 800, 1600)]
    assert max(octaves) / min(octaves) < 1.25


def test_speeds_are_medians_beside_the_best_peer(monkeypatch):
    monkeypatch.setattr(speed, "duration_s", lambda _: 30.0)
    ours_ran = speed.Engine("Beamscribe", None, 1.0, {"short": [1.0, 4.0, 2.0]}, {"short": ["red green", "", ""]})
    peer = speed.Engine("peer", None, 1.0, {"short": [9.0, 3.0, 4.5]}, {"short": ["red", "north", "up"]}, 100.4)
    rows = speed.rows_of([ours_ran, peer], {"short": ENGLISH}, 1)
    assert [row["times real time"] for row in rows] == ["45.0", "20.0"]
    assert [row["range"] for row in rows] == ["22.5-90.0", "10.0-30.0"]
    assert [row["of the best peer"] for row in rows] == ["2.25", "1.00"]
    assert [row["WER %"] for row in rows] == ["80.00", "70.00"]
    assert speed.markdown(rows).splitlines()[3].endswith("| peer | 20.0 | 10.0-30.0 | 1.00 | 70.00 | 100 |")
