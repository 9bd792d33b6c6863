"""Arithmetic whose result for a row is the same to the last bit whatever rows are beside it, and however many.

TensorFlow's is not: its kernels take the rows of a matrix some at a time and the rest otherwise, block the sum of a
product by the size of the whole, and leave the last elements of a tensor, fewer than a vector register holds, to
another exponential. A transcript must not depend on what else was in its batch.
"""

import math
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

# rows are filled up to a multiple of those that kernels take at a time (4, 6 or 8), or twice as many
ROW_UNITS = (8, 16)
ROWS_A_KERNEL = ROW_UNITS[-1]
# products of so many units are compared with the largest there is
PROBED_UNITS = (1, 2, 3, 5, 8, 12)
# float32 in the widest vector register
VECTOR_WIDTH = 16
# float32 in the registers that TensorFlow's wheels add up with
SUM_WIDTH = 8


def row_unit(shapes: Iterable[tuple[int, int]], most_rows: int) -> int | None:
    """The least of ROW_UNITS whose multiples this machine's kernels treat alike in products by weights of these shapes.

    None where there is none: some kernels cut the sum of a product by the number of its rows. What is compared are
    products of random numbers, of which no two orders of a sum agree.
    """
    multiply = tf.function(tf.matmul, autograph=False, input_signature=[tf.TensorSpec([None, None])] * 2)
    generator = np.random.default_rng(0)
    units = set(ROW_UNITS)
    for shape in sorted(set(shapes)):
        n_rows = ROWS_A_KERNEL * math.ceil(most_rows / ROWS_A_KERNEL)
        rows = generator.normal(size=[n_rows, shape[0]]).astype(np.float32)
        weight = tf.constant(generator.normal(size=shape), tf.float32)
        together = multiply(rows, weight).numpy()
        for unit in sorted(units):
            sizes = [unit * n for n in PROBED_UNITS if unit * n < n_rows]
            if not all(np.array_equal(multiply(rows[-n:], weight), together[-n:]) for n in sizes):
                units.discard(unit)
        if not units:
            return None
    return min(units)


def project(x: tf.Tensor, weight: tf.Tensor, most_windows: int, unit: int | None = None) -> tf.Tensor:
    """[n_batch, n_rows, n_in] by [n_in, n_out] -> [n_batch, n_rows, n_out]; n_batch is at most `most_windows`.

    unit: of `row_unit` for no fewer rows than there may be; without one, the product is filled up to the rows of
    `most_windows`.
    """
    if unit:
        return project_to_many(x, weight, unit)
    size = ROWS_A_KERNEL * math.ceil(most_windows * x.shape[1] / ROWS_A_KERNEL)
    return _product(x, weight, size - _count_rows(x))


def project_to_many(x: tf.Tensor, weight: tf.Tensor, unit: int | None = None) -> tf.Tensor:
    """As `project`, for a weight with so many columns that the rows which only fill a product up would cost.

    The sums of such a product are not cut by the number of its rows: they are short beside it.
    """
    return _product(x, weight, -_count_rows(x) % (unit or ROWS_A_KERNEL))


def _count_rows(x: tf.Tensor) -> tf.Tensor:
    return tf.shape(x)[0] * x.shape[1]


def _product(x: tf.Tensor, weight: tf.Tensor, n_filling: tf.Tensor) -> tf.Tensor:
    """`x` by `weight`, with so many rows of zeros after its own."""
    n_rows, n_in = x.shape[1:]
    filled = tf.pad(tf.reshape(x, [-1, n_in]), [[0, n_filling], [0, 0]])
    return tf.reshape(tf.matmul(filled, weight)[: _count_rows(x)], [-1, n_rows, weight.shape[1]])


def softmax(x: tf.Tensor) -> tf.Tensor:
    """Of the last axis, filled up to whole registers, so that no row is cut otherwise than the next."""
    size = tf.shape(x)[-1]
    filling = [[0, 0]] * (x.shape.rank - 1) + [[0, -size % VECTOR_WIDTH]]
    return tf.nn.softmax(tf.pad(x, filling, constant_values=-np.inf))[..., :size]


def logsumexp(x: tf.Tensor) -> tf.Tensor:
    """Of the last axis, which is kept; minus infinity where all of it is."""
    largest = tf.maximum(tf.reduce_max(x, axis=-1, keepdims=True), tf.float32.min)
    return largest + _elementwise(tf.math.log, total(_elementwise(tf.exp, x - largest)))


def logsumexp_with(x: tf.Tensor, some: tf.Tensor, instead: tf.Tensor) -> tf.Tensor:
    """As `logsumexp` of x [..., n] in which `some` of its values [..., n_some] are others."""
    largest = tf.reduce_max(tf.concat([some, instead], axis=-1), axis=-1, keepdims=True)
    largest = tf.maximum(largest, tf.float32.min)

    def mass(values: tf.Tensor) -> tf.Tensor:
        return total(_elementwise(tf.exp, values - largest))

    return largest + _elementwise(tf.math.log, tf.maximum(mass(x) - mass(some), 0.0) + mass(instead))


def total(x: tf.Tensor) -> tf.Tensor:
    """The sum along the last axis, which is kept. Rows that fill no whole registers are added up by where they lie."""
    missing = -x.shape[-1] % SUM_WIDTH
    if missing:
        x = tf.pad(x, [[0, 0]] * (x.shape.rank - 1) + [[0, missing]])
    return tf.reduce_sum(x, axis=-1, keepdims=True)


def normalize(x: tf.Tensor, epsilon: float) -> tf.Tensor:
    """To mean 0 and variance 1 along the last axis."""
    centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
    return centred * _elementwise(tf.math.rsqrt, variance + epsilon)


def _elementwise(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    if x.shape.is_fully_defined() and np.prod(x.shape) % VECTOR_WIDTH == 0:
        return function(x)
    size = tf.size(x)
    padded = tf.pad(tf.reshape(x, [-1]), [[0, -size % VECTOR_WIDTH]])
    return tf.reshape(function(padded)[:size], tf.shape(x))
