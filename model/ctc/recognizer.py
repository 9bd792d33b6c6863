"""A CTC model as a recogniser: waveforms in, hypotheses out."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from model.ctc.alignment import align
from model.ctc.config import WEIGHTS_FILE
from model.ctc.decoded import assemble
from model.ctc.decoding import CtcDecoder
from model.ctc.features import log_mel
from model.ctc.files import inspect_ctc
from model.ctc.hypotheses import hypothesis_of
from model.ctc.network import build_network
from model.ctc.options import CtcDecodeOptions
from model.ctc.network_weights import set_weights
from model.ctc.weights_file import read_arrays, statistics_in
from model.errors import BeamscribeError
from model.recognizer import RESCUE_BEAM_SIZE, SAMPLE_RATE_HZ, DecodeOptions, Hypothesis

WINDOW_S = 30
WINDOW_SAMPLES = WINDOW_S * SAMPLE_RATE_HZ
# seconds that a network's batches are filled up to, and the rows of each: a row's numbers depend on neither its
# neighbours nor their number when all batches of a length have one shape
BATCHES = ((2, 16), (5, 8), (10, 4), (20, 4), (WINDOW_S, 2))


class CtcRecognizer:
    """A `model.recognizer.Recognizer` of a folder that training wrote. Safe to share between threads.

    Windows have one length: the zeros that fill them up are left out here, before the network sees them.
    """

    window_samples = WINDOW_SAMPLES
    window_lengths = (WINDOW_SAMPLES,)
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
        self._decoder = CtcDecoder(self.vocabulary, CtcDecodeOptions(beam_width=options.beam_size))
        self._wider = None
        if options.beam_size < RESCUE_BEAM_SIZE:
            self._wider = CtcDecoder(self.vocabulary, CtcDecodeOptions(beam_width=RESCUE_BEAM_SIZE))

    def warm_up(self) -> None:
        """Traces the network."""
        self.logprobs([np.zeros(SAMPLE_RATE_HZ, np.float32)])

    def recognize(self, waveforms: Sequence[np.ndarray], languages: Sequence[str | None]) -> list[Hypothesis]:
        """Hypotheses for waveforms [window_samples] float32, zero-padded, in order.

        BeamscribeError for a language that is not the model's own.
        """
        self._check_languages(languages)
        return self._decoded(waveforms, self._decoder)

    def sample(
        self,
        waveforms: Sequence[np.ndarray],
        languages: Sequence[str],
        seeds: Sequence[int],
        holds: Callable[[int, Hypothesis], bool],
    ) -> list[list[Hypothesis]]:
        """None: frames are independent of each other given the sound, so what is drawn is the best path with errors."""
        return [[] for _ in waveforms]

    def search_wider(self, waveforms: Sequence[np.ndarray], languages: Sequence[str]) -> list[Hypothesis]:
        """Hypotheses of a beam of RESCUE_BEAM_SIZE; an empty list where `recognize` searches as widely."""
        self._check_languages(languages)
        return self._decoded(waveforms, self._wider) if self._wider else []

    def align(self, waveforms: Sequence[np.ndarray], hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        """The hypotheses with the times of their words, where their labels fit into the sound.

        They come back as they are where `DecodeOptions.word_timestamps` is off.
        """
        if not self._with_words:
            return list(hypotheses)
        pairs = zip(hypotheses, waveforms, self.logprobs(waveforms), strict=True)
        return [self._aligned(*pair) for pair in pairs]

    def identify(self, waveforms: Sequence[np.ndarray]) -> list[dict[str, float]]:
        """The one language that the model knows."""
        return [{self.config.language: 1.0}] * len(waveforms)

    def logprobs(self, waveforms: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Natural-log probabilities [n_outputs, n_labels] of each waveform, without the zeros at its end."""
        features = [log_mel(_without_zeros(waveform), self.config.log_mel) for waveform in waveforms]
        rows_of: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i, own in enumerate(features):
            rows_of[self._batch_of(len(own))].append(i)
        found: dict[int, np.ndarray] = {}
        for (n_frames, n_rows), rows in rows_of.items():
            for start in range(0, len(rows), n_rows):
                batch = rows[start : start + n_rows]
                found.update(zip(batch, self._batch([features[i] for i in batch], n_frames, n_rows), strict=True))
        return [found[i] for i in range(len(waveforms))]

    def _batch_of(self, n_frames: int) -> tuple[int, int]:
        """Frames and rows of the batches for rows of so many frames."""
        per_s = SAMPLE_RATE_HZ // self.config.log_mel.hop_samples
        return next(((s * per_s, n_rows) for s, n_rows in BATCHES if s * per_s >= n_frames), (n_frames, 1))

    def _batch(self, features: Sequence[np.ndarray], n_frames: int, n_rows: int) -> list[np.ndarray]:
        filled = np.zeros((n_rows, n_frames, self.config.log_mel.n_mels), np.float32)
        # rows that are missing hold a frame: attention over none is no number
        lengths = np.ones(n_rows, np.int32)
        for row, own in enumerate(features):
            filled[row, : len(own)], lengths[row] = own, len(own)
        logprobs = self._run(filled, lengths).numpy()
        return [logprobs[row, : self.config.count_outputs(len(own))] for row, own in enumerate(features)]

    def _decoded(self, waveforms: Sequence[np.ndarray], decoder: CtcDecoder) -> list[Hypothesis]:
        hypotheses = []
        for waveform, logprobs in zip(waveforms, self.logprobs(waveforms), strict=True):
            [decoded] = decoder.decode(logprobs[None], [len(logprobs)])
            hypotheses.append(
                hypothesis_of(
                    decoded,
                    logprobs,
                    self.config.frame_s,
                    len(_without_zeros(waveform)) / SAMPLE_RATE_HZ,
                    self.config.language,
                    with_words=self._with_words,
                )
            )
        return hypotheses

    def _aligned(self, hypothesis: Hypothesis, waveform: np.ndarray, logprobs: np.ndarray) -> Hypothesis:
        [path] = align(logprobs[None], [len(logprobs)], [hypothesis.tokens], self.vocabulary.blank)
        if path is None:
            return hypothesis
        decoded = assemble(
            hypothesis.tokens, path.frames, logprobs, self.vocabulary, logprob=path.logprob, score=path.logprob
        )
        window_s = len(_without_zeros(waveform)) / SAMPLE_RATE_HZ
        return hypothesis_of(
            decoded, logprobs, self.config.frame_s, window_s, self.config.language, with_words=self._with_words
        )

    def _check_languages(self, languages: Sequence[str | None]) -> None:
        for code in languages:
            if code not in (None, self.config.language):
                raise BeamscribeError(f"the model knows {self.config.language} only, not {code!r}")


def _without_zeros(waveform: np.ndarray) -> np.ndarray:
    """Without the zeros that fill a window up; at least one sample."""
    sounding = np.flatnonzero(waveform)
    return waveform[: int(sounding[-1]) + 1 if len(sounding) else 1]
