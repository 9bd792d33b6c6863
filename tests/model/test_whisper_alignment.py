"""Word times: the warping and the attention against plain NumPy, and real speech against faster-whisper."""

import difflib
import string
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from faster_whisper import WhisperModel

from model.recognizer import DecodeOptions, Hypothesis, TimedWord
from model.whisper.alignment import MEDIAN_WIDTH, followed_positions, following_probabilities, token_starts
from model.whisper.checkpoint import load_checkpoint
from model.whisper.network import build_network, logits
from model.whisper.recognizer import WhisperRecognizer
from model.whisper.tokenizer import WhisperTokenizer
from model.whisper.warping import warp
from tests.model.whisper_helpers import TINY, TINY_GRAMMAR, load_windows, random_network

N_CLIPS = 8
compiled_warp = tf.function(warp, jit_compile=True)


def load(folder: Path, batch_windows: int, **options: object) -> WhisperRecognizer:
    options = replace(DecodeOptions(), **{"beam_size": 1, **options})
    return WhisperRecognizer(load_checkpoint(folder), WhisperTokenizer(folder), options, batch_windows)


@pytest.fixture(scope="module")
def english(tiny_en: Path) -> WhisperRecognizer:
    return load(tiny_en, batch_windows=4, beam_size=5)


@pytest.fixture(scope="module")
def windows(speech: Path, clips: list[dict]) -> np.ndarray:
    return load_windows(speech, clips, "librispeech", N_CLIPS)


@pytest.fixture(scope="module")
def heard(english: WhisperRecognizer, windows: np.ndarray) -> list[Hypothesis]:
    return english.recognize(windows, [None] * N_CLIPS)


def words_of(hypothesis: Hypothesis) -> list[TimedWord]:
    return [word for segment in hypothesis.segments for word in segment.words]


def plain_warp(costs: np.ndarray) -> tuple[list[int], np.float32]:
    """Cell by cell: the column at which the cheapest path enters each row, and its cost in float32."""
    n_rows, n_columns = costs.shape
    total = np.full([n_rows + 1, n_columns + 1], np.inf, np.float32)
    total[0, 0] = 0
    for i in range(n_rows):
        for j in range(n_columns):
            total[i + 1, j + 1] = costs[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    i, j, starts = n_rows, n_columns, [0] * n_rows
    while i > 0:
        starts[i - 1] = j - 1
        steps = {(i - 1, j - 1): total[i - 1, j - 1], (i - 1, j): total[i - 1, j], (i, j - 1): total[i, j - 1]}
        i, j = min(steps, key=lambda cell: steps[cell])
    return starts, total[-1, -1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (4, 4), (7, 30), (12, 40), (11, 5)])
def test_the_cheapest_path_is_found(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(sum(shape))
    for _ in range(3):
        costs = generator.normal(size=(12, 40)).astype(np.float32)
        starts, cost = compiled_warp(costs, *(tf.constant(n) for n in shape))
        expected_starts, expected_cost = plain_warp(costs[: shape[0], : shape[1]])
        assert starts.numpy()[: shape[0]].tolist() == expected_starts
        assert cost.numpy() == expected_cost


def test_costs_that_are_not_numbers_end() -> None:
    starts, _ = compiled_warp(np.full((12, 40), np.nan, np.float32), tf.constant(7), tf.constant(30))
    assert starts.shape == (12,)


def test_one_program_serves_every_number_of_tokens_and_positions() -> None:
    queries, keys = tf.zeros([1, 16, 8]), tf.zeros([1, 8, 40])
    counts = tf.constant(9), tf.constant(30)
    program = token_starts.experimental_get_compiler_ir([queries], [keys], 1, *counts)(stage="hlo")
    # XLA compiles anew for each value of what is no parameter of the program
    assert program.split("ENTRY")[1].count(" parameter(") == 4


@pytest.mark.parametrize("n_positions", [1, 3, 5, 37, 40])
def test_attention_is_compared_between_tokens_and_smoothed(n_positions: int) -> None:
    scores, n_tokens = np.random.default_rng(n_positions).normal(size=(3, 16, 40)).astype(np.float32), 11
    own = np.exp(scores[:, :n_tokens, :n_positions].astype(np.float64))
    weights = own / own.sum(axis=2, keepdims=True)
    compared = (weights - weights.mean(axis=1, keepdims=True)) / np.sqrt(weights.var(axis=1, keepdims=True) + 1e-12)
    if n_positions > MEDIAN_WIDTH // 2:
        compared = scipy.ndimage.median_filter(compared, size=(1, 1, MEDIAN_WIDTH), mode="mirror")
        found = followed_positions(tf.constant(scores), tf.constant(n_tokens), tf.constant(n_positions))
        np.testing.assert_allclose(found[:, :n_tokens, :n_positions], compared, atol=1e-4)
    queries, keys = tf.zeros([1, 16, 8]), tf.zeros([1, 8, 40])
    starts, _ = token_starts([queries], [keys], 1, tf.constant(n_tokens), tf.constant(n_positions))
    assert 0 <= starts.numpy().min() <= starts.numpy().max() < n_positions


def test_probabilities_are_among_text_and_its_end() -> None:
    network = random_network(1)
    generator = np.random.default_rng(2)
    states = tf.constant(generator.normal(size=[200, TINY.n_text_state]), tf.float32)
    tokens = generator.integers(0, TINY_GRAMMAR.eot, 200).astype(np.int32)
    found = following_probabilities(network, states, tf.constant(tokens), TINY_GRAMMAR.eot)
    scores = logits(network, states[None]).numpy()[0, :, : TINY_GRAMMAR.eot + 1].astype(np.float64)
    chosen = np.take_along_axis(scores, tokens[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(found, np.exp(chosen - np.logaddexp.reduce(scores, axis=1)), rtol=1e-3)


def test_a_probability_is_the_same_wherever_it_stands(tiny_en: Path) -> None:
    checkpoint, eot = load_checkpoint(tiny_en), WhisperTokenizer(tiny_en).eot
    network = build_network(checkpoint.dims, checkpoint.weights)
    generator = np.random.default_rng(3)
    states = generator.normal(0, 3, [150, checkpoint.dims.n_text_state]).astype(np.float32)
    tokens = generator.integers(0, eot, 150).astype(np.int32)
    find = tf.function(lambda *row: following_probabilities(network, *row, eot))
    found = find(tf.constant(states), tf.constant(tokens)).numpy()
    for shift in (1, 7, 64):
        moved = find(tf.constant(np.roll(states, shift, axis=0)), tf.constant(np.roll(tokens, shift))).numpy()
        assert np.roll(moved, -shift).tolist() == found.tolist()


def test_words_begin_when_faster_whisper_says(heard: list[Hypothesis], windows: np.ndarray, tiny_en: Path) -> None:
    reference = WhisperModel(str(tiny_en), device="cpu", compute_type="float32", cpu_threads=1)
    differences_s, n_words = [], 0
    for hypothesis, window in zip(heard, windows, strict=True):
        samples = window[: np.flatnonzero(window)[-1] + 1]
        segments, _ = reference.transcribe(samples, language="en", word_timestamps=True, beam_size=5)
        theirs = [word for segment in segments for word in segment.words]
        ours = words_of(hypothesis)
        n_words += len(ours)
        keys = [[word.word.strip(string.punctuation + " ").lower() for word in words] for words in (ours, theirs)]
        for match in difflib.SequenceMatcher(None, *keys, autojunk=False).get_matching_blocks():
            pairs = zip(ours[match.a :][: match.size], theirs[match.b :][: match.size], strict=True)
            differences_s += [abs(our.start_s - their.start) for our, their in pairs]
    assert len(differences_s) > 0.9 * n_words > 200
    # 0 s and 0.02 s where this was written; a step is 0.02 s
    assert np.median(differences_s) <= 0.02
    assert np.quantile(differences_s, 0.95) <= 0.06


def test_words_are_the_text_in_order_within_the_audio(heard: list[Hypothesis], windows: np.ndarray) -> None:
    for hypothesis, window in zip(heard, windows, strict=True):
        times_s = [time_s for word in words_of(hypothesis) for time_s in (word.start_s, word.end_s)]
        assert times_s == sorted(times_s)
        assert 0 <= times_s[0] < times_s[-1] <= np.flatnonzero(window)[-1] / 16_000
        assert [" ".join(word.word for word in s.words) for s in hypothesis.segments] == [
            segment.text for segment in hypothesis.segments
        ]
        assert all(0 < word.probability <= 1 for word in words_of(hypothesis))


def lengthened(hypothesis: Hypothesis, times: int) -> Hypothesis:
    return replace(hypothesis, segments=hypothesis.segments * times)


def test_a_row_is_aligned_alike_in_any_company(
    english: WhisperRecognizer, heard: list[Hypothesis], windows: np.ndarray, tiny_en: Path
) -> None:
    """Of three rows whose texts are of different lengths, and so of different numbers of blocks and buckets."""
    asked = [heard[1], heard[6], lengthened(heard[0], 4)]
    n_tokens = [sum(len(segment.tokens) for segment in hypothesis.segments) for hypothesis in asked]
    assert n_tokens[0] < 60 < n_tokens[1] < 128 < n_tokens[2] < 256
    rows = windows[[1, 6, 0]]
    together = english.align(rows, asked)
    assert together[:2] == asked[:2]
    alone = [english.align(row[None], [one])[0] for row, one in zip(rows, asked, strict=True)]
    assert alone == together
    assert english.align(rows[::-1], asked[::-1]) == together[::-1]
    assert load(tiny_en, batch_windows=2).align(rows, asked) == together


def test_what_cannot_be_aligned_has_no_times(
    english: WhisperRecognizer, heard: list[Hypothesis], windows: np.ndarray
) -> None:
    silent = replace(heard[0], segments=(), text="")
    too_long = lengthened(heard[6], 8)
    silence = np.zeros_like(windows[:1])
    found = english.align(np.concatenate([windows[:1], windows[6:7], silence]), [silent, too_long, heard[1]])
    assert found[0] == silent
    assert [word.word for word in words_of(found[1])] == [word.word for word in words_of(heard[6])] * 8
    assert {(word.start_s, word.end_s, word.probability) for word in words_of(found[1])} == {(None, None, None)}
    # text over nothing: all of it at the beginning
    assert {(word.start_s, word.end_s) for word in words_of(found[2])} == {(0.0, 0.0)}


def test_without_word_times_nothing_is_aligned(tiny_en: Path, heard: list[Hypothesis], windows: np.ndarray) -> None:
    plain = load(tiny_en, batch_windows=4, beam_size=5, word_timestamps=False)
    without = [replace(h, segments=tuple(replace(s, words=()) for s in h.segments)) for h in heard[:2]]
    assert plain.recognize(windows[:2], [None] * 2) == without
    assert plain.align(windows[:2], without) == without
    assert plain._aligner is None
