"""A SavedModel of a CTC network as a recogniser: any network with the signature in `model.saved_model_folder`."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from model.ctc.decoded import Decoded, DecodedWord
from model.ctc.decoding import CtcDecoder
from model.ctc.options import CtcDecodeOptions
from model.processors import n_processors
from model.recognizer import (
    SAMPLE_RATE_HZ,
    UNSPACED_LANGUAGES,
    DecodeOptions,
    Hypothesis,
    TimedText,
    TimedWord,
    compression_ratio,
)
from model.saved_model_folder import SIGNATURE, SavedModelFolder
from model.whisper.audio import HOP_SAMPLES, log_mel

WINDOW_SAMPLES = 30 * SAMPLE_RATE_HZ
# a shorter sound is filled up: networks have convolutions
LEAST_SAMPLES = SAMPLE_RATE_HZ // 5
# a pause from which on a new segment begins: CTC writes no punctuation to cut at
PAUSE_S = 0.8
# of a term that is to be expected, in natural log for the whole of it; what its weight multiplies
TERM_BONUS = 4.0


class SavedModelRecognizer:
    """A `model.recognizer.Recognizer`. Safe to share between threads.

    Every window is run alone, without the zeros that fill it up, as many at once as there are processors: what a
    network from elsewhere makes of a row may depend on the rows beside it.
    """

    window_samples = WINDOW_SAMPLES
    window_lengths: tuple[int, ...] = (WINDOW_SAMPLES,)
    multilingual = False

    def __init__(self, model: SavedModelFolder, options: DecodeOptions) -> None:
        self._model = model
        # what is loaded must live as long as its signature
        self._loaded = tf.saved_model.load(str(model.folder))
        self._signature = self._loaded.signatures[SIGNATURE]
        self._lengths_type = self._signature.structured_input_signature[1]["lengths"].dtype
        hotwords = tuple((phrase.text, TERM_BONUS * phrase.weight) for phrase in options.bias)
        search = CtcDecodeOptions(beam_width=options.beam_size, hotwords=hotwords)
        self._decoder = CtcDecoder(model.vocabulary, search)
        self._word_timestamps = options.word_timestamps
        self._pool = ThreadPoolExecutor(n_processors(), "recognize")

    def warm_up(self) -> None:
        """Runs once, so that the first batch is as fast as the next."""
        self._hear(np.zeros(WINDOW_SAMPLES, np.float32))

    def recognize(self, waveforms: Sequence[np.ndarray], languages: Sequence[str | None]) -> list[Hypothesis]:
        """Hypotheses for waveforms [window_samples] float32, zero-padded, in order. languages: the network has one."""
        return list(self._pool.map(self._hear, waveforms))

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
        """The one language."""
        return [{self._model.language: 1.0}] * len(waveforms)

    def _hear(self, waveform: np.ndarray) -> Hypothesis:
        sounding = np.flatnonzero(waveform)
        n_samples = max(LEAST_SAMPLES, int(sounding[-1]) + 1 if len(sounding) else 0)
        samples = np.pad(waveform, (0, max(0, n_samples - len(waveform))))[:n_samples]
        logprobs, n_frames = self._logprobs(samples)
        (decoded,) = self._decoder.decode(logprobs, [n_frames])
        frame_s = n_samples / SAMPLE_RATE_HZ / max(n_frames, 1)
        return to_hypothesis(decoded, frame_s, self._model.language, self._word_timestamps)

    def _logprobs(self, samples: np.ndarray) -> tuple[np.ndarray, int]:
        """[1, n_frames, n_labels], and how many frames count."""
        sound, n = tf.constant(samples[None]), len(samples)
        if self._model.n_mels is not None:
            sound, n = log_mel(sound, self._model.n_mels), n // HOP_SAMPLES
        given = self._signature(**{self._model.sound: sound, "lengths": tf.constant([n], self._lengths_type)})
        return tf.nn.log_softmax(tf.cast(given["logits"], tf.float32)).numpy(), int(given["lengths"][0])


def to_hypothesis(decoded: Decoded, frame_s: float, language: str, word_timestamps: bool) -> Hypothesis:
    """What was decoded in one window, its frames in seconds."""
    segments = tuple(
        _segment(decoded, words, frame_s, language, word_timestamps) for words in _parted(decoded.words, frame_s)
    )
    return Hypothesis(
        tokens=decoded.labels,
        text=decoded.text,
        segments=segments,
        # the path has a probability a frame; a token's share of it is what other recognisers state
        avg_logprob=decoded.logprob / (len(decoded.labels) + 1),
        no_speech_prob=None,
        compression_ratio=compression_ratio(decoded.text),
        temperature=0.0,
        language=language,
        language_probability=None,
    )


def _parted(words: Sequence[DecodedWord], frame_s: float) -> list[list[DecodedWord]]:
    """The words in stretches without a pause."""
    stretches: list[list[DecodedWord]] = []
    for word in words:
        if stretches and (word.start_frame - stretches[-1][-1].end_frame) * frame_s < PAUSE_S:
            stretches[-1].append(word)
        else:
            stretches.append([word])
    return stretches


def _segment(
    decoded: Decoded, words: Sequence[DecodedWord], frame_s: float, language: str, word_timestamps: bool
) -> TimedText:
    start, end = words[0].start_frame, words[-1].end_frame
    inside = [label for label, (at, _) in zip(decoded.labels, decoded.frames, strict=True) if start <= at < end]
    between = "" if language in UNSPACED_LANGUAGES else " "
    timed = tuple(
        TimedWord(word.word, word.start_frame * frame_s, word.end_frame * frame_s, word.probability) for word in words
    )
    return TimedText(
        start * frame_s,
        end * frame_s,
        between.join(word.word for word in words),
        tuple(inside),
        words=timed if word_timestamps else (),
    )
