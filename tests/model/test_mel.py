"""The mel filter bank against librosa's."""

import librosa
import numpy as np
import pytest

from model.mel import slaney_filters


@pytest.mark.parametrize(
    ("sample_rate_hz", "n_fft", "n_mels", "fmin_hz", "fmax_hz"),
    [
        (16_000, 400, 80, 0.0, None),
        (16_000, 400, 128, 0.0, None),
        (16_000, 400, 80, 20.0, 7600.0),
        (8_000, 256, 40, 1200.0, 3800.0),
    ],
)
def test_filters_are_librosas(
    sample_rate_hz: int, n_fft: int, n_mels: int, fmin_hz: float, fmax_hz: float | None
) -> None:
    ours = slaney_filters(sample_rate_hz, n_fft, n_mels, fmin_hz, fmax_hz)
    theirs = librosa.filters.mel(sr=sample_rate_hz, n_fft=n_fft, n_mels=n_mels, fmin=fmin_hz, fmax=fmax_hz).T
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-9)
