"""The CTC loss of a batch: Graves et al. 2006, section 4."""

import tensorflow as tf


def ctc_losses(logits: tf.Tensor, n_outputs: tf.Tensor, labels: tf.Tensor, blank: int) -> tf.Tensor:
    """Negative natural-log probability of the labels of each row [n].

    logits: [n, n_outputs_max, n_labels]; n_outputs: of each row. labels: [n, most labels], filled up with -1. A row
    whose labels do not fit (see `data.fits`) is an error of TensorFlow.
    """
    is_label = labels >= 0
    places = tf.where(is_label)
    sparse = tf.SparseTensor(places, tf.boolean_mask(labels, is_label), tf.shape(labels, tf.int64))
    return tf.nn.ctc_loss(
        sparse, logits, label_length=None, logit_length=n_outputs, logits_time_major=False, blank_index=blank
    )
