"""Products in 8-bit integers: close enough to find the best by, alike in any company, used only where exact."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model.whisper import coarse
from model.whisper.checkpoint import load_checkpoint
from model.whisper.coarse import coarse_product, coarse_weight, multiplies_integers

needs_integers = pytest.mark.skipif(not multiplies_integers(), reason="TensorFlow has no exact integer products here")


@needs_integers
def test_the_best_of_a_vocabulary_are_among_the_best_coarse_ones(tiny_en: Path) -> None:
    weights = load_checkpoint(tiny_en).weights
    embedding, sizes = weights["decoder.token_embedding.weight"].T, weights["decoder.ln.weight"]
    # what the last normalisation makes of anything
    states = np.random.default_rng(4).normal(size=[200, len(sizes)]).astype(np.float32) * sizes
    states += weights["decoder.ln.bias"]
    weight = coarse_weight(embedding, sizes)
    found = tf.function(lambda x: coarse_product(x, weight), autograph=False)(states).numpy()
    exact = states @ embedding
    assert np.std(found - exact) < 0.02 * np.std(exact)
    best, candidates = np.argsort(-exact)[:, :2], np.argsort(-found)[:, :8]
    assert all(set(few) <= set(more) for few, more in zip(best, candidates, strict=True))


@needs_integers
def test_a_channel_that_never_varies_leaves_the_others_their_precision() -> None:
    generator = np.random.default_rng(5)
    weight = generator.normal(size=[64, 64]).astype(np.float32)
    sizes = np.ones(64, np.float32)
    sizes[7] = 0
    x = generator.normal(size=[20, 64]).astype(np.float32) * sizes
    x[:, 7] = 0.5
    held = coarse_weight(weight, sizes)
    found = tf.function(lambda x: coarse_product(x, held), autograph=False)(x).numpy()
    assert np.std(found - x @ weight) < 0.05 * np.std(x @ weight)


@needs_integers
def test_silent_rows_and_empty_columns_are_zeros() -> None:
    weight = coarse_weight(np.zeros([64, 64], np.float32), np.ones(64, np.float32))
    product = tf.function(lambda x: coarse_product(x, weight), autograph=False)(np.zeros([3, 64], np.float32))
    np.testing.assert_array_equal(product, np.zeros([3, 64]))


def test_kernels_that_overflow_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def saturating(rows: tf.Tensor, weight: tf.Tensor, largest: tf.Tensor) -> tf.Tensor:
        product = tf.matmul(tf.cast(rows, tf.float32), tf.cast(weight, tf.float32))
        return tf.clip_by_value(product, -32768, 32767) * largest / 127**2

    monkeypatch.setattr(coarse, "_multiply", saturating)
    assert not multiplies_integers.__wrapped__()


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.InvalidArgumentError(None, None, "No OpKernel was registered to support Op '_QuantizedMatMul'"),
        RuntimeError("Op type not registered '_QuantizedMatMul'"),
        ValueError("Value for attr 'Tbias' is not in the list of allowed values"),
    ],
)
def test_a_machine_without_the_operation_does_without(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: tf.Tensor) -> tf.Tensor:
        raise error

    monkeypatch.setattr(coarse, "_multiply", missing)
    assert not multiplies_integers.__wrapped__()
