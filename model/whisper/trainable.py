"""Whisper as a function of weights that may change: whole batches, whole texts, and gradients run through all of it.

`model.whisper.network` is the same network for recognition, laid out for speed; a test holds the two together. Weights
are asked for by OpenAI's name, so the caller decides which of them are variables and which have an adapter.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from model.whisper.dimensions import Dimensions
from model.whisper.network import NORM_EPSILON

# the weight of a name, laid out as in `Checkpoint.weights`
Weights = Callable[[str], tf.Tensor]


def encode(dims: Dimensions, weights: Weights, mel: tf.Tensor) -> tf.Tensor:
    """Log-mel [n, n_mels, 2 * n_positions] -> [n, n_positions, n_audio_state], at most n_audio_ctx positions."""
    x = _convolve(weights, "encoder.conv1", tf.linalg.matrix_transpose(mel), stride=1)
    x = _convolve(weights, "encoder.conv2", x, stride=2)
    x += weights("encoder.positional_embedding")[: tf.shape(x)[1]]
    for layer in range(dims.n_audio_layer):
        block = f"encoder.blocks.{layer}"
        normalized = _normalize(weights, f"{block}.attn_ln", x)
        x += _attend(weights, f"{block}.attn", dims.n_audio_head, normalized, normalized)
        x += _feed_forward(weights, block, x)
    return _normalize(weights, "encoder.ln_post", x)


def decode(dims: Dimensions, weights: Weights, audio: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Encoder outputs [n, n_positions, n_audio_state] and tokens [n, n_tokens] -> logits of the token after each,
    [n, n_tokens, n_vocab]."""
    return tf.matmul(_states(dims, weights, audio, tokens), weights("decoder.token_embedding.weight"), transpose_b=True)


def decode_last(dims: Dimensions, weights: Weights, audio: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """As `decode`, of the token after the last alone: [n, n_vocab]."""
    states = _states(dims, weights, audio, tokens)
    return tf.matmul(states[:, -1], weights("decoder.token_embedding.weight"), transpose_b=True)


def _states(dims: Dimensions, weights: Weights, audio: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    embedding = weights("decoder.token_embedding.weight")
    n_tokens = tf.shape(tokens)[1]
    x = tf.gather(embedding, tokens) + weights("decoder.positional_embedding")[:n_tokens]
    seen = tf.linalg.band_part(tf.ones([n_tokens, n_tokens], tf.bool), -1, 0)
    for layer in range(dims.n_text_layer):
        block = f"decoder.blocks.{layer}"
        normalized = _normalize(weights, f"{block}.attn_ln", x)
        x += _attend(weights, f"{block}.attn", dims.n_text_head, normalized, normalized, seen)
        normalized = _normalize(weights, f"{block}.cross_attn_ln", x)
        x += _attend(weights, f"{block}.cross_attn", dims.n_text_head, normalized, audio)
        x += _feed_forward(weights, block, x)
    return _normalize(weights, "decoder.ln", x)


def _attend(
    weights: Weights, name: str, n_head: int, x: tf.Tensor, source: tf.Tensor, seen: tf.Tensor | None = None
) -> tf.Tensor:
    """What x [n, n_queries, n_state] takes from the source [n, n_positions, n_state]; all of it, or what is seen."""
    queries = _split_heads(_linear(weights, f"{name}.query", x), n_head)
    keys = _split_heads(_project(weights, f"{name}.key", source), n_head)
    values = _split_heads(_linear(weights, f"{name}.value", source), n_head)
    scores = tf.matmul(queries * queries.shape[-1] ** -0.5, keys, transpose_b=True)
    if seen is not None:
        scores = tf.where(seen, scores, -np.inf)
    mixed = tf.transpose(tf.matmul(tf.nn.softmax(scores), values), [0, 2, 1, 3])
    return _linear(weights, f"{name}.out", tf.reshape(mixed, tf.shape(x)))


def _split_heads(x: tf.Tensor, n_head: int) -> tf.Tensor:
    """[n, n_positions, n_state] -> [n, n_head, n_positions, n_channels]."""
    shape = tf.shape(x)
    split = tf.reshape(x, [shape[0], shape[1], n_head, x.shape[-1] // n_head])
    return tf.transpose(split, [0, 2, 1, 3])


def _feed_forward(weights: Weights, block: str, x: tf.Tensor) -> tf.Tensor:
    hidden = _linear(weights, f"{block}.mlp.0", _normalize(weights, f"{block}.mlp_ln", x))
    return _linear(weights, f"{block}.mlp.2", tf.nn.gelu(hidden, approximate=False))


def _normalize(weights: Weights, name: str, x: tf.Tensor) -> tf.Tensor:
    mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
    scale = weights(f"{name}.weight") * tf.math.rsqrt(variance + NORM_EPSILON)
    return (x - mean) * scale + weights(f"{name}.bias")


def _linear(weights: Weights, name: str, x: tf.Tensor) -> tf.Tensor:
    return tf.nn.bias_add(_project(weights, name, x), weights(f"{name}.bias"))


def _project(weights: Weights, name: str, x: tf.Tensor) -> tf.Tensor:
    """As one matrix: the gradient for the weight is then one product too, and not one a window."""
    weight = weights(f"{name}.weight")
    n_out, n_in = weight.shape
    flat = tf.matmul(tf.reshape(x, [-1, n_in]), weight, transpose_b=True)
    return tf.reshape(flat, tf.concat([tf.shape(x)[:-1], [n_out]], axis=0))


def _convolve(weights: Weights, name: str, x: tf.Tensor, stride: int) -> tf.Tensor:
    padded = tf.pad(x, [[0, 0], [1, 1], [0, 0]])
    kernel = tf.transpose(weights(f"{name}.weight"), [2, 1, 0])
    convolved = tf.nn.conv1d(padded, kernel, stride, "VALID")
    return tf.nn.gelu(tf.nn.bias_add(convolved, weights(f"{name}.bias")), approximate=False)
