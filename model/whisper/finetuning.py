"""Fine-tuning of Whisper: the steps of training, held-out loss after every epoch, early stopping, exact resumption.

Two losses. On clips with references, cross-entropy with the text. On anchors, clips on which the network is to stay as
it is, the Kullback-Leibler divergence from what the untuned network says of the clean clip (Hinton et al. 2015) to what
the tuned one says of the same clip, clean or augmented: it forgets little, and learns to hear through the noise.
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from model.errors import BeamscribeError
from model.whisper.checkpoint import Checkpoint
from model.whisper.examples import ANY_TIMESTAMP, NO_LABEL, Batch, Examples, Utterance, at_any_speed, without_speed
from model.whisper.tokenizer import WhisperTokenizer
from model.whisper.trainable import Weights, decode, encode
from model.whisper.tuned_weights import TunedWeights
from model.whisper.tuning_options import Epoch, TrainingOptions, TuneOptions

STATE_FILE = "state.npz"
# of the steps: how many the learning rate rises for, before it falls along a cosine to nothing
WARM_UP_SHARE = 0.1
# gradients are scaled down to this norm
CLIP_NORM = 1.0
# a held-out loss of so many times the untuned network's is no training any more
DIVERGED = 2.0


class Clips(NamedTuple):
    """What is trained on, and what training is judged by."""

    train: Sequence[Utterance]
    held_out: Sequence[Utterance]
    anchors: Sequence[Utterance]


class FineTuner:
    """A network in training."""

    def __init__(self, checkpoint: Checkpoint, tokenizer: WhisperTokenizer, tune: TuneOptions, seed: int) -> None:
        self.examples = Examples(checkpoint.dims, tokenizer)
        self.weights = TunedWeights(checkpoint.weights, tune, seed)
        self.optimizer = keras.optimizers.Adam(global_clipnorm=CLIP_NORM)
        self.optimizer.build(self.weights.variables)
        self._dims = checkpoint.dims
        self._timestamp_begin = tokenizer.timestamp_begin
        mel = tf.TensorSpec([None, checkpoint.dims.n_mels, None])
        tokens = tf.TensorSpec([None, None], tf.int32)
        self._text_step = tf.function(self._text_gradients, input_signature=[mel, tokens, tokens])
        self._anchor_step = tf.function(self._anchor_gradients, input_signature=[mel, mel, tokens, tokens])
        self._loss = tf.function(self._summed_text_loss, input_signature=[mel, tokens, tokens])
        self._apply = tf.function(lambda gradients: self.optimizer.apply(gradients, self.weights.variables))

    def step(
        self, batch: Batch, anchors: Batch | None, heard: Batch | None, weight: float, learning_rate: float
    ) -> tuple[float, float | None]:
        """One step of training; the losses before it. heard: the anchors as the network in training hears them."""
        loss, gradients = self._text_step(batch.mel, batch.tokens, batch.labels)
        anchor_loss = None
        if anchors is not None and heard is not None:
            anchor_loss, more = self._anchor_step(anchors.mel, heard.mel, anchors.tokens, anchors.labels)
            gradients = [own + weight * other for own, other in zip(gradients, more, strict=True)]
        self.optimizer.learning_rate = learning_rate
        self._apply(gradients)
        return float(loss), None if anchor_loss is None else float(anchor_loss)

    def loss(self, batches: Iterator[Batch]) -> float:
        """The mean cross-entropy a token."""
        sums = [self._loss(batch.mel, batch.tokens, batch.labels) for batch in batches]
        return float(sum(loss for loss, _ in sums) / sum(count for _, count in sums))

    def _logits(self, weights: Weights, mel: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        return decode(self._dims, weights, encode(self._dims, weights, mel), tokens)

    def _summed_text_loss(self, mel: tf.Tensor, tokens: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The cross-entropy of all tokens that count, and how many they are."""
        logprobs = tf.nn.log_softmax(self._logits(self.weights, mel, tokens))
        of_tokens = tf.gather(logprobs, tf.maximum(labels, 0), batch_dims=2)
        of_timestamps = tf.reduce_logsumexp(logprobs[..., self._timestamp_begin :], axis=-1)
        right = tf.where(labels == ANY_TIMESTAMP, of_timestamps, of_tokens)
        counts = tf.cast(labels != NO_LABEL, tf.float32)
        return -tf.reduce_sum(right * counts), tf.reduce_sum(counts)

    def _text_gradients(self, mel: tf.Tensor, tokens: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, list]:
        with tf.GradientTape() as tape:
            total, count = self._summed_text_loss(mel, tokens, labels)
            loss = total / count
        return loss, self._gradients(tape, loss)

    def _anchor_gradients(
        self, mel: tf.Tensor, heard: tf.Tensor, tokens: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, list]:
        wanted = tf.nn.log_softmax(self._logits(self.weights.untuned, mel, tokens))
        counts = tf.cast(labels != NO_LABEL, tf.float32)
        with tf.GradientTape() as tape:
            said = tf.nn.log_softmax(self._logits(self.weights, heard, tokens))
            divergence = tf.reduce_sum(tf.exp(wanted) * (wanted - said), axis=-1)
            loss = tf.reduce_sum(divergence * counts) / tf.reduce_sum(counts)
        return loss, self._gradients(tape, loss)

    def _gradients(self, tape: tf.GradientTape, loss: tf.Tensor) -> list[tf.Tensor]:
        variables = [variable.value for variable in self.weights.variables]
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(gradient) for gradient in gradients]


def fine_tune(
    tuner: FineTuner, clips: Clips, options: TrainingOptions, folder: Path, report: Callable[[Epoch], None]
) -> list[Epoch]:
    """Trains until the epochs are over or the held-out loss no longer falls; the best weights are the tuner's then.

    The state after every epoch is kept in `folder`: a run that was killed goes on from there, and comes to the same
    weights. BeamscribeError where training diverges, or the folder holds the state of another training.
    """
    state = _State(tuner, folder, _fingerprint(tuner, clips, options))
    history = state.restore()
    if not history:
        untuned = Epoch(0, None, None, _held_out_loss(tuner, clips, options))
        history.append(untuned)
        state.save(history)
        report(untuned)
    while not _is_over(history, options):
        number = history[-1].epoch + 1
        text_loss, anchor_loss = _train_epoch(tuner, clips, options, number)
        history.append(Epoch(number, text_loss, anchor_loss, _held_out_loss(tuner, clips, options)))
        _check_divergence(history)
        state.save(history)
        report(history[-1])
    state.use_best()
    return history


def _is_over(history: Sequence[Epoch], options: TrainingOptions) -> bool:
    best = min(history, key=lambda epoch: epoch.held_out_loss)
    return history[-1].epoch >= options.epochs or history[-1].epoch - best.epoch >= options.patience


def _held_out_loss(tuner: FineTuner, clips: Clips, options: TrainingOptions) -> float:
    return tuner.loss(tuner.examples.batches(clips.held_out, options.batch_size))


def _train_epoch(tuner: FineTuner, clips: Clips, options: TrainingOptions, epoch: int) -> tuple[float, float | None]:
    """The mean losses of one pass. All that is random follows from the seed and the number of the epoch."""
    generator = np.random.default_rng([options.seed, epoch])
    others = [utterance.samples for utterance in (*clips.train, *clips.anchors)]
    order = generator.permutation(len(clips.train))
    n_steps = -(-len(order) // options.batch_size)
    losses = []
    for step, rows in enumerate(np.array_split(order, n_steps)):
        batch = tuner.examples.batch([clips.train[i] for i in rows], options.augmentation, others, generator)
        anchors = heard = None
        if clips.anchors:
            picks = generator.integers(len(clips.anchors), size=options.batch_size)
            anchors, heard = _anchors(tuner, [clips.anchors[i] for i in picks], others, options, generator)
        rate = _learning_rate(options, (epoch - 1) * n_steps + step, options.epochs * n_steps)
        losses.append(tuner.step(batch, anchors, heard, options.anchor_weight, rate))
        if not all(math.isfinite(loss) for loss in losses[-1] if loss is not None):
            raise BeamscribeError(
                f"the loss is no number any more in step {step + 1} of epoch {epoch}: give a lower --learning_rate "
                f"than {options.learning_rate:g}"
            )
    texts, anchor_losses = zip(*losses, strict=True)
    return float(np.mean(texts)), float(np.mean(anchor_losses)) if clips.anchors else None


def _anchors(
    tuner: FineTuner,
    utterances: Sequence[Utterance],
    others: Sequence[np.ndarray],
    options: TrainingOptions,
    generator: np.random.Generator,
) -> tuple[Batch, Batch]:
    """Anchors as the untuned network hears them, and as the tuned one does: at the same speed."""
    how = options.augmentation
    spoken = [at_any_speed(utterance, how, generator) for utterance in utterances]
    return tuner.examples.batch(spoken), tuner.examples.batch(spoken, without_speed(how), others, generator)


def _learning_rate(options: TrainingOptions, step: int, n_steps: int) -> float:
    warm_up = max(1, round(WARM_UP_SHARE * n_steps))
    if step < warm_up:
        return options.learning_rate * (step + 1) / warm_up
    return options.learning_rate * (1 + math.cos(math.pi * (step - warm_up) / max(1, n_steps - warm_up))) / 2


def _check_divergence(history: Sequence[Epoch]) -> None:
    first, last = history[0].held_out_loss, history[-1].held_out_loss
    if not last < DIVERGED * first:
        raise BeamscribeError(
            f"training diverges: the held-out loss was {first:.3f} and is {last:.3f} after epoch {history[-1].epoch}; "
            "give a lower --learning_rate"
        )


def _fingerprint(tuner: FineTuner, clips: Clips, options: TrainingOptions) -> str:
    """What the state of a training depends on, as JSON: it may go on with the same alone."""
    plain = asdict(replace(options, augmentation=replace(options.augmentation, noises=())))
    shapes = [list(variable.shape) for variable in tuner.weights.variables]
    names = [[(u.uri, u.text, len(u.samples)) for u in part] for part in clips]
    n_noises = len(options.augmentation.noises)
    return json.dumps({"options": plain, "noises": n_noises, "shapes": shapes, "clips": names})


class _State:
    """What training goes on from: the variables, the optimiser's, the best so far, and the history."""

    def __init__(self, tuner: FineTuner, folder: Path, fingerprint: str) -> None:
        self._tuner = tuner
        self._path = folder / STATE_FILE
        self._fingerprint = fingerprint
        self._best: list[np.ndarray] = []

    def restore(self) -> list[Epoch]:
        """Puts the tuner into the state that was kept; the history, which is empty where none was."""
        if not self._path.exists():
            return []
        with np.load(self._path) as stored:
            meta: dict[str, Any] = json.loads(str(stored["meta"]))
            if meta["fingerprint"] != self._fingerprint:
                raise BeamscribeError(
                    f"{self._path.parent} holds a training with other options or clips: give the same again to go on "
                    "with it, or another --output"
                )
            for i, variable in enumerate(self._all_variables()):
                variable.assign(stored[f"variable{i}"])
            self._best = [stored[f"best{i}"] for i in range(len(self._tuner.weights.variables))]
        return [Epoch(**epoch) for epoch in meta["history"]]

    def save(self, history: Sequence[Epoch]) -> None:
        """Keeps the state; a reader sees the whole of it or the one before."""
        if history[-1] is min(history, key=lambda epoch: epoch.held_out_loss):
            self._best = [np.array(variable) for variable in self._tuner.weights.variables]
        arrays = {f"variable{i}": np.array(variable) for i, variable in enumerate(self._all_variables())}
        arrays |= {f"best{i}": array for i, array in enumerate(self._best)}
        meta = json.dumps({"fingerprint": self._fingerprint, "history": [asdict(epoch) for epoch in history]})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp.npz")
        np.savez(temporary, allow_pickle=False, meta=np.array(meta), **arrays)
        os.replace(temporary, self._path)

    def use_best(self) -> None:
        """Gives the tuner the weights of the lowest held-out loss."""
        for variable, value in zip(self._tuner.weights.variables, self._best, strict=True):
            variable.assign(value)

    def _all_variables(self) -> list[keras.Variable]:
        return [*self._tuner.weights.variables, *self._tuner.optimizer.variables]
