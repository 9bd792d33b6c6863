"""A CTC model as a recogniser: waveforms in, hypotheses out."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from model.ctc.features import log_mel
from model.ctc.frame_recognizer import BATCHES, FrameRecognizer, without_zeros
from model.ctc.trained import load_trained
from model.errors import BeamscribeError
from model.recognizer import SAMPLE_RATE_HZ, DecodeOptions, Hypothesis


class CtcRecognizer(FrameRecognizer):
    """A `model.recognizer.Recognizer` of a folder that training wrote."""

    def __init__(self, folder: Path, options: DecodeOptions) -> None:
        files, network = load_trained(folder)
        super().__init__(files.vocabulary, files.config.language, options)
        self.config = files.config
        n_mels = self.config.log_mel.n_mels
        self._run = tf.function(
            lambda features, n_frames: tf.nn.log_softmax(network(features, n_frames)),
            input_signature=[tf.TensorSpec([None, None, n_mels], tf.float32), tf.TensorSpec([None], tf.int32)],
        )

    def warm_up(self) -> None:
        """Traces the network."""
        self.logprobs([np.ones(SAMPLE_RATE_HZ, np.float32)])

    def recognize(self, waveforms: Sequence[np.ndarray], languages: Sequence[str | None]) -> list[Hypothesis]:
        """Hypotheses for waveforms [window_samples] float32, zero-padded, in order.

        BeamscribeError for a language that is not the model's own.
        """
        for code in languages:
            if code not in (None, self.language):
                raise BeamscribeError(f"the model knows {self.language} only, not {code!r}")
        return [self.hypothesis(logprobs, self.config.frame_s) for logprobs in self.logprobs(waveforms)]

    def logprobs(self, waveforms: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Natural-log probabilities [n_outputs, n_labels] of each waveform, without the zeros at its end."""
        features = [log_mel(without_zeros(waveform), self.config.log_mel) for waveform in waveforms]
        rows_of: dict[tuple[int, int], list[int]] = defaultdict(list)
        found: dict[int, np.ndarray] = {}
        for i, own in enumerate(features):
            if waveforms[i].any():
                rows_of[self._shape_for(len(own))].append(i)
            else:
                found[i] = np.zeros((0, len(self.vocabulary)), np.float32)
        for (n_frames, n_rows), rows in rows_of.items():
            for start in range(0, len(rows), n_rows):
                batch = rows[start : start + n_rows]
                found.update(zip(batch, self._batch([features[i] for i in batch], n_frames, n_rows), strict=True))
        return [found[i] for i in range(len(waveforms))]

    def _shape_for(self, n_frames: int) -> tuple[int, int]:
        """Frames and rows of the batches for rows of so many frames."""
        per_s = SAMPLE_RATE_HZ // self.config.log_mel.hop
        return next(((s * per_s, n_rows) for s, n_rows in BATCHES if s * per_s >= n_frames), (n_frames, 1))

    def _batch(self, features: Sequence[np.ndarray], n_frames: int, n_rows: int) -> list[np.ndarray]:
        filled = np.zeros((n_rows, n_frames, self.config.log_mel.n_mels), np.float32)
        # rows that are missing hold a frame: attention over none is no number
        lengths = np.ones(n_rows, np.int32)
        for row, own in enumerate(features):
            filled[row, : len(own)], lengths[row] = own, len(own)
        logprobs = self._run(filled, lengths).numpy()
        return [logprobs[row, : self.config.count_outputs(len(own))] for row, own in enumerate(features)]
