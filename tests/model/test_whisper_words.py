"""From tokens to words, with the tokens of a real model."""

from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.recognizer import UNSPACED_LANGUAGES, TimedWord
from model.whisper.tokenizer import WhisperTokenizer
from model.whisper.words import Stretch, split_words, time_words, untimed_words

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# its texts of more than ASCII are many tokens that are part of a character
languages = st.sampled_from(["en", "de", *sorted(UNSPACED_LANGUAGES)])
texts = st.text(st.sampled_from("ab 1'\"-.,!?()[]%$“”¿。、「」日本語ไทยé🎉 "), min_size=1, max_size=25)


@cache
def load_tokenizer(folder: Path) -> WhisperTokenizer:
    return WhisperTokenizer(folder)


@pytest.fixture
def tokenizer(tiny_en: Path) -> WhisperTokenizer:
    return load_tokenizer(tiny_en)


def encode(tokenizer: WhisperTokenizer, text: str) -> tuple[int, ...]:
    return tokenizer.prompt_sequence(text)[1:]


def words(tokenizer: WhisperTokenizer, text: str, language: str = "en") -> list[str]:
    split = split_words(encode(tokenizer, text), tokenizer.decode, language)
    return [word.word for word in untimed_words(split)]


def without_spaces(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mrs. Lynde lived there.", ["Mrs.", "Lynde", "lived", "there."]),
        ("It cost $3,000.50, or 12% more!", ["It", "cost", "$3,000.50,", "or", "12%", "more!"]),
        ("He said: “Don't (ever) go.”", ["He", "said:", "“Don't", "(ever)", "go.”"]),
        ("well-known café…", ["well-known", "café…"]),
        ("- Yes. - No?!", ["- Yes.", "- No?!"]),
        ("...", ["..."]),
    ],
)
def test_words_are_cut_at_spaces(tokenizer: WhisperTokenizer, text: str, expected: list[str]) -> None:
    assert words(tokenizer, text) == expected


def test_characters_are_words_where_there_are_no_spaces(tokenizer: WhisperTokenizer) -> None:
    assert words(tokenizer, "日本語、です。", "ja") == ["日", "本", "語、", "で", "す。"]
    assert words(tokenizer, "日本語、です。", "ko") == ["日本語、です。"]


@FEW
@given(text=texts, language=languages)
def test_words_join_to_their_text(tokenizer: WhisperTokenizer, text: str, language: str) -> None:
    found = words(tokenizer, text, language)
    assert without_spaces("".join(found)) == without_spaces(text)
    assert all(word == word.strip() != "" for word in found)


@FEW
@given(tokens=st.lists(st.integers(0, 50_255), max_size=30), language=languages)
def test_any_tokens_are_cut_into_all_of_their_text(
    tokenizer: WhisperTokenizer, tokens: list[int], language: str
) -> None:
    split = split_words(tokens, tokenizer.decode, language)
    assert "".join(stretch.text for stretch in split) == tokenizer.decode(tokens)
    assert [stretch.start for stretch in split] == [0, *(stretch.end for stretch in split)][: len(split)]
    assert not tokens or split[-1].end == len(tokens)
    found = "".join(word.word for word in untimed_words(split))
    assert without_spaces(found) == without_spaces(tokenizer.decode(tokens))


@FEW
@given(
    segments=st.lists(texts, min_size=1, max_size=4),
    language=languages,
    gaps=st.lists(st.integers(0, 200), min_size=1, max_size=20),
    edges=st.lists(st.integers(0, 1500), min_size=8, max_size=8).map(sorted),
)
def test_times_are_in_order_and_no_word_grows(
    tokenizer: WhisperTokenizer, segments: list[str], language: str, gaps: list[int], edges: list[int]
) -> None:
    split = [split_words(encode(tokenizer, text), tokenizer.decode, language) for text in segments]
    n_tokens = sum(segment[-1].end for segment in split if segment)
    starts_s = np.array([0, *accumulate((gaps * n_tokens)[:n_tokens])]) * 0.02
    probabilities = np.linspace(0, 1, n_tokens, dtype=np.float32)
    times_s = [(edges[2 * i] * 0.02, edges[2 * i + 1] * 0.02) for i in range(len(segments))]
    timed = [word for own in time_words(split, times_s, starts_s, probabilities) for word in own]
    found_s = [time_s for word in timed for time_s in (word.start_s, word.end_s)]
    assert found_s == sorted(found_s)
    assert all(0 <= time_s <= round(starts_s[-1], 2) for time_s in found_s)
    assert without_spaces("".join(word.word for word in timed)) == without_spaces("".join(segments))


def stretches(*texts: str, tails: Sequence[int] = ()) -> list[Stretch]:
    return [Stretch(text, i, i + 1, is_tail=i in tails) for i, text in enumerate(texts)]


def test_a_pause_between_sentences_belongs_to_no_word() -> None:
    split = stretches(" He", " left", ".", " She", " stayed", ".", tails=(2, 5))
    starts_s = np.array([0.0, 0.3, 0.6, 0.7, 4.0, 4.4, 4.5])
    timed = time_words([split], [(0.0, 4.5)], starts_s, np.full(6, 0.5))
    # twice the median of 0.3, 0.3, 0.1, 3.3, 0.4 and 0.1 s
    assert timed == [
        (
            TimedWord("He", 0.0, 0.3, 0.5),
            TimedWord("left.", 0.3, 0.6, 0.5),
            TimedWord("She", 3.4, 4.0, 0.5),
            TimedWord("stayed.", 4.0, 4.4, 0.5),
        )
    ]


def test_a_pause_around_a_segment_belongs_to_no_word() -> None:
    first, second = stretches(" one", " two"), stretches(" three", " four", " five")
    starts_s = np.array([0.0, 0.3, 0.6, 5.0, 5.3, 9.0])
    timed = time_words([first, second], [(0.0, 0.6), (4.6, 5.7)], starts_s, np.linspace(0.1, 0.5, 5))
    assert [(word.word, word.start_s, word.end_s) for own in timed for word in own] == [
        ("one", 0.0, 0.3),
        ("two", 0.3, 0.6),
        # by the length of words; that of the last by the end of the segment
        ("three", 4.4, 5.0),
        ("four", 5.0, 5.3),
        ("five", 5.3, 5.7),
    ]


def test_punctuation_has_no_say_in_times() -> None:
    split = [*stretches(" (", " so", ")", tails=(2,))]
    timed = time_words([split], [(0.0, 1.0)], np.array([0.0, 0.2, 0.5, 0.9]), np.array([0.1, 0.9, 0.2]))
    assert timed == [(TimedWord("( so)", 0.2, 0.5, 0.9),)]
