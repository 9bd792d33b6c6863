"""The encoder of a CTC model on its own: samples in, one vector for every frame of its output out."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from model.ctc.features import log_mel
from model.ctc.frame_recognizer import WINDOW_SAMPLES
from model.ctc.trained import load_trained


class CtcEmbedder:
    """A `model.embedding.Embedder`: the output of the last block, in float32."""

    window_samples = WINDOW_SAMPLES

    def __init__(self, folder: Path) -> None:
        files, network = load_trained(folder)
        config = files.config
        self._log_mel = config.log_mel
        self.position_samples = config.log_mel.hop * config.subsampling
        signature = [tf.TensorSpec([1, None, config.log_mel.n_mels]), tf.TensorSpec([1], tf.int32)]
        self._encode = tf.function(network.encode, input_signature=signature)
        self.n_channels = self.embed(np.zeros(self.position_samples, np.float32)).shape[1]

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """See `Embedder.embed`."""
        n_positions = -(-len(samples) // self.position_samples)
        features = log_mel(samples, self._log_mel)
        heard = self._encode(features[None], np.array([len(features)], np.int32)).numpy()[0, :n_positions]
        # analysis windows lie wholly inside the sound: what the last heard goes for the samples after it
        return np.pad(heard, ((0, n_positions - len(heard)), (0, 0)), mode="edge")
