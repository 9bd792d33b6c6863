"""Networks from log-mel features to logits, in Keras 3: a stack of bi-directional LSTMs, and a Conformer.

Both respect the length of every row: what stands after it changes nothing. So there is no batch normalisation (the
Conformer's is layer normalisation here), and convolutions are padded alike whatever the length of a batch.
"""

import os

# before Keras is loaded, which is written for other libraries too
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from model.ctc.config import CtcConfig
from model.ctc.conformer import ConformerBlock
from model.ctc.statistics import Statistics

# a strided convolution that halves the frames looks at one frame on either side
HALVING_KERNEL = 3


class CtcNetwork(keras.Model):
    """Log-mel features [n, n_frames, n_mels] and the frames of each row [n] -> logits [n, n_outputs, n_labels]."""

    def __init__(self, config: CtcConfig, n_labels: int, statistics: Statistics) -> None:
        super().__init__(name="ctc")
        self._mean, self._std = statistics.mean, statistics.std
        n_halvings = config.subsampling.bit_length() - 1
        self._halvings = [
            layers.Conv1D(
                config.width, HALVING_KERNEL, strides=2, padding="valid", activation="relu", name=f"halving_{i}"
            )
            for i in range(n_halvings)
        ]
        self._enter = layers.Dense(config.width, name="enter")
        self._enter_dropout = layers.Dropout(config.dropout, name="enter_dropout")
        block = LstmBlock if config.architecture == "lstm" else ConformerBlock
        self._blocks = [block(config, name=f"block_{i}") for i in range(config.depth)]
        self._leave = layers.Dense(n_labels, name="leave", dtype="float32")

    def call(self, log_mel: tf.Tensor, n_frames: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self._leave(self.encode(log_mel, n_frames, training))

    def encode(self, log_mel: tf.Tensor, n_frames: tf.Tensor, training: bool = False) -> tf.Tensor:
        """What the last block makes of them, [n, n_outputs, n_channels]: logits are a linear function of it."""
        features = (log_mel - self._mean) / self._std
        for halving in self._halvings:
            features = halving(tf.pad(_masked(features, n_frames), [[0, 0], [1, 1], [0, 0]]))
            n_frames = (n_frames + 1) // 2
        features = self._enter_dropout(self._enter(features), training=training)
        mask = tf.sequence_mask(n_frames, tf.shape(features)[1])
        for block in self._blocks:
            features = block(features, mask=mask, training=training)
        return features


class LstmBlock(layers.Layer):
    """A bi-directional LSTM (Hochreiter and Schmidhuber 1997; Graves et al. 2013), normalised, with dropout."""

    def __init__(self, config: CtcConfig, name: str) -> None:
        super().__init__(name=name)
        self.supports_masking = True
        lstm = layers.LSTM(config.width, return_sequences=True, name="lstm")
        self._lstm = layers.Bidirectional(lstm, name="both")
        self._normalise = layers.LayerNormalization(name="normalise")
        self._dropout = layers.Dropout(config.dropout, name="dropout")

    def call(self, features: tf.Tensor, mask: tf.Tensor, training: bool = False) -> tf.Tensor:
        heard = self._lstm(features, mask=mask, training=training)
        return self._dropout(self._normalise(heard), training=training)


def build_network(config: CtcConfig, n_labels: int, statistics: Statistics) -> CtcNetwork:
    """A network with random weights, by Keras' seed."""
    network = CtcNetwork(config, n_labels, statistics)
    network(np.zeros((1, config.subsampling * 2, config.log_mel.n_mels), np.float32), np.array([2], np.int32))
    return network


def _masked(features: tf.Tensor, n_frames: tf.Tensor) -> tf.Tensor:
    """Zeros after the end of each row."""
    return tf.where(tf.sequence_mask(n_frames, tf.shape(features)[1])[:, :, None], features, tf.zeros_like(features))
