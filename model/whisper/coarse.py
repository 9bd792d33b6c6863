"""A product with a large constant weight in 8-bit integers, for scores of which only the best are worked out exactly.

Each row of x and each column of the weight is scaled to [-127, 127] and rounded (Dettmers et al. 2022, LLM.int8(),
section 2.1); channels in which x is large hand a part of their size to the weight first (Xiao et al. 2023,
SmoothQuant, section 4). Sums of integers are exact, so a row's numbers do not depend on the rows beside it.
"""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import AttrValue

LARGEST = 127
# of the largest size
LEAST_SIZE = np.float32(0.01)
# instead of a zero that would be divided by
SMALLEST = np.float32(1e-30)


class CoarseWeight(NamedTuple):
    """A weight in integers."""

    # [n_in] that x is multiplied by first
    smoothing: tf.Tensor
    # [n_in, n_out] int8
    integers: tf.Tensor
    # [n_out] the largest absolute value of each column
    largest: tf.Tensor


def coarse_weight(weight: np.ndarray, sizes: np.ndarray) -> CoarseWeight:
    """A weight [n_in, n_out] for x whose channels vary about as much as sizes [n_in] says, both in float32."""
    # a channel that hardly varies may still be large, and is not to push all others aside
    sizes = np.maximum(np.abs(sizes), LEAST_SIZE * np.abs(sizes).max() + SMALLEST)
    smoothing = 1 / np.sqrt(sizes)
    smoothed = weight / smoothing[:, None]
    largest = np.maximum(np.abs(smoothed).max(axis=0), SMALLEST)
    smoothed *= LARGEST / largest
    integers = np.rint(smoothed, out=smoothed).astype(np.int8)
    return CoarseWeight(*map(tf.constant, (smoothing, integers, largest)))


def coarse_product(x: tf.Tensor, weight: CoarseWeight) -> tf.Tensor:
    """x [..., n_in] float32 by a weight -> [..., n_out] float32, off by about a hundredth of its spread.

    For graphs only: the operation keeps its weight in an order of its own.
    """
    n_in, n_out = weight.integers.shape
    rows = tf.reshape(x, [-1, n_in]) * weight.smoothing
    largest = tf.maximum(tf.reduce_max(tf.abs(rows), axis=-1, keepdims=True), SMALLEST)
    integers = tf.cast(tf.round(rows / largest * LARGEST), tf.int8)
    product = _multiply(integers, weight.integers, weight.largest) * largest
    return tf.reshape(product, tf.concat([tf.shape(x)[:-1], [n_out]], axis=0))


@cache
def multiplies_integers() -> bool:
    """Whether this machine's TensorFlow has the operation, and its sums are exact: without VNNI they may overflow."""
    generator = np.random.default_rng(0)
    rows = generator.choice([-LARGEST, 1, LARGEST], [5, 512]).astype(np.int8)
    weight = generator.choice([-LARGEST, LARGEST], [512, 64], p=[0.2, 0.8]).astype(np.int8)
    exact = rows.astype(np.int64) @ weight.astype(np.int64)
    arguments = tf.constant(rows), tf.constant(weight), tf.fill([64], float(LARGEST))
    try:
        found = tf.function(_multiply, autograph=False)(*arguments) * LARGEST
    except (tf.errors.OpError, RuntimeError, TypeError, ValueError):  # the operation is missing, or is another
        return False
    return bool(np.allclose(found, exact, rtol=1e-5, atol=0.1))


def _multiply(rows: tf.Tensor, weight: tf.Tensor, largest: tf.Tensor) -> tf.Tensor:
    """Integers by integers, which stand for values of at most 1 and of at most `largest`, each column's own.

    oneDNN's operation, which TensorFlow makes of quantized graphs, and has no function for.
    """
    values = [tf.bitcast(rows, tf.qint8), tf.bitcast(weight, tf.qint8), tf.zeros([weight.shape[1]])]
    ranges = [tf.constant(-1.0), tf.constant(1.0), -largest, largest]
    attributes = {
        "T1": _type(tf.qint8),
        "T2": _type(tf.qint8),
        "Tbias": _type(tf.float32),
        "U": _type(tf.float32),
        "Tout": _type(tf.float32),
        "Tdevice_inputs": _types(value.dtype for value in values),
        "Thost_inputs": _types(value.dtype for value in ranges),
        "Tdevice_outputs": _types([tf.float32]),
        "Thost_outputs": _types([]),
        "fused_ops": AttrValue(list=AttrValue.ListValue(s=[b"BiasAdd", b"Dequantize"])),
        "input_quant_mode": AttrValue(s=b"SCALED"),
        "output_quant_mode": AttrValue(s=b"SCALED"),
        "is_weight_const": AttrValue(b=True),
        "is_bias_const": AttrValue(b=True),
    }
    graph = tf.compat.v1.get_default_graph()
    (product,) = graph.create_op(
        "_QuantizedMatMul", inputs=[*values, *ranges], dtypes=[tf.float32], name="coarse", attrs=attributes
    ).outputs
    product.set_shape([None, weight.shape[1]])
    return product


def _type(dtype: tf.DType) -> AttrValue:
    return AttrValue(type=dtype.as_datatype_enum)


def _types(dtypes: Iterable[tf.DType]) -> AttrValue:
    return AttrValue(list=AttrValue.ListValue(type=[dtype.as_datatype_enum for dtype in dtypes]))
