"""Clips and their texts as a network in training takes them: log-mels, tokens read, tokens to be said.

A text is framed by timestamps, as the recogniser decodes: a network tuned on texts without them forgets them.
References have no times, though, so at a timestamp's place any timestamp is right (`ANY_TIMESTAMP`), and what the
network reads there is where a voice activity detector heard the speech begin and end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import tensorflow as tf

from model.augmentation import Augmentation, augment, mask
from model.errors import BeamscribeError
from model.recognizer import SAMPLE_RATE_HZ, UNSPACED_LANGUAGES
from model.vad import FRAME_SAMPLES, load_detector
from model.whisper.audio import HOP_SAMPLES, log_mel
from model.whisper.dimensions import Dimensions
from model.whisper.recognizer import POSITION_SAMPLES, SHORT_WINDOW_POSITIONS
from model.whisper.tokenizer import WhisperTokenizer

# labels that are no tokens: a place that does not count, and one where any timestamp is right
NO_LABEL, ANY_TIMESTAMP = -2, -1
# around the speech, as the pipeline cuts its windows
PAD_SAMPLES = round(0.3 * SAMPLE_RATE_HZ)
SPEECH_PROBABILITY = 0.5
# tokens are filled up to a multiple of so many, that there be few shapes of batches
TOKEN_BLOCK = 16
CUT = "cut it into rows with start_s and end_s, each with its own reference"


@dataclass(frozen=True)
class Utterance:
    """A clip with its text."""

    # where it is from, for messages
    uri: str
    # [n] float32 at 16 kHz, its silence at either end cut down to PAD_SAMPLES
    samples: np.ndarray
    # in samples
    speech_start: int
    speech_end: int
    text: str
    language: str


@dataclass(frozen=True)
class Batch:
    """Utterances of one length of window."""

    # [n, n_mels, n_frames]
    mel: np.ndarray
    # [n, n_tokens] what the decoder reads, filled up with end-of-text
    tokens: np.ndarray
    # [n, n_tokens] what it is to say next: a token, ANY_TIMESTAMP or NO_LABEL
    labels: np.ndarray


def at_any_speed(utterance: Utterance, how: Augmentation, generator: np.random.Generator) -> Utterance:
    """An utterance said faster or slower, where `how` has it so."""
    alone = replace(how, changes=tuple(change for change in how.changes if change == "speed"))
    samples = augment(utterance.samples, (), alone, generator)
    stretch = len(samples) / len(utterance.samples)
    start, end = (round(stretch * at) for at in (utterance.speech_start, utterance.speech_end))
    return replace(utterance, samples=samples, speech_start=start, speech_end=end)


def without_speed(how: Augmentation) -> Augmentation:
    """All else."""
    return replace(how, changes=tuple(change for change in how.changes if change != "speed"))


class Examples:
    """Makes batches of utterances for one network."""

    def __init__(self, dims: Dimensions, tokenizer: WhisperTokenizer) -> None:
        self._dims = dims
        self._tokenizer = tokenizer
        positions = [n for n in SHORT_WINDOW_POSITIONS if n < dims.n_audio_ctx]
        self._windows = [n * POSITION_SAMPLES for n in (*positions, dims.n_audio_ctx)]
        of_dims = partial(log_mel, n_mels=dims.n_mels)
        self._log_mel = tf.function(of_dims, input_signature=[tf.TensorSpec([None])])

    def utterance(self, uri: str, samples: np.ndarray, text: str, language: str) -> Utterance:
        """Finds the speech in a clip [n] and cuts the silence around it.

        BeamscribeError for one that does not fit into the window, or whose text does not fit into the decoder.
        """
        heard = np.flatnonzero(load_detector().probabilities(samples) >= SPEECH_PROBABILITY)
        # where noise drowns it, all of the clip is taken for speech
        edges = (heard[0] * FRAME_SAMPLES, (heard[-1] + 1) * FRAME_SAMPLES) if len(heard) else (0, len(samples))
        start, end = int(edges[0]), min(int(edges[1]), len(samples))
        first, last = max(0, start - PAD_SAMPLES), min(len(samples), end + PAD_SAMPLES)
        made = Utterance(uri, samples[first:last], start - first, end - first, text, language)
        most_s, own_s = (n / SAMPLE_RATE_HZ for n in (self._windows[-1], last - first))
        if own_s > most_s:
            raise BeamscribeError(f"{uri} has {own_s:.1f} s of speech and the model's window is {most_s:g} s: {CUT}")
        n_tokens, most = len(self.tokens_of(made)[0]), self._dims.n_text_ctx
        if n_tokens > most:
            raise BeamscribeError(f"{uri} has a reference of {n_tokens} tokens and the model takes {most}: {CUT}")
        return made

    def batches(self, utterances: Sequence[Utterance], batch_size: int) -> Iterator[Batch]:
        """All utterances once, as they are, those of one length of window together."""
        by_window: dict[int, list[Utterance]] = {}
        for utterance in utterances:
            by_window.setdefault(self._window(len(utterance.samples)), []).append(utterance)
        for window in sorted(by_window):
            rows = by_window[window]
            for first in range(0, len(rows), batch_size):
                yield self.batch(rows[first : first + batch_size])

    def batch(
        self,
        utterances: Sequence[Utterance],
        how: Augmentation | None = None,
        others: Sequence[np.ndarray] = (),
        generator: np.random.Generator | None = None,
    ) -> Batch:
        """The utterances in one batch, as they are or augmented by the generator's numbers."""
        if how is not None and generator is not None:
            utterances = [at_any_speed(utterance, how, generator) for utterance in utterances]
        heard = [utterance.samples for utterance in utterances]
        if how is not None and generator is not None:
            heard = [augment(samples, others, without_speed(how), generator) for samples in heard]
        # said slower, a clip may be longer than the longest window
        heard = [samples[: self._windows[-1]] for samples in heard]
        window = self._window(max(map(len, heard)))
        mels = [self._mel(samples, window) for samples in heard]
        if how is not None and generator is not None and "mask" in how.changes:
            frames = [max(1, len(samples) // HOP_SAMPLES) for samples in heard]
            mels = [mask(mel, n_frames, generator) for mel, n_frames in zip(mels, frames, strict=True)]
        pairs = [self.tokens_of(utterance) for utterance in utterances]
        n_tokens = -(-max(len(tokens) for tokens, _ in pairs) // TOKEN_BLOCK) * TOKEN_BLOCK
        n_tokens = min(n_tokens, self._dims.n_text_ctx)
        return Batch(
            np.stack(mels),
            np.stack([_filled(tokens, n_tokens, self._tokenizer.eot) for tokens, _ in pairs]),
            np.stack([_filled(labels, n_tokens, NO_LABEL) for _, labels in pairs]),
        )

    def tokens_of(self, utterance: Utterance) -> tuple[list[int], list[int]]:
        """What the decoder reads, and what it is to say after each token."""
        tokenizer = self._tokenizer
        sot = list(tokenizer.sot_sequence(utterance.language, "transcribe"))
        if not utterance.text:
            # nothing is said: the decoder is to take the window for silence
            return [tokenizer.sot], [tokenizer.no_speech]
        start, end = (
            tokenizer.timestamp_begin + min(self._dims.n_audio_ctx, round(at / POSITION_SAMPLES))
            for at in (utterance.speech_start, utterance.speech_end)
        )
        # written as Whisper writes it: after a space, where words are parted by spaces
        space = "" if utterance.language in UNSPACED_LANGUAGES else " "
        text = list(tokenizer.encode(space + utterance.text))
        read = [*sot, start, *text, end]
        return read, [*[NO_LABEL] * (len(sot) - 1), ANY_TIMESTAMP, *text, ANY_TIMESTAMP, tokenizer.eot]

    def _window(self, n_samples: int) -> int:
        return next(window for window in self._windows if window >= n_samples)

    def _mel(self, samples: np.ndarray, window: int) -> np.ndarray:
        return self._log_mel(np.pad(samples, (0, window - len(samples)))).numpy()


def _filled(values: Sequence[int], n: int, filling: int) -> np.ndarray:
    return np.array([*values, *[filling] * (n - len(values))], np.int32)
