"""Training of CTC networks: Adam with warm-up, clipped gradients, checkpoints from which it goes on exactly.

All that is drawn at random depends on the seed and on how far training is, or is a variable that the checkpoint holds:
a training that was killed ends, on one thread, in the weights of one that was not, to the last bit.
"""

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

from model.ctc.board import write_board
from model.ctc.config import CONFIG_FILE, VOCABULARY_FILE, WEIGHTS_FILE, CtcConfig
from model.ctc.data import NO_LABEL, Batch, BatchMaker, Clips, Utterance, in_order, plan_epoch, usable
from model.ctc.loss import ctc_losses
from model.ctc.network import build_network
from model.ctc.network_weights import set_weights, weights_of
from model.ctc.progress import Epoch, Progress
from model.ctc.scores import score
from model.ctc.specaugment import Augmentation
from model.ctc.train_options import TrainOptions
from model.ctc.vocabulary import CtcVocabulary
from model.ctc.weights_file import read_arrays, with_statistics
from model.errors import BeamscribeError
from model.tensor_writing import write_tensors

# beside the model: what is only needed to go on
STATE_FOLDER, STATE_FILE, BEST_FILE, BOARD_FOLDER = "training", "state.safetensors", "best.safetensors", "tensorboard"
# the learning rate falls from its peak to this share of it, along a cosine
LAST_RATE_SHARE = 0.02
# batches that are made while the network works
PREFETCHED = 2


@dataclass(frozen=True)
class Trained:
    """What training came to."""

    config: CtcConfig
    history: tuple[Epoch, ...]
    # the epoch whose weights were kept
    best_epoch: int
    n_parameters: int
    # utterances that were too short for their text, or had none
    n_left_out: int


def train(
    config: CtcConfig,
    vocabulary: CtcVocabulary,
    clips: Clips,
    development: Clips | None,
    folder: Path,
    options: TrainOptions,
    on_step: Callable[[int, int, int, float], None] = lambda epoch, step, n_steps, loss: None,
    on_epoch: Callable[[int, Epoch], None] = lambda number, epoch: None,
) -> Trained:
    """Trains a network and writes its folder; goes on where a killed training with the same options was.

    on_step: told the epoch, the step in it, the steps of it and the loss. on_epoch: told of each epoch when it is over.
    BeamscribeError where the folder holds a training with other options, where no clip can be learnt, and where the
    loss stops being a number.
    """
    training = _Training(config, vocabulary, clips, development, folder, options)
    training.restore()
    training.run(on_step, on_epoch)
    return training.finish()


class _Training:
    """A network, its optimiser and how far they are."""

    def __init__(
        self,
        config: CtcConfig,
        vocabulary: CtcVocabulary,
        clips: Clips,
        development: Clips | None,
        folder: Path,
        options: TrainOptions,
    ) -> None:
        # sums in one order, and no operation that draws without a seed
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(options.seed)
        keras.config.set_dtype_policy("mixed_bfloat16" if options.precision == "bfloat16" else "float32")
        self.config, self.vocabulary, self.options, self.folder = config, vocabulary, options, folder
        self.clips, self.development = clips, development
        self.chosen = usable(clips, config, vocabulary)
        if not self.chosen:
            raise BeamscribeError("no utterance is long enough for its text: check the references of the manifest")
        self.statistics = clips.statistics()
        silence = config.silence
        self.maker = BatchMaker(clips, vocabulary, self.statistics, silence, options.seed)
        self.network = build_network(config, len(vocabulary), self.statistics)
        self.optimizer = keras.optimizers.Adam(options.learning_rate, global_clipnorm=options.clip_norm)
        self.optimizer.build(self.network.trainable_variables)
        self.augmentation = Augmentation() if options.augment else Augmentation.none()
        self.progress = Progress()
        self.state_folder = folder / STATE_FOLDER
        self.state_folder.mkdir(parents=True, exist_ok=True)
        self._step = tf.function(
            self._learn,
            input_signature=[
                tf.TensorSpec([None, None, config.log_mel.n_mels], tf.float32),
                tf.TensorSpec([None], tf.int32),
                tf.TensorSpec([None, None], tf.int32),
            ],
        )

    def run(self, on_step: Callable[[int, int, int, float], None], on_epoch: Callable[[int, Epoch], None]) -> None:
        while not self._is_done():
            plan = self._plan()
            for batch in self._batches(plan[self.progress.step_in_epoch :]):
                loss = self._one_step(batch, len(plan))
                on_step(self.progress.epoch, self.progress.step_in_epoch, len(plan), loss)
                if self.progress.step % self.options.checkpoint_every == 0:
                    self.save()
            self._end_epoch(len(plan))
            write_board(self.state_folder / BOARD_FOLDER, [epoch.figures() for epoch in self.progress.history])
            on_epoch(self.progress.epoch, self.progress.history[-1])

    def finish(self) -> Trained:
        """Writes the model's folder; the weights come last, with them it is complete."""
        (self.folder / CONFIG_FILE).write_text(self.config.to_json(), encoding="utf-8")
        (self.folder / VOCABULARY_FILE).write_text(self.vocabulary.to_json(), encoding="utf-8")
        arrays, _ = read_arrays(self.state_folder / BEST_FILE)
        set_weights(self.network, arrays, self.state_folder / BEST_FILE)
        write_tensors(self.folder / WEIGHTS_FILE, arrays)
        return Trained(
            self.config,
            tuple(self.progress.history),
            self.progress.best_epoch,
            int(sum(np.prod(weight.shape) for weight in self.network.trainable_variables)),
            len(self.clips) - len(self.chosen),
        )

    def save(self) -> None:
        """The checkpoint: every variable, and how far training is."""
        arrays = {f"network/{i}": np.array(v) for i, v in enumerate(self.network.variables)}
        arrays |= {f"optimizer/{i}": np.array(v) for i, v in enumerate(self.optimizer.variables)}
        metadata = {"signature": self._signature(), "progress": self.progress.to_json()}
        write_tensors(self.state_folder / STATE_FILE, arrays, metadata)

    def restore(self) -> None:
        path = self.state_folder / STATE_FILE
        if not path.exists():
            return
        arrays, metadata = read_arrays(path)
        if metadata.get("signature") != self._signature():
            raise BeamscribeError(
                f"{self.folder} holds a training with other options or data ({self._differences(metadata)}): give "
                "another --output, or the same options again"
            )
        for kind, owner in (("network", self.network), ("optimizer", self.optimizer)):
            for i, variable in enumerate(owner.variables):
                variable.assign(arrays[f"{kind}/{i}"])
        self.progress = Progress.from_json(metadata["progress"])

    def _is_done(self) -> bool:
        waited = self.progress.epoch - self.progress.best_epoch
        is_stuck = self.development is not None and self.progress.history and waited >= self.options.patience
        return self.progress.epoch >= self.options.epochs or bool(is_stuck)

    def _plan(self) -> list[list[Utterance]]:
        return plan_epoch(
            self.clips,
            self.chosen,
            batch_size=self.options.batch_size,
            join_clips=self.options.join_clips,
            seed=self.options.seed,
            epoch=self.progress.epoch,
        )

    def _batches(self, plan: list[list[Utterance]]) -> tf.data.Dataset:
        first = self.progress.step

        def make() -> Any:
            for i, utterances in enumerate(plan):
                yield self.maker.augmented(utterances, first + i, self.augmentation)

        signature = Batch(
            tf.TensorSpec([None, None, self.config.log_mel.n_mels], tf.float32),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None, None], tf.int32),
        )
        return tf.data.Dataset.from_generator(make, output_signature=tuple(signature)).prefetch(PREFETCHED)

    def _one_step(self, batch: tuple[tf.Tensor, ...], n_steps: int) -> float:
        done = (self.progress.epoch + self.progress.step_in_epoch / n_steps) / self.options.epochs
        self.optimizer.learning_rate.assign(learning_rate(self.options, self.progress.step, done))
        loss, norm = (float(value) for value in self._step(*batch))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise BeamscribeError(
                f"training diverged: at step {self.progress.step} the loss is {loss:g} and its gradient {norm:g}; "
                f"give a --learning_rate below {self.options.learning_rate:g} and another --output"
            )
        self.progress.stepped(loss)
        return loss

    def _learn(self, log_mel: tf.Tensor, n_frames: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        weights = self.network.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.network(log_mel, n_frames, training=True)
            losses = ctc_losses(logits, self._outputs(n_frames), labels, self.vocabulary.blank)
            # per label: long utterances do not weigh more
            n_labels = tf.reduce_sum(tf.cast(labels != NO_LABEL, tf.float32))
            loss = tf.reduce_sum(losses) / n_labels
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        self.optimizer.apply(gradients, weights)
        return loss, tf.linalg.global_norm(gradients)

    def _outputs(self, n_frames: tf.Tensor) -> tf.Tensor:
        return (n_frames + self.config.subsampling - 1) // self.config.subsampling

    def _end_epoch(self, n_steps: int) -> None:
        scored = None
        if self.development is not None:
            maker = BatchMaker(self.development, self.vocabulary, self.statistics, self.config.silence, 0)
            chosen = usable(self.development, self.config, self.vocabulary)
            batches = in_order(self.development, chosen, self.options.batch_size)
            scored = score(self.network, self.config, maker, batches)
        is_best = self.progress.end_epoch(n_steps, scored)
        if is_best:
            arrays = with_statistics(weights_of(self.network), self.statistics)
            write_tensors(self.state_folder / BEST_FILE, arrays)
        self.save()

    def _signature(self) -> str:
        """What a checkpoint has to be of."""
        fingerprints = [clips.fingerprint for clips in (self.clips, self.development) if clips is not None]
        options = asdict(self.options)
        # a checkpoint more or less often changes nothing
        del options["checkpoint_every"]
        return json.dumps({"config": asdict(self.config), **options, "data": fingerprints}, sort_keys=True)

    def _differences(self, metadata: dict[str, str]) -> str:
        then, now = json.loads(metadata.get("signature", "{}")), json.loads(self._signature())
        return ", ".join(name for name in now if then.get(name) != now[name])


def learning_rate(options: TrainOptions, step: int, done: float) -> float:
    """Rises in a line over the warm-up, then falls along a cosine. done: the share of training that is behind."""
    warmed = min(1.0, (step + 1) / (options.warmup_steps + 1))
    cosine = 0.5 + 0.5 * math.cos(math.pi * min(1.0, done))
    return options.learning_rate * warmed * (LAST_RATE_SHARE + (1 - LAST_RATE_SHARE) * cosine)
