"""How fast a Whisper is on this machine, in a few seconds: its encoder, and a step of its decoder."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from model.graphs import Graphs
from model.recognizer import SAMPLE_RATE_HZ
from model.stopwatch import median_ms
from model.whisper.checkpoint import Checkpoint
from model.whisper.facts import SPOKEN_TOKENS_A_SECOND, WINDOW_S
from model.whisper.functions import encode_function
from model.whisper.network import AudioContext, build_network, context_spec, decode, empty_cache, logits

N_WINDOWS = 4


@dataclass(frozen=True)
class Speed:
    """Medians of a few rounds, on all processors."""

    # milliseconds of a window of 30 s
    encoder_ms: float
    # milliseconds of one token of N_WINDOWS windows, greedy
    step_ms: float

    @property
    def times_real_time(self) -> float:
        """Of English, greedy, in batches of N_WINDOWS full windows: a recogniser's larger batches are faster."""
        n_steps = SPOKEN_TOKENS_A_SECOND * WINDOW_S
        return 1e3 * WINDOW_S * N_WINDOWS / (N_WINDOWS * self.encoder_ms + n_steps * self.step_ms)


def measure(checkpoint: Checkpoint, precision: str) -> Speed:
    """Runs the recogniser's own network on noise: what is heard in it makes no difference to the time."""
    network = build_network(checkpoint.dims, checkpoint.weights, precision)
    encode = encode_function(network, Graphs(None))
    n_samples = WINDOW_S * SAMPLE_RATE_HZ
    waveforms = np.random.default_rng(0).normal(0, 0.1, [N_WINDOWS, n_samples]).astype(np.float32)
    n_positions = checkpoint.dims.n_audio_ctx

    @tf.function(autograph=False, input_signature=[context_spec(network)])
    def step(context: AudioContext) -> tf.Tensor:
        tokens = tf.zeros([N_WINDOWS, 1], tf.int32)
        cache = empty_cache(network, N_WINDOWS)
        states, _ = decode(network, tokens, tf.constant([0]), tf.ones([1, 1, 1], tf.bool), cache, context)
        return logits(network, states)

    def encode_all() -> AudioContext:
        return encode(waveforms, [n_samples] * N_WINDOWS, n_positions)

    context = encode_all()
    return Speed(median_ms(encode_all) / N_WINDOWS, median_ms(lambda: step(context).numpy()))
