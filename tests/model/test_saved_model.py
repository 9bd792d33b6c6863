"""A SavedModel from elsewhere as a recogniser: heard through its signature, refused where that is another."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model.ctc.vocabulary import CtcVocabulary
from model.errors import BeamscribeError
from model.recognizer import BiasPhrase, DecodeOptions, TimedText, TimedWord
from model.registry import batch_windows_of, check_options, load_recognizer, resolve_model

GREEDY = DecodeOptions(beam_size=1)
VOCABULARY = CtcVocabulary.of_characters("ab")
BLANK, SPACE, A, B = range(4)
FRAME_SAMPLES = 320


class Levels(tf.Module):
    """A network that hears levels: frames at 0.1, 0.2, 0.3 are " ", "a", "b"; others are blank. 320 samples a frame."""

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], name="waveform"), tf.TensorSpec([None], tf.int32, name="lengths")]
    )
    def hear(self, waveform, lengths):
        n_frames = tf.shape(waveform)[1] // FRAME_SAMPLES
        frames = tf.reshape(waveform[:, : n_frames * FRAME_SAMPLES], [-1, n_frames, FRAME_SAMPLES])
        labels = tf.cast(tf.round(10 * tf.reduce_mean(frames, axis=-1)), tf.int32)
        return {"logits": 9.0 * tf.one_hot(labels, 4), "lengths": lengths // FRAME_SAMPLES}


class Bands(tf.Module):
    """A network that is given a log-mel: one output frame for each, "a" throughout."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 80, None], name="log_mel"),
            tf.TensorSpec([None], tf.int64, name="lengths"),
        ]
    )
    def hear(self, log_mel, lengths):
        labels = tf.fill([tf.shape(log_mel)[0], tf.shape(log_mel)[2]], A)
        return {"logits": tf.one_hot(labels, 4), "lengths": lengths}


def save(folder: Path, module: tf.Module, vocabulary: CtcVocabulary = VOCABULARY) -> Path:
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.hear})
    (folder / "vocab.json").write_text(vocabulary.to_json())
    return folder


@pytest.fixture(scope="module")
def levels(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("saved") / "levels", Levels())


def waveform(*labels: int) -> np.ndarray:
    """A window in which each label is a frame long."""
    samples = np.repeat(np.array(labels, np.float32) / 10, FRAME_SAMPLES)
    return np.pad(samples, (0, 480_000 - len(samples)))


def test_labels_become_words_with_times(levels):
    recognizer = load_recognizer(resolve_model(str(levels)), GREEDY)
    # 2 frames of blank, "a" twice parted by a blank, "ab" after a space, and "b" after a pause of 50 frames
    said = [BLANK, BLANK, A, BLANK, A, SPACE, A, B, *[BLANK] * 50, SPACE, B]
    (heard,) = recognizer.recognize([waveform(*said)], [None])
    assert heard.text == "aa ab b"
    assert heard.tokens == (A, A, SPACE, A, B, SPACE, B)
    assert [(s.start_s, s.end_s, s.text, s.tokens) for s in heard.segments] == [
        (pytest.approx(0.04), pytest.approx(0.16), "aa ab", (A, A, SPACE, A, B)),
        (pytest.approx(59 * 0.02), pytest.approx(60 * 0.02), "b", (B,)),
    ]
    assert [word.word for segment in heard.segments for word in segment.words] == ["aa", "ab", "b"]
    first = heard.segments[0].words[1]
    assert (first.start_s, first.end_s) == (pytest.approx(0.12), pytest.approx(0.16))
    assert first.probability == pytest.approx(np.exp(9) / (np.exp(9) + 3), rel=1e-5)
    assert (heard.language, heard.no_speech_prob, heard.temperature) == ("en", None, 0.0)
    assert -0.1 < heard.avg_logprob < 0


def test_word_times_can_be_left_out(levels):
    recognizer = load_recognizer(resolve_model(str(levels)), replace(GREEDY, word_timestamps=False))
    (heard,) = recognizer.recognize([waveform(A, *[BLANK] * 20)], [None])
    assert heard.segments == (TimedText(0.0, pytest.approx(0.02), "a", (A,)),)


def test_a_row_does_not_depend_on_the_rows_beside_it(levels):
    recognizer = load_recognizer(resolve_model(str(levels)), GREEDY)
    windows = [waveform(A, B), waveform(B, *[BLANK] * 400, A), waveform(), waveform(A)]
    together = recognizer.recognize(windows, [None] * 4)
    assert together == [recognizer.recognize([window], ["en"])[0] for window in windows]
    assert [heard.text for heard in together] == ["ab", "ba", "", "a"]


def test_the_second_pass_has_nothing_else_to_offer(levels):
    recognizer = load_recognizer(resolve_model(str(levels)), GREEDY)
    windows = [waveform(A), waveform(B)]
    heard = recognizer.recognize(windows, [None, None])
    assert recognizer.search_wider(windows, ["en", "en"]) == []
    assert recognizer.sample(windows, ["en", "en"], [1, 2], lambda *_: False) == [[], []]
    assert recognizer.align(windows, heard) == heard
    assert recognizer.identify(windows) == [{"en": 1.0}] * 2


def test_expected_terms_tip_the_scales(tmp_path):
    """Of two labels that are about as likely, the one of the term."""

    class Unsure(Levels):
        @tf.function(
            input_signature=[
                tf.TensorSpec([None, None], name="waveform"),
                tf.TensorSpec([None], tf.int32, name="lengths"),
            ]
        )
        def hear(self, waveform, lengths):
            scores = tf.constant([[[-9.0, -9.0, 1.0, 0.5], [5.0, -9.0, -9.0, -9.0]]])
            return {"logits": scores + 0 * waveform[0, 0], "lengths": 0 * lengths + 2}

    files = resolve_model(str(save(tmp_path / "unsure", Unsure())))
    options = DecodeOptions(beam_size=4)
    biased = replace(options, bias=(BiasPhrase("b"),))
    texts = [load_recognizer(files, o).recognize([waveform(A)], [None])[0].text for o in (options, biased)]
    assert texts == ["a", "b"]


def test_a_network_of_log_mels(tmp_path):
    recognizer = load_recognizer(resolve_model(str(save(tmp_path / "bands", Bands()))), GREEDY)
    (heard,) = recognizer.recognize([waveform(*[B] * 50)], [None])
    assert heard.segments[0].words == (TimedWord("a", 0.0, pytest.approx(1.0), pytest.approx(np.e / (np.e + 3))),)


def test_what_is_known_of_it(levels, tmp_path):
    german = save(tmp_path / "german", Levels())
    (german / "recognizer.json").write_text(json.dumps({"language": "de"}))
    files = resolve_model(str(german))
    assert (files.family, files.multilingual, files.languages) == ("saved_model", False, ("de",))
    check_options(files, GREEDY, ["de", None])
    assert batch_windows_of(files, GREEDY, None) == 12
    # the vocabulary counts: other labels, other rows
    before = resolve_model(str(levels)).sha256
    (levels / "vocab.json").write_text(CtcVocabulary.of_characters("ba").to_json())
    assert resolve_model(str(levels)).sha256 != before
    (levels / "vocab.json").write_text(VOCABULARY.to_json())
    assert resolve_model(str(levels)).sha256 == before


@pytest.mark.parametrize(
    ("changes", "language", "complaint"),
    [
        ({"task": "translate"}, None, "--task translate is for Whisper"),
        ({"prompt": "Kowalczyk"}, None, "--initial_prompt is for Whisper"),
        ({}, "de", "knows English only, not 'de'"),
        ({"beam_size": 0}, None, "a beam size of 0"),
    ],
)
def test_options_it_cannot_honour(levels, changes, language, complaint):
    with pytest.raises(BeamscribeError, match=complaint):
        check_options(resolve_model(str(levels)), replace(GREEDY, **changes), [language])


def test_its_memory_is_not_known(levels):
    with pytest.raises(BeamscribeError, match="--max_memory: nobody knows what"):
        batch_windows_of(resolve_model(str(levels)), GREEDY, 4.0)


class WrongNames(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, None], name="audio")])
    def hear(self, audio):
        return {"logits": audio}


class OpenBands(tf.Module):
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, None], name="log_mel"),
            tf.TensorSpec([None], tf.int32, name="lengths"),
        ]
    )
    def hear(self, log_mel, lengths):
        return {"logits": log_mel, "lengths": lengths}


@pytest.mark.parametrize(
    ("module", "complaint"),
    [
        (WrongNames, "serving_default takes audio and gives logits: export it again"),
        (OpenBands, "the shape of log_mel does not say how many bands it has"),
    ],
)
def test_other_signatures_are_refused(tmp_path, module, complaint):
    with pytest.raises(BeamscribeError, match=complaint):
        resolve_model(str(save(tmp_path, module())))


def test_folders_that_are_broken_are_refused(tmp_path):
    folder = save(tmp_path / "model", Levels())
    (folder / "vocab.json").write_text(CtcVocabulary.of_characters("abc").to_json())
    with pytest.raises(BeamscribeError, match="lists 5 labels and the network has 4 outputs"):
        resolve_model(str(folder))
    (folder / "vocab.json").write_text(VOCABULARY.to_json())
    (folder / "recognizer.json").write_text("{}")
    with pytest.raises(BeamscribeError, match=r"recognizer\.json gives no language"):
        resolve_model(str(folder))
    (folder / "recognizer.json").unlink()
    (folder / "saved_model.pb").write_bytes(b"\xff" * 9)
    with pytest.raises(BeamscribeError, match=r"saved_model\.pb is no SavedModel"):
        resolve_model(str(folder))
    (folder / "vocab.json").unlink()
    with pytest.raises(BeamscribeError, match=r"vocab\.json"):
        resolve_model(str(folder))
