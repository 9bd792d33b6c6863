"""Networks: a row's numbers are its own, and the parts do what their papers say."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model.ctc.config import CtcConfig
from model.ctc.conformer import shifted, sinusoids
from model.ctc.loss import ctc_losses
from model.ctc.network import CtcNetwork, build_network
from model.ctc.network_weights import set_weights, weights_of
from model.ctc.statistics import Statistics

N_LABELS = 7
ARCHITECTURES = ("lstm", "conformer")


def tiny(architecture: str, subsampling: int = 2) -> CtcNetwork:
    config = CtcConfig(architecture, depth=2, width=8, n_heads=2, n_kernel_frames=5, subsampling=subsampling)
    n_mels = config.log_mel.n_mels
    return build_network(config, N_LABELS, Statistics(np.full(n_mels, -5, np.float32), np.full(n_mels, 3, np.float32)))


def features(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(-5, 3, (n, 80)).astype(np.float32)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("subsampling", [1, 2, 4])
def test_rows_depend_neither_on_their_neighbours_nor_on_what_fills_them_up(architecture: str, subsampling: int) -> None:
    network = tiny(architecture, subsampling)
    long, short = features(31), features(18, 1)
    batch = np.full((2, 40, 80), 77, np.float32)
    batch[0, :31], batch[1, :18] = long, short
    together = network(batch, np.array([31, 18], np.int32)).numpy()
    for row, own in ((0, long), (1, short)):
        n_outputs = -(-len(own) // subsampling)
        alone = network(own[None], np.array([len(own)], np.int32)).numpy()
        assert alone.shape == (1, n_outputs, N_LABELS)
        np.testing.assert_allclose(together[row, :n_outputs], alone[0], atol=2e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_weights_taken_out_and_put_back_say_the_same(architecture: str) -> None:
    network, other = tiny(architecture), tiny(architecture)
    sound, n_frames = features(20)[None], np.array([20], np.int32)
    said = network(sound, n_frames).numpy()
    assert np.abs(other(sound, n_frames).numpy() - said).max() > 1e-3
    weights = weights_of(network)
    assert len(weights) == len(network.trainable_variables)
    set_weights(other, weights, Path("any"))
    np.testing.assert_allclose(other(sound, n_frames).numpy(), said, atol=1e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_frame_hears_what_comes_before_and_after(architecture: str) -> None:
    network = tiny(architecture)
    sound = features(40)
    plain = network(sound[None], np.array([40], np.int32)).numpy()
    for changed in (0, 39):
        other = sound.copy()
        other[changed] += 5
        moved = np.abs(network(other[None], np.array([40], np.int32)).numpy() - plain)[0].max(axis=1)
        assert moved.shape == (20,)
        assert moved.min() > 0


def test_shift_gives_each_pair_of_frames_its_distance() -> None:
    n_frames = 5
    by_distance = np.tile(np.arange(n_frames - 1, -n_frames, -1, np.float32), (1, 2, n_frames, 1))
    expected = np.arange(n_frames)[:, None] - np.arange(n_frames)
    np.testing.assert_array_equal(shifted(tf.constant(by_distance)).numpy(), np.tile(expected, (1, 2, 1, 1)))


def test_sinusoids_count_down_through_zero() -> None:
    waves = sinusoids(tf.constant(3), 4).numpy()
    distances = np.array([2, 1, 0, -1, -2], np.float32)
    angles = distances[:, None] * np.array([1, 0.01], np.float32)
    np.testing.assert_allclose(waves, np.concatenate([np.sin(angles), np.cos(angles)], axis=1), atol=1e-6)


def paths_of(n_outputs: int) -> np.ndarray:
    return np.stack(np.meshgrid(*[np.arange(3)] * n_outputs, indexing="ij"), -1).reshape(-1, n_outputs)


def collapsed(path: np.ndarray, blank: int) -> tuple[int, ...]:
    kept = path[np.append(True, path[1:] != path[:-1])]
    return tuple(kept[kept != blank].tolist())


@pytest.mark.parametrize("blank", [0, 2])
def test_loss_sums_all_paths_of_the_row_alone(blank: int) -> None:
    logits = np.random.default_rng(3).normal(size=(2, 5, 3)).astype(np.float32)
    first, second = ((1, 1), (2,)) if blank == 0 else ((1, 1), (0,))
    labels = np.array([first, (*second, -1)], np.int32)
    losses = ctc_losses(tf.constant(logits), tf.constant([5, 3]), tf.constant(labels), blank).numpy()
    logprobs = tf.nn.log_softmax(logits).numpy()
    for row, (n_outputs, wanted) in enumerate(((5, first), (3, second))):
        total = sum(
            np.exp(logprobs[row, np.arange(n_outputs), path].sum())
            for path in paths_of(n_outputs)
            if collapsed(path, blank) == wanted
        )
        assert losses[row] == pytest.approx(-np.log(total), rel=1e-4)
