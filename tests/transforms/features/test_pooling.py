"""Means and deviations of values in pieces are those of the whole."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transforms.features.pooling import Moments, pooled_columns


@given(st.lists(st.lists(st.floats(-1e3, 1e3), max_size=6), min_size=1, max_size=6))
def test_pieces(pieces):
    moments = Moments()
    for piece in pieces:
        moments.push(np.array([piece, piece]).reshape(2, -1) * [[1.0], [2.0]])
    values = np.concatenate([np.array(piece, float) for piece in pieces])
    assert moments.n == len(values)
    if len(values):
        np.testing.assert_allclose(moments.mean, values.mean() * np.array([1, 2]), atol=1e-9)
        np.testing.assert_allclose(moments.std, values.std() * np.array([1, 2]), atol=1e-6)


def test_small_spread_far_from_zero_is_not_lost():
    moments = Moments()
    for value in (1e8, 1e8 + 1, 1e8 + 2):
        moments.push(np.array([value]))
    assert pooled_columns("x", moments) == {"x_mean": 1e8 + 1, "x_std": np.sqrt(2 / 3)}


def test_nothing_has_no_mean():
    assert pooled_columns("x", Moments()) == {"x_mean": None, "x_std": None}
