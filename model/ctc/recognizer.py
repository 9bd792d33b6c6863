"""A CTC model as a recogniser: waveforms in, hypotheses out."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from model.ctc.config import WEIGHTS_FILE
from model.ctc.decoded import Decoded
from model.ctc.decoding import CtcDecoder
from model.ctc.features import log_mel
from model.ctc.files import inspect_ctc
from model.ctc.network import build_network
from model.ctc.network_weights import set_weights
from model.ctc.options import CtcDecodeOptions
from model.ctc.weights_file import read_arrays, statistics_in
from model.errors import BeamscribeError
from model.recognizer import SAMPLE_RATE_HZ, DecodeOptions, Hypothesis
from model.saved_model import TERM_BONUS, to_hypothesis

WINDOW_S = 30
WINDOW_SAMPLES = WINDOW_S * SAMPLE_RATE_HZ
# seconds that a network's batches are filled up to, and the rows of each: a row's numbers depend on neither its
# neighbours nor their number when all batches of a length have one shape
BATCHES = ((2, 16), (5, 8), (10, 4), (20, 4), (WINDOW_S, 2))

# what is said where there is no sound
NOTHING = Decoded((), (), "", (), logprob=0.0, score=0.0)


class CtcRecognizer:
    """A `model.recognizer.Recognizer` of a folder that training wrote. Safe to share between threads.

    Windows have one length: the zeros that fill them up are left out here, before the network sees them.
    """

    window_samples = WINDOW_SAMPLES
    window_lengths: tuple[int, ...] = (WINDOW_SAMPLES,)
    multilingual = False

    def __init__(self, folder: Path, options: DecodeOptions) -> None:
        files = inspect_ctc(folder)
        self.config, self.vocabulary = files.config, files.vocabulary
        self._with_words = options.word_timestamps
        arrays, _ = read_arrays(folder / WEIGHTS_FILE)
        network = build_network(self.config, len(self.vocabulary), statistics_in(arrays))
        set_weights(network, arrays, folder / WEIGHTS_FILE)
        n_mels = self.config.log_mel.n_mels
        self._run = tf.function(
            lambda features, n_frames: tf.nn.log_softmax(network(features, n_frames)),
            input_signature=[tf.TensorSpec([None, None, n_mels], tf.float32), tf.TensorSpec([None], tf.int32)],
        )
        hotwords = tuple((phrase.text, TERM_BONUS * phrase.weight) for phrase in options.bias)
        self._decoder = CtcDecoder(self.vocabulary, CtcDecodeOptions(beam_width=options.beam_size, hotwords=hotwords))

    def warm_up(self) -> None:
        """Traces the network."""
        self.logprobs([np.ones(SAMPLE_RATE_HZ, np.float32)])

    def recognize(self, waveforms: Sequence[np.ndarray], languages: Sequence[str | None]) -> list[Hypothesis]:
        """Hypotheses for waveforms [window_samples] float32, zero-padded, in order.

        BeamscribeError for a language that is not the model's own.
        """
        for code in languages:
            if code not in (None, self.config.language):
                raise BeamscribeError(f"the model knows {self.config.language} only, not {code!r}")
        hypotheses = []
        for logprobs in self.logprobs(waveforms):
            # each alone: what a search takes along for longer rows beside it would only cost time
            [decoded] = self._decoder.decode(logprobs[None], [len(logprobs)]) if len(logprobs) else [NOTHING]
            hypotheses.append(to_hypothesis(decoded, self.config.frame_s, self.config.language, self._with_words))
        return hypotheses

    def sample(
        self,
        waveforms: Sequence[np.ndarray],
        languages: Sequence[str],
        seeds: Sequence[int],
        holds: Callable[[int, Hypothesis], bool],
    ) -> list[list[Hypothesis]]:
        """Nothing: a CTC network says each frame by itself, and does not go in circles."""
        return [[] for _ in waveforms]

    def search_wider(self, waveforms: Sequence[np.ndarray], languages: Sequence[str]) -> list[Hypothesis]:
        """Nothing: a wider beam hardly ever finds more without a language model."""
        return []

    def align(self, waveforms: Sequence[np.ndarray], hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        """As they are: words come with their times."""
        return list(hypotheses)

    def identify(self, waveforms: Sequence[np.ndarray]) -> list[dict[str, float]]:
        """The one language that the model knows."""
        return [{self.config.language: 1.0}] * len(waveforms)

    def logprobs(self, waveforms: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Natural-log probabilities [n_outputs, n_labels] of each waveform, without the zeros at its end."""
        features = [log_mel(_without_zeros(waveform), self.config.log_mel) for waveform in waveforms]
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


def _without_zeros(waveform: np.ndarray) -> np.ndarray:
    """Without the zeros that fill a window up."""
    sounding = np.flatnonzero(waveform)
    return waveform[: int(sounding[-1]) + 1 if len(sounding) else 0]
