"""Dynamic time warping in the TensorFlow graph: the cheapest monotone path through a matrix of costs."""

import numpy as np
import tensorflow as tf

# where a step of the path comes from: the column before, or the row before, in the column before or the same
SAME_ROW, NEXT_ROW, NEXT_ROW_AT_ONCE = range(3)


def warp(costs: tf.Tensor, n_rows: tf.Tensor, n_columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The cheapest monotone path from the first cell of costs [n_rows or more, n_columns or more] to the last.

    What comes back is the column at which the path enters each row (0 beyond `n_rows`), and the sum of its costs. All
    cells of an anti-diagonal are worked out at once, from the two before it.
    """
    height, width = costs.shape
    # line d of it holds the cells (i, d - i)
    diagonals = tf.transpose(_skew(costs, height + width - 1))
    outside = tf.fill([height], np.float32(np.inf))
    moves = tf.zeros([height + width - 1, height], tf.int8)
    first = tf.range(height) == 0

    def cross(d: tf.Tensor, before: tf.Tensor, last: tf.Tensor, total: tf.Tensor, moves: tf.Tensor) -> tuple:
        corner = tf.where(first & (d == 0), 0.0, _down(before))
        step = tf.where((corner < _down(last)) & (corner < last), NEXT_ROW, SAME_ROW)
        step = tf.where((_down(last) < corner) & (_down(last) < last), NEXT_ROW_AT_ONCE, step)
        cells = diagonals[d] + tf.minimum(tf.minimum(corner, _down(last)), last)
        # cells right of the last column or left of the first are no way to anywhere
        cells = tf.where((tf.range(height) <= d) & (d - tf.range(height) < width), cells, np.inf)
        # not `cells[n_rows - 1]`, for which XLA compiles anew with every number of rows
        total = tf.where(d == n_rows + n_columns - 2, tf.gather(cells, n_rows - 1), total)
        return d + 1, last, cells, total, tf.tensor_scatter_nd_update(moves, [[d]], [tf.cast(step, tf.int8)])

    loop = (tf.constant(0), outside, outside, tf.constant(0.0), moves)
    *_, total, moves = tf.while_loop(lambda d, *_: d < n_rows + n_columns - 1, cross, loop)
    return _trace_back(moves, n_rows, n_columns), total


def _trace_back(moves: tf.Tensor, n_rows: tf.Tensor, n_columns: tf.Tensor) -> tf.Tensor:
    def step_back(i: tf.Tensor, j: tf.Tensor, starts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        move = moves[i + j, i]
        starts = tf.tensor_scatter_nd_update(starts, [[i]], [j])
        return (
            i - tf.cast(move != SAME_ROW, tf.int32),
            j - tf.cast(move != NEXT_ROW_AT_ONCE, tf.int32),
            starts,
        )

    loop = (n_rows - 1, n_columns - 1, tf.zeros([moves.shape[1]], tf.int32))
    # the first cell is left both ways at once; costs that are not numbers lead to the left only
    return tf.while_loop(lambda i, j, _: (i >= 0) & (j >= 0), step_back, loop)[2]


def _skew(costs: tf.Tensor, width: int) -> tf.Tensor:
    """Moves row i of costs [height, n] to the right by i: [height, width], zeros beside it."""
    height = costs.shape[0]
    padded = tf.pad(costs, [[0, 0], [0, width + 1 - costs.shape[1]]])
    return tf.reshape(tf.reshape(padded, [-1])[: height * width], [height, width])


def _down(cells: tf.Tensor) -> tf.Tensor:
    """Those of the row above each; infinity above the first."""
    return tf.concat([[np.float32(np.inf)], cells[:-1]], axis=0)
