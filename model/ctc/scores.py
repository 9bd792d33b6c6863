"""Loss and error rates of a network on a set of clips, decoded greedily."""

from collections.abc import Iterable

import jiwer
import keras
import tensorflow as tf

from model.ctc.config import CtcConfig
from model.ctc.data import BatchMaker, Utterance
from model.ctc.decoding import greedy
from model.ctc.loss import ctc_losses
from model.ctc.progress import DevelopmentScore


def score(
    network: keras.Model, config: CtcConfig, maker: BatchMaker, batches: Iterable[list[Utterance]]
) -> DevelopmentScore:
    """Texts are compared as they are learnt: `texts.fold`."""
    references: list[str] = []
    heard: list[str] = []
    loss, n_labels = 0.0, 0
    for utterances in batches:
        batch = maker.plain(utterances)
        logits = _run(network, batch.log_mel, batch.n_frames)
        n_outputs = [config.count_outputs(int(n)) for n in batch.n_frames]
        loss += float(tf.reduce_sum(ctc_losses(logits, tf.constant(n_outputs), batch.labels, maker.vocabulary.blank)))
        n_labels += int((batch.labels >= 0).sum())
        logprobs = tf.nn.log_softmax(logits).numpy()
        heard += [decoded.text for decoded in greedy(logprobs, n_outputs, maker.vocabulary)]
        references += [maker.text(utterance) for utterance in utterances]
    return DevelopmentScore(loss / n_labels, jiwer.wer(references, heard), jiwer.cer(references, heard))


@tf.function(reduce_retracing=True)
def _run(network: keras.Model, log_mel: tf.Tensor, n_frames: tf.Tensor) -> tf.Tensor:
    return network(log_mel, n_frames, training=False)
