"""The log-mel spectrogram against librosa's, as openai/whisper defines it."""

from pathlib import Path

import librosa
import numpy as np
import pytest

from model.whisper.audio import log_mel
from tests.model.whisper_helpers import WINDOW_SAMPLES, load_windows


def reference_log_mel(waveform: np.ndarray, n_mels: int) -> np.ndarray:
    stft = librosa.stft(waveform.astype(np.float64), n_fft=400, hop_length=160, window="hann", pad_mode="reflect")
    power = np.abs(stft[:, :-1]) ** 2
    mel = librosa.filters.mel(sr=16_000, n_fft=400, n_mels=n_mels) @ power
    log = np.log10(np.maximum(mel, 1e-10))
    return (np.maximum(log, log.max() - 8.0) + 4.0) / 4.0


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("corpus", ["librispeech", "telephone_8k", "hard"])
def test_log_mel_of_speech_is_librosas(speech: Path, clips: list[dict], corpus: str, n_mels: int) -> None:
    windows = load_windows(speech, clips, corpus, 2)
    features = log_mel(windows, n_mels).numpy()
    assert features.shape == (2, n_mels, 3000)
    for window, feature in zip(windows, features, strict=True):
        np.testing.assert_allclose(feature, reference_log_mel(window, n_mels), atol=1e-4)


def test_log_mel_of_silence_is_its_floor() -> None:
    features = log_mel(np.zeros([1, WINDOW_SAMPLES], np.float32), 80).numpy()
    np.testing.assert_allclose(features, (-10 + 4) / 4, atol=1e-6)


def test_loudness_is_relative_to_each_window(speech: Path, clips: list[dict]) -> None:
    window = load_windows(speech, clips, "librispeech", 1)
    loud = log_mel(np.concatenate([window, 0.01 * window]), 80).numpy()[0]
    np.testing.assert_array_equal(loud, log_mel(window, 80).numpy()[0])
