"""What the encoder of a CTC model makes of sound, before any label."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.ctc.config import WEIGHTS_FILE
from model.ctc.embedder import CtcEmbedder
from model.ctc.recognizer import CtcRecognizer
from model.ctc.weights_file import read_arrays
from model.embedding import check_family, load_embedder
from model.errors import BeamscribeError
from model.recognizer import DecodeOptions
from model.registry import SAVED_MODEL, resolve_model
from tests.model.ctc.tiny_ctc import SMALL, write_model

WIDTHS = {"lstm": 32, "conformer": 16}


@pytest.fixture(scope="module", params=SMALL)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / request.param, SMALL[request.param])


def noise(n_samples: int) -> np.ndarray:
    return np.random.default_rng(n_samples).normal(scale=0.1, size=n_samples).astype(np.float32)


def test_labels_are_a_linear_function_of_embeddings(folder: Path) -> None:
    samples = noise(16_000)
    embedder = load_embedder(resolve_model(str(folder)))
    assert isinstance(embedder, CtcEmbedder)
    arrays, _ = read_arrays(folder / WEIGHTS_FILE)
    logits = embedder.embed(samples) @ arrays["leave/kernel"] + arrays["leave/bias"]
    [logprobs] = CtcRecognizer(folder, DecodeOptions()).logprobs([samples])
    expected = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    assert len(embedder.embed(samples)) == 50
    assert len(logprobs) == 49
    # the recogniser fills its batches up, so the last digits differ
    np.testing.assert_allclose(logprobs, expected[:49], atol=1e-3)


def test_a_model_that_shows_its_logits_alone_is_refused(folder: Path) -> None:
    files = resolve_model(str(folder))
    check_family(files)
    with pytest.raises(BeamscribeError, match="of the family saved_model, which gives no embeddings"):
        check_family(replace(files, family=SAVED_MODEL))


@pytest.mark.parametrize("n_samples", [1, 319, 320, 321, 5_000, 480_000])
def test_there_is_one_for_every_position(folder: Path, n_samples: int) -> None:
    embedder = CtcEmbedder(folder)
    found = embedder.embed(noise(n_samples))
    assert embedder.position_samples == 320
    assert found.shape == (-(-n_samples // 320), WIDTHS[folder.name])
    assert embedder.n_channels == WIDTHS[folder.name]
    assert np.isfinite(found).all()
