"""The encoder against CTranslate2's, and what the decoder's cache promises."""

from pathlib import Path

import ctranslate2
import numpy as np
import pytest
import tensorflow as tf

from model.whisper.audio import log_mel
from model.whisper.checkpoint import load_checkpoint
from model.whisper.coarse import multiplies_integers
from model.whisper.decoding import read_prompt
from model.whisper.grammar import TEXT, Continuations, Grammar, Scores, at_start, continuations
from model.whisper.network import audio_context, build_network, decode, empty_cache, encode, logits, next_scores
from model.whisper.rowwise import project, project_to_many, row_unit
from tests.model.whisper_helpers import TINY, load_windows, random_context, random_network

TOKENS = np.array([[21, 26, 1, 2, 30], [21, 25, 9, 4, 4]], np.int32)


def test_shapes_follow_the_dimensions() -> None:
    network = random_network(0)
    audio = encode(network, tf.zeros([80, 24]))
    assert audio.shape == (TINY.n_audio_ctx, TINY.n_audio_state)
    context = audio_context(network, audio)
    assert [tuple(keys.shape) for keys, _ in context.layers] == [(2, 8, 12)] * 2
    assert [tuple(values.shape) for _, values in context.layers] == [(2, 12, 8)] * 2
    states, cache = read_prompt(network, tf.constant(TOKENS), random_context(network, 2, seed=1))
    assert states.shape == (2, 5, TINY.n_text_state)
    assert logits(network, states).shape == (2, 5, TINY.n_vocab)
    assert [tuple(keys.shape) for keys, _ in cache] == [(2, 2, 8, 5)] * 2


def test_reading_token_by_token_is_reading_at_once() -> None:
    network = random_network(2)
    context = random_context(network, 2, seed=3)
    at_once, _ = read_prompt(network, tf.constant(TOKENS), context)
    cache, states = empty_cache(network, 2), []
    for position in range(TOKENS.shape[1]):
        visible = tf.ones([1, 1, position + 1], tf.bool)
        state, cache = decode(network, TOKENS[:, position, None], tf.constant([position]), visible, cache, context)
        states.append(state)
    np.testing.assert_allclose(tf.concat(states, axis=1), at_once, atol=1e-5)


def test_hypotheses_in_one_cache_do_not_see_each_other() -> None:
    network = random_network(4)
    context = random_context(network, 1, seed=5)
    _, cache = read_prompt(network, tf.constant([[21]]), context)
    prompt_seen = tf.ones([1, 2, 1], tf.bool)
    visible = tf.concat([prompt_seen, tf.eye(2, dtype=tf.bool)[None]], axis=-1)
    _, cache = decode(network, tf.constant([[26, 27]]), tf.constant([1, 1]), visible, cache, context)
    # both go on from the second
    second = tf.constant([[[True, False, True], [True, False, True]]])
    visible = tf.concat([second, tf.eye(2, dtype=tf.bool)[None]], axis=-1)
    together, _ = decode(network, tf.constant([[5, 6]]), tf.constant([2, 2]), visible, cache, context)
    for row, last in enumerate((5, 6)):
        alone, _ = read_prompt(network, tf.constant([[21, 27, last]]), context)
        np.testing.assert_allclose(together[0, row], alone[0, -1], atol=1e-5)


def test_encoder_of_real_speech_is_ctranslate2s(tiny_en: Path, speech: Path, clips: list[dict]) -> None:
    corpora = ("librispeech", "telephone_8k", "hard", "nonspeech")
    windows = np.concatenate([load_windows(speech, clips, corpus, 1) for corpus in corpora])
    checkpoint = load_checkpoint(tiny_en)
    network = build_network(checkpoint.dims, checkpoint.weights)
    mels = log_mel(windows, checkpoint.dims.n_mels).numpy()
    ours = np.stack([encode(network, mel).numpy() for mel in mels])
    reference = ctranslate2.models.Whisper(str(tiny_en), device="cpu", compute_type="float32", intra_threads=1)
    theirs = np.asarray(reference.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(mels))))
    # with TensorFlow 2.17 two numbers of two million are 0.0025 apart
    np.testing.assert_allclose(ours, theirs, atol=3e-3)


@pytest.mark.parametrize("n_state", [384, 512, 1280])
def test_scores_of_a_row_are_the_same_in_any_company(n_state: int) -> None:
    generator = np.random.default_rng(1)
    weight = tf.constant(generator.normal(0, 0.05, [n_state, 8_192]), tf.float32)
    rows = generator.normal(0, 1, [16, 5, n_state]).astype(np.float32)
    project = tf.function(project_to_many)
    together = project(tf.constant(rows), weight).numpy()
    for part in (slice(0, 2), slice(3, 4), slice(5, 14)):
        np.testing.assert_array_equal(project(tf.constant(rows[part]), weight), together[part])


@pytest.mark.parametrize("n_state", [384, 512, 1024])
def test_states_of_a_row_are_the_same_in_any_company(n_state: int) -> None:
    generator = np.random.default_rng(2)
    shape = (n_state, 4 * n_state)
    unit = row_unit([shape, shape[::-1]], 32 * 5)
    weight = tf.constant(generator.normal(0, 0.05, shape), tf.float32)
    rows = generator.normal(0, 1, [32, 5, n_state]).astype(np.float32)
    run = tf.function(lambda x: project(x, weight, 32, unit))
    together = run(tf.constant(rows)).numpy()
    for part in (slice(0, 2), slice(3, 4), slice(5, 14), slice(7, 32)):
        np.testing.assert_array_equal(run(tf.constant(rows[part])), together[part])


def test_kernels_that_treat_no_multiples_alike_have_no_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf, "matmul", lambda a, b: tf.linalg.matmul(a, b) + tf.cast(tf.shape(a)[0], tf.float32))
    assert row_unit([(16, 16)], 160) is None


def test_what_is_chosen_from_coarse_scores_is_exact_in_any_company(tiny_en: Path) -> None:
    checkpoint = load_checkpoint(tiny_en)
    eot, timestamps, n_vocab = 50256, 50363, checkpoint.dims.n_vocab
    network = build_network(checkpoint.dims, checkpoint.weights, "bfloat16", eot=eot)
    assert (network.coarse is not None) == multiplies_integers()
    grammar = Grammar(n_vocab, eot, timestamps, timestamps + 50, (1, 2, 7))
    # of the size of real ones: after the last normalisation
    states = tf.constant(np.random.default_rng(3).normal(0, 4, [12, 5, checkpoint.dims.n_text_state]), tf.float32)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, 5, checkpoint.dims.n_text_state])])
    def coarsely(states: tf.Tensor) -> Continuations:
        progress = at_start(grammar, [tf.shape(states)[0], 5])._replace(phase=tf.fill([tf.shape(states)[0], 5], TEXT))
        return continuations(grammar, progress, next_scores(network, states, eot), 2)

    exact = logits(network, states)
    progress = at_start(grammar, [12, 5])._replace(phase=tf.fill([12, 5], TEXT))
    exactly = continuations(grammar, progress, Scores(exact[..., :eot], exact[..., eot:]), 2)
    found = coarsely(states)
    for row in np.ndindex(12, 5):
        theirs = dict(zip(found.tokens[row].numpy(), found.logprobs[row].numpy(), strict=True))
        for token, logprob in zip(exactly.tokens[row].numpy(), exactly.logprobs[row].numpy(), strict=True):
            if logprob > -5:
                assert theirs[token] == pytest.approx(logprob, abs=0.02)
    for part in (slice(0, 2), slice(5, 12)):
        alone = coarsely(states[part])
        np.testing.assert_array_equal(alone.tokens, found.tokens[part])
        np.testing.assert_array_equal(alone.logprobs, found.logprobs[part])
