"""A SavedModel of a CTC network as a recogniser: any network with the signature in `model.saved_model_folder`."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from model.ctc.frame_recognizer import FrameRecognizer, without_zeros
from model.processors import n_processors
from model.recognizer import SAMPLE_RATE_HZ, DecodeOptions, Hypothesis
from model.saved_model_folder import SIGNATURE, SavedModelFolder
from model.whisper.audio import HOP_SAMPLES, log_mel

# a shorter sound is filled up: networks have convolutions
LEAST_SAMPLES = SAMPLE_RATE_HZ // 5


class SavedModelRecognizer(FrameRecognizer):
    """A `model.recognizer.Recognizer` of a folder from elsewhere.

    Every window is run alone, as many at once as there are processors: what a network from elsewhere makes of a row may
    depend on the rows beside it.
    """

    def __init__(self, model: SavedModelFolder, options: DecodeOptions) -> None:
        super().__init__(model.vocabulary, model.language, options)
        self._model = model
        # what is loaded must live as long as its signature
        self._loaded = tf.saved_model.load(str(model.folder))
        self._signature = self._loaded.signatures[SIGNATURE]
        self._lengths_type = self._signature.structured_input_signature[1]["lengths"].dtype
        self._pool = ThreadPoolExecutor(n_processors(), "recognize")

    def warm_up(self) -> None:
        """Runs once, so that the first batch is as fast as the next."""
        self._hear(np.ones(self.window_samples, np.float32))

    def recognize(self, waveforms: Sequence[np.ndarray], languages: Sequence[str | None]) -> list[Hypothesis]:
        """Hypotheses for waveforms [window_samples] float32, zero-padded, in order. languages: the network has one."""
        return list(self._pool.map(self._hear, waveforms))

    def logprobs(self, waveform: np.ndarray) -> tuple[np.ndarray, float]:
        """Natural-log probabilities [n_frames, n_labels] without the zeros at the end, and the seconds of a frame.

        A waveform of zeros alone has no frames.
        """
        sounding = without_zeros(waveform)
        if not len(sounding):
            return np.zeros((0, len(self.vocabulary)), np.float32), 0.0
        samples = np.pad(sounding, (0, max(0, LEAST_SAMPLES - len(sounding))))
        sound, n = tf.constant(samples[None]), len(samples)
        if self._model.n_mels is not None:
            sound, n = log_mel(sound, self._model.n_mels), n // HOP_SAMPLES
        given = self._signature(**{self._model.sound: sound, "lengths": tf.constant([n], self._lengths_type)})
        n_frames = int(given["lengths"][0])
        logprobs = tf.nn.log_softmax(tf.cast(given["logits"], tf.float32)).numpy()[0, :n_frames]
        return logprobs, self._model.frame_s or len(samples) / SAMPLE_RATE_HZ / max(n_frames, 1)

    def _hear(self, waveform: np.ndarray) -> Hypothesis:
        return self.hypothesis(*self.logprobs(waveform))
