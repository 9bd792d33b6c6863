"""The encoder of a Whisper checkpoint on its own: samples in, one vector for every 20 ms out."""

import numpy as np
import tensorflow as tf

from model.whisper.audio import HOP_SAMPLES, log_mel
from model.whisper.checkpoint import Checkpoint
from model.whisper.network import build_network, encode


class WhisperEmbedder:
    """A `model.embedding.Embedder`: the output of the encoder after its last normalisation, in float32.

    Shorter sound is filled up with silence to the 30 s that the model was trained on, and the silence's positions are
    left out.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        dims = checkpoint.dims
        self.position_samples = 2 * HOP_SAMPLES
        self.window_samples = dims.n_audio_ctx * self.position_samples
        self.n_channels = dims.n_audio_state
        network = build_network(dims, checkpoint.weights)

        @tf.function(autograph=False, input_signature=[tf.TensorSpec([self.window_samples])])
        def embed(window: tf.Tensor) -> tf.Tensor:
            return encode(network, log_mel(window, dims.n_mels))

        self._embed = embed

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """See `Embedder.embed`."""
        n_positions = -(-len(samples) // self.position_samples)
        window = np.pad(samples, (0, self.window_samples - len(samples)))
        return self._embed(window).numpy()[:n_positions]
