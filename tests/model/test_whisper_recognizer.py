"""From waveforms to hypotheses, with real weights and real speech."""

import gc
import weakref
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import ctranslate2
import numpy as np
import pytest

from model.errors import BeamscribeError
from model.precision import PRECISIONS
from model.recognizer import DecodeOptions, Hypothesis, TimedText, TimedWord
from model.whisper.audio import log_mel
from model.whisper.checkpoint import load_checkpoint
from model.whisper.recognizer import WhisperRecognizer, cut_segments
from model.whisper.tokenizer import WhisperTokenizer
from tests.model.whisper_helpers import load_window, load_windows

N_WINDOWS = 3


def load(folder: Path, batch_windows: int, **options: object) -> WhisperRecognizer:
    return WhisperRecognizer(
        load_checkpoint(folder), WhisperTokenizer(folder), replace(DecodeOptions(), **options), batch_windows
    )


@pytest.fixture(scope="module")
def english(tiny_en: Path) -> WhisperRecognizer:
    return load(tiny_en, batch_windows=4, beam_size=2)


@pytest.fixture(scope="module")
def multilingual(base_model: Path) -> WhisperRecognizer:
    return load(base_model, batch_windows=4, beam_size=1)


@pytest.fixture(scope="module")
def tokenizer(tiny_en: Path) -> WhisperTokenizer:
    return WhisperTokenizer(tiny_en)


@pytest.fixture(scope="module")
def windows(speech: Path, clips: list[dict]) -> np.ndarray:
    return load_windows(speech, clips, "librispeech", N_WINDOWS)


def words_of(hypothesis: Hypothesis) -> list[TimedWord]:
    return [word for segment in hypothesis.segments for word in segment.words]


def assert_in_order(words: list[TimedWord]) -> None:
    times_s = [time_s for word in words for time_s in (word.start_s, word.end_s)]
    assert times_s == sorted(times_s)


def first_window(speech: Path, clips: list[dict], language: str) -> np.ndarray:
    uri = next(c["uri"] for c in clips if c["corpus"] == "multilingual" and c["language"] == language)
    return load_window(speech / uri)[None]


def test_what_was_said_is_heard(english: WhisperRecognizer, windows: np.ndarray) -> None:
    heard = english.recognize(windows[2:], [None])[0]
    assert heard.text.startswith(
        "Chapter 17, when Wendy grew up. I hope you want to know what became of the other boys."
    )
    assert " ".join(segment.text for segment in heard.segments) == heard.text
    times = [time for segment in heard.segments for time in (segment.start_s, segment.end_s)]
    assert times == sorted(times)
    assert 12 < times[-1] <= 30
    assert (heard.language, heard.language_probability, heard.temperature) == ("en", None, 0.0)
    assert -0.5 < heard.avg_logprob < -0.05
    assert 0 < heard.no_speech_prob < 0.3
    data = heard.text.encode()
    assert heard.compression_ratio == len(data) / len(zlib.compress(data))


def test_a_window_is_heard_alike_in_any_company(english: WhisperRecognizer, tiny_en: Path, windows: np.ndarray) -> None:
    together = english.recognize(windows, [None] * N_WINDOWS)
    assert [english.recognize(window[None], ["en"])[0] for window in windows] == together
    # more windows than a batch, in another order
    twice = english.recognize(np.concatenate([windows[::-1], windows]), [None] * 2 * N_WINDOWS)
    assert twice == together[::-1] + together
    one_by_one = load(tiny_en, batch_windows=1, beam_size=2)
    assert one_by_one.recognize(windows, [None] * N_WINDOWS) == together


@pytest.mark.parametrize("precision", PRECISIONS)
def test_windows_of_several_lengths_are_heard_alike_in_any_company(
    precision: str, tiny_en: Path, windows: np.ndarray
) -> None:
    recognizer = load(tiny_en, batch_windows=8, beam_size=5, precision=precision)
    assert [length / 320 for length in recognizer.window_lengths] == [512, 768, 1024, 1500]
    cut = [window[:length] for window in windows for length in recognizer.window_lengths]
    together = recognizer.recognize(cut, ["en"] * len(cut))
    assert [recognizer.recognize([window], ["en"])[0] for window in cut] == together
    order = np.random.default_rng(5).permutation(len(cut)).tolist()
    assert recognizer.recognize([cut[i] for i in order], ["en"] * len(cut)) == [together[i] for i in order]
    # what was said in the first ten seconds stands in all of them
    assert all(hypothesis.text.startswith("Chapter 17") for hypothesis in together[-len(recognizer.window_lengths) :])


def test_in_bfloat16_the_same_is_heard(tiny_en: Path, windows: np.ndarray) -> None:
    heard = [load(tiny_en, 4, precision=p, word_timestamps=True).recognize(windows, ["en"] * 3) for p in PRECISIONS]
    for exact, fast in zip(*heard, strict=True):
        # TensorFlow 2.17 rounds otherwise, and sets two commas more
        assert fast.text.replace(",", "") == exact.text.replace(",", "")
        assert fast.avg_logprob == pytest.approx(exact.avg_logprob, abs=0.02)
        starts_s = [[word.start_s for word in words_of(hypothesis)] for hypothesis in (exact, fast)]
        assert np.abs(np.subtract(*starts_s)).mean() < 0.05


def test_threads_share_a_recognizer_and_its_graphs(english: WhisperRecognizer, windows: np.ndarray) -> None:
    english.warm_up()
    alone = english.recognize(windows, [None] * N_WINDOWS)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: english.recognize(windows, [None] * N_WINDOWS), range(2)))
    assert found == [alone, alone]
    assert english._search.experimental_get_tracing_count() == 1
    assert english._encode.experimental_get_tracing_count() == 1


def test_no_windows_are_no_hypotheses(english: WhisperRecognizer) -> None:
    assert english.recognize(np.zeros([0, english.window_samples], np.float32), []) == []


def test_a_recognizer_that_nobody_holds_is_freed(tiny_en: Path) -> None:
    recognizer = load(tiny_en, batch_windows=2)
    reference = weakref.ref(recognizer)
    del recognizer
    gc.collect()
    assert reference() is None


def test_languages_are_identified_as_by_ctranslate2(
    multilingual: WhisperRecognizer, base_model: Path, speech: Path, clips: list[dict]
) -> None:
    codes = ["de", "es", "fr"]
    windows = np.concatenate([first_window(speech, clips, code) for code in codes])
    heard = multilingual.recognize(windows, [None, "es", None])
    assert [hypothesis.language for hypothesis in heard] == codes
    assert heard[1].language_probability is None

    reference = ctranslate2.models.Whisper(str(base_model), device="cpu", compute_type="float32", intra_threads=1)
    mels = np.ascontiguousarray(log_mel(windows, 80).numpy())
    theirs = reference.detect_language(ctranslate2.StorageView.from_array(mels))
    for row in (0, 2):
        mark, probability = theirs[row][0]
        assert mark == f"<|{codes[row]}|>"
        assert heard[row].language_probability == pytest.approx(probability, abs=1e-3)


def test_translation_is_english_and_timed_in_english_words(base_model: Path, speech: Path, clips: list[dict]) -> None:
    translator = load(base_model, batch_windows=1, beam_size=1, task="translate")
    translated = translator.recognize(first_window(speech, clips, "fr"), ["fr"])[0]
    assert translated.language == "fr"
    assert set(translated.text.lower().split()) & {"the", "of", "and", "is", "in", "to", "a"}
    assert " ".join(word.word for word in words_of(translated)) == translated.text
    assert_in_order(words_of(translated))


def test_characters_are_timed_where_there_are_no_spaces(
    multilingual: WhisperRecognizer, speech: Path, clips: list[dict]
) -> None:
    language = next(c["language"] for c in clips if c["corpus"] == "multilingual" and c["language"] in ("ja", "zh"))
    found = multilingual.recognize(first_window(speech, clips, language), [language])[0]
    words = words_of(found)
    assert "".join(word.word for word in words) == "".join(found.text.split())
    # some tokens are two characters
    assert len(found.text) / 2 < len(words) <= len(found.text)
    assert_in_order(words)
    assert not any("�" in word.word for word in words)


def test_what_a_model_cannot_do_is_refused(
    english: WhisperRecognizer, multilingual: WhisperRecognizer, tiny_en: Path
) -> None:
    silence = np.zeros([1, english.window_samples], np.float32)
    with pytest.raises(BeamscribeError, match="'de': it knows en"):
        english.recognize(silence, ["de"])
    with pytest.raises(BeamscribeError, match=r"'xx': it knows .*fr"):
        multilingual.recognize(silence, ["xx"])
    with pytest.raises(BeamscribeError, match="cannot translate"):
        load(tiny_en, 1, task="translate")
    with pytest.raises(BeamscribeError, match="max_tokens is 448: the model can write 1 to 447"):
        load(tiny_en, 1, max_tokens=448)


def test_text_is_cut_at_the_timestamps(tokenizer: WhisperTokenizer) -> None:
    def at(time_s: float) -> int:
        return tokenizer.timestamp_begin + round(time_s / 0.02)

    hello, world = 18435, 995
    tokens = [at(0.5), hello, at(1.24), at(2), world, hello, at(29.98)]
    assert cut_segments(tokens, tokenizer, window_s=30.0) == (
        TimedText(0.5, 1.24, "Hello", (hello,)),
        TimedText(2.0, 29.98, "world Hello", (world, hello)),
    )
    still_open = [at(0.5), hello, at(1), at(1), world]
    assert cut_segments(still_open, tokenizer, window_s=30.0)[1] == TimedText(1.0, 30.0, "world", (world,))
    nothing_said = [at(0), at(30)]
    assert cut_segments(nothing_said, tokenizer, window_s=30.0) == ()


def test_wider_search_is_that_of_a_wider_beam(tiny_en: Path, english: WhisperRecognizer, windows: np.ndarray) -> None:
    wide = load(tiny_en, batch_windows=4, beam_size=5)
    assert wide.search_wider(windows, ["en"] * N_WINDOWS) == []
    assert english.search_wider(windows, ["en"] * N_WINDOWS) == wide.recognize(windows, ["en"] * N_WINDOWS)


def test_prompt_spells_names(tiny_en: Path, english: WhisperRecognizer, speech: Path) -> None:
    window = load_window(speech / "hard" / "cmu_arctic_us_aew_a0001.wav")[None]
    told = load(tiny_en, batch_windows=2, beam_size=2, prompt="Steeles, Philip Steeles.", word_timestamps=False)
    assert "Steeles" not in english.recognize(window, ["en"])[0].text
    heard = told.recognize(window, ["en"])[0]
    assert "Philip Steeles" in heard.text
    assert heard.no_speech_prob < 0.3


def test_prompt_that_leaves_no_room_is_refused(tiny_en: Path) -> None:
    with pytest.raises(BeamscribeError, match="max_tokens is 224"):
        load(tiny_en, batch_windows=2, prompt="name " * 300)


def test_languages_have_probabilities(
    multilingual: WhisperRecognizer, english: WhisperRecognizer, speech: Path
) -> None:
    german = sorted((speech / "multilingual" / "fleurs" / "de").iterdir())
    windows = np.stack([load_window(path) for path in german[:5]])
    answers = multilingual.identify(windows)
    assert [max(answer, key=answer.get) for answer in answers] == ["de"] * 5
    assert [sum(answer.values()) for answer in answers] == pytest.approx([1.0] * 5)
    assert english.identify(windows[:2]) == [{"en": 1.0}] * 2
