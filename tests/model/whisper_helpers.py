"""What the tests of the Whisper network share: a tiny random network, and real speech as windows."""

from pathlib import Path

import librosa
import numpy as np
import soundfile
import tensorflow as tf

from model.recognizer import SAMPLE_RATE_HZ
from model.whisper.dimensions import Dimensions, weight_shapes
from model.whisper.grammar import Grammar
from model.whisper.network import AudioContext, Network, audio_context, build_network, encode

WINDOW_SAMPLES = 480_000
TINY = Dimensions(
    n_mels=80,
    n_vocab=40,
    n_audio_ctx=12,
    n_audio_state=16,
    n_audio_head=2,
    n_audio_layer=2,
    n_text_ctx=30,
    n_text_state=16,
    n_text_head=2,
    n_text_layer=2,
)
# tokens 0-19 are text, 20 ends, 21-24 are other marks (21 starts), 25-39 are timestamps
TINY_GRAMMAR = Grammar(n_vocab=40, eot=20, timestamp_begin=25, last_initial_timestamp=30, suppress_tokens=(3, 7))
TINY_SOT, TINY_NO_SPEECH = 21, 24


def random_network(seed: int) -> Network:
    """Weights that make hypotheses differ; end-of-text being likely or very unlikely, they end at all lengths."""
    generator = np.random.default_rng(seed)
    weights = {name: generator.normal(0, 0.7, shape) for name, shape in weight_shapes(TINY).items()}
    weights["decoder.token_embedding.weight"][TINY_GRAMMAR.eot] *= 3.0
    return build_network(TINY, {name: weight.astype(np.float32) for name, weight in weights.items()})


def random_context(network: Network, n_batch: int, seed: int) -> AudioContext:
    mels = np.random.default_rng(seed).normal(0, 1, [n_batch, TINY.n_mels, 2 * TINY.n_audio_ctx]).astype(np.float32)
    return audio_context(network, tf.stack([encode(network, mel) for mel in mels]))


def load_window(path: Path) -> np.ndarray:
    """The first 30 s of a recording at 16 kHz, mixed to one channel, zero-padded."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = librosa.resample(samples.mean(axis=1), orig_sr=rate_hz, target_sr=SAMPLE_RATE_HZ)[:WINDOW_SAMPLES]
    return np.pad(mono, (0, WINDOW_SAMPLES - len(mono)))


def load_windows(speech: Path, clips: list[dict], corpus: str, count: int) -> np.ndarray:
    """[count, WINDOW_SAMPLES] of the first clips of a corpus."""
    uris = [clip["uri"] for clip in clips if clip["corpus"] == corpus][:count]
    return np.stack([load_window(speech / uri) for uri in uris])
