"""A Conformer block: Gulati et al. 2020, "Conformer: Convolution-augmented Transformer for Speech Recognition".

As in section 2: half a feed-forward step, self-attention with relative positions, convolution, half a feed-forward
step, each added to what came in. Where the paper normalises over the batch, this normalises over features: a row is
not to depend on its neighbours, nor on what fills it up.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import tensorflow as tf
from keras import layers

from model.ctc.config import CtcConfig

FEED_FORWARD_FACTOR = 4
# longest wavelength of the positions, in frames (Vaswani et al. 2017, section 3.5)
LONGEST_WAVE = 10_000.0


class ConformerBlock(layers.Layer):
    """[n, n_frames, width] -> the same; mask [n, n_frames] is true where a row has a frame."""

    def __init__(self, config: CtcConfig, name: str) -> None:
        super().__init__(name=name)
        # masks are handed on by hand
        self.supports_masking = True
        self._first = FeedForward(config, name="first_feed_forward")
        self._attention = RelativeAttention(config, name="attention")
        self._convolution = Convolution(config, name="convolution")
        self._second = FeedForward(config, name="second_feed_forward")
        self._normalise = layers.LayerNormalization(name="normalise")

    def call(self, features: tf.Tensor, mask: tf.Tensor, training: bool = False) -> tf.Tensor:
        features += 0.5 * self._first(features, training=training)
        features += self._attention(features, mask=mask, training=training)
        features += self._convolution(features, mask=mask, training=training)
        features += 0.5 * self._second(features, training=training)
        return self._normalise(features)


class FeedForward(layers.Layer):
    """Section 2.3."""

    def __init__(self, config: CtcConfig, name: str) -> None:
        super().__init__(name=name)
        # masks are handed on by hand
        self.supports_masking = True
        self._normalise = layers.LayerNormalization(name="normalise")
        self._widen = layers.Dense(FEED_FORWARD_FACTOR * config.width, activation="silu", name="widen")
        self._narrow = layers.Dense(config.width, name="narrow")
        self._dropouts = [layers.Dropout(config.dropout, name=f"dropout_{i}") for i in range(2)]

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        wide = self._dropouts[0](self._widen(self._normalise(features)), training=training)
        return self._dropouts[1](self._narrow(wide), training=training)


class RelativeAttention(layers.Layer):
    """Section 2.1: self-attention that also looks at distances (Dai et al. 2019, "Transformer-XL", section 3.3)."""

    def __init__(self, config: CtcConfig, name: str) -> None:
        super().__init__(name=name)
        # masks are handed on by hand
        self.supports_masking = True
        self._n_heads, self._width = config.n_heads, config.width
        self._head_width = config.width // config.n_heads
        self._normalise = layers.LayerNormalization(name="normalise")
        self._query, self._key, self._value, self._leave = (
            layers.Dense(config.width, name=part) for part in ("query", "key", "value", "leave")
        )
        self._distance = layers.Dense(config.width, use_bias=False, name="distance")
        self._dropout = layers.Dropout(config.dropout, name="dropout")

    def build(self, *shapes: object) -> None:
        # not before: Keras gives weights the names of all layers around them when they are built
        shape = (self._n_heads, 1, self._head_width)
        self._content_bias = self.add_weight(shape=shape, initializer="glorot_uniform", name="content_bias")
        self._distance_bias = self.add_weight(shape=shape, initializer="glorot_uniform", name="distance_bias")
        self.built = True

    def call(self, features: tf.Tensor, mask: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = self._normalise(features)
        query, key, value = (self._heads(part(features)) for part in (self._query, self._key, self._value))
        n_frames = tf.shape(features)[1]
        distances = self._distance(sinusoids(n_frames, self._width)[None])
        by_content = tf.matmul(query + self._content_bias, key, transpose_b=True)
        by_distance = tf.matmul(query + self._distance_bias, self._heads(distances), transpose_b=True)
        scores = (by_content + shifted(by_distance)) / self._head_width**0.5
        scores = tf.where(mask[:, None, None, :], scores, tf.constant(-1e9, scores.dtype))
        heard = tf.matmul(tf.nn.softmax(scores), value)
        joined = tf.reshape(tf.transpose(heard, [0, 2, 1, 3]), [-1, n_frames, self._width])
        return self._dropout(self._leave(joined), training=training)

    def _heads(self, features: tf.Tensor) -> tf.Tensor:
        """[n, n_frames, width] -> [n, n_heads, n_frames, head_width]."""
        parted = tf.reshape(features, [tf.shape(features)[0], -1, self._n_heads, self._head_width])
        return tf.transpose(parted, [0, 2, 1, 3])


class Convolution(layers.Layer):
    """Section 2.2: gated, over time one filter a feature."""

    def __init__(self, config: CtcConfig, name: str) -> None:
        super().__init__(name=name)
        # masks are handed on by hand
        self.supports_masking = True
        self._normalise = layers.LayerNormalization(name="normalise")
        self._widen = layers.Dense(2 * config.width, name="widen")
        self._over_time = layers.DepthwiseConv1D(config.n_kernel_frames, padding="same", name="over_time")
        self._normalise_inside = layers.LayerNormalization(name="normalise_inside")
        self._leave = layers.Dense(config.width, name="leave")
        self._dropout = layers.Dropout(config.dropout, name="dropout")

    def call(self, features: tf.Tensor, mask: tf.Tensor, training: bool = False) -> tf.Tensor:
        values, gates = tf.split(self._widen(self._normalise(features)), 2, axis=-1)
        gated = values * tf.sigmoid(gates)
        gated = tf.where(mask[:, :, None], gated, tf.zeros_like(gated))
        heard = keras.activations.silu(self._normalise_inside(self._over_time(gated)))
        return self._dropout(self._leave(heard), training=training)


def sinusoids(n_frames: tf.Tensor, width: int) -> tf.Tensor:
    """[2 * n_frames - 1, width]: the distances n_frames - 1, ..., 0, ..., 1 - n_frames, as waves."""
    distances = tf.cast(tf.range(n_frames - 1, -n_frames, -1), tf.float32)
    rates = LONGEST_WAVE ** (-tf.range(0, width, 2, tf.float32) / width)
    angles = distances[:, None] * rates
    return tf.concat([tf.sin(angles), tf.cos(angles)], axis=1)


def shifted(scores: tf.Tensor) -> tf.Tensor:
    """[n, n_heads, n_frames, 2 * n_frames - 1] by distance -> [n, n_heads, n_frames, n_frames] by frame (i, j): i - j.

    Dai et al. 2019, appendix B: with a column more the rows, read on with one element less, are moved by one each.
    """
    n, n_heads, n_frames, n_distances = (tf.shape(scores)[i] for i in range(4))
    padded = tf.pad(scores, [[0, 0], [0, 0], [0, 0], [1, 0]])
    rows = tf.reshape(padded, [n, n_heads, n_distances + 1, n_frames])[:, :, 1:]
    return tf.reshape(rows, [n, n_heads, n_frames, n_distances])[..., :n_frames]
