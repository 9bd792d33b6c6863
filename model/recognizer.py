"""What a recogniser is: loaded once a process, it takes windows of a few lengths and returns hypotheses."""

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.ctc.options import LanguageModelUse

SAMPLE_RATE_HZ = 16_000
# written without spaces between words (Radford et al. 2022, appendix C)
UNSPACED_LANGUAGES = frozenset(("ja", "lo", "my", "th", "yue", "zh"))
# windows that are decoded together, and the most that may be: a product of the decoder is filled up to so many
BATCH_WINDOWS, MAX_BATCH_WINDOWS = 12, 16
# the most of a greedy search: however few hypotheses there are, all of the vocabulary's weights are read for them
MAX_GREEDY_WINDOWS = 32
# windows of about one length are decoded together: they are picked from so many batches at once
POOL_BATCHES = 2
# hypotheses of the second pass: of its wider search, openai/whisper's own number, and of a sampling temperature
RESCUE_BEAM_SIZE, N_DRAWS = 5, 5
# English has some 4 tokens a second, a list of digits 8; scripts that take more are heard again at full length
TOKENS_A_SECOND = 10
SPARE_TOKENS = 16


@dataclass(frozen=True)
class BiasPhrase:
    """A term that a search is to expect."""

    # as it is to be written: one word or several
    text: str
    # of the bonus that each of its tokens gets; 1 is what was found best
    weight: float = 1.0


@dataclass(frozen=True)
class DecodeOptions:
    """How a recogniser turns a window into text. Part of the configuration hash."""

    # "transcribe" writes what was said, "translate" writes it in English
    task: str = "transcribe"
    # hypotheses kept alive while searching; 1 is greedy
    beam_size: int = 5
    # latest time at which the first segment of a window may start, in seconds
    max_initial_timestamp_s: float = 1.0
    # tokens that one window may produce at most (Whisper: half of its text context)
    max_tokens: int = 224
    # whether hypotheses come with the times of their words
    word_timestamps: bool = True
    # words to expect, such as names: the decoder is told that they came before
    prompt: str = ""
    # what large products are worked out in: "float32" or "bfloat16", sums always in float32
    precision: str = "float32"
    # whether a window that is short is recognised without the silence that would fill it up
    short_windows: bool = True
    # terms to expect, of any number: each token that carries one on is made likelier while searching
    bias: tuple[BiasPhrase, ...] = ()
    # n-grams: the search of a CTC model asks them as well, a Whisper's hypotheses are ranked again; None: none
    language_model: LanguageModelUse | None = None


def most_windows(beam_size: int) -> int:
    """How many windows may be decoded together."""
    return MAX_GREEDY_WINDOWS if beam_size == 1 else MAX_BATCH_WINDOWS


def most_tokens(window_s: float) -> int:
    """How many tokens a window of this length may produce: a short one that goes in circles is not to go on for long.

    Where a window that was cut short produces that many, it is heard again in full.
    """
    return SPARE_TOKENS + math.ceil(TOKENS_A_SECOND * window_s)


def compression_ratio(text: str) -> float:
    """len(utf8) / len(zlib(utf8)): high where text repeats itself (Radford et al. 2022, section 4.5)."""
    data = text.encode("utf-8")
    return len(data) / len(zlib.compress(data))


@dataclass(frozen=True)
class TimedWord:
    """A word with its punctuation, in seconds from the start of the window; None where a time is not known."""

    word: str
    start_s: float | None
    end_s: float | None
    # mean over its tokens
    probability: float | None


@dataclass(frozen=True)
class TimedText:
    """A stretch of a window between two timestamps, in seconds from the start of the window."""

    start_s: float
    end_s: float
    text: str
    tokens: tuple[int, ...]
    # reason codes of this stretch alone
    flags: tuple[str, ...] = ()
    # in order; joined they are the text again, up to spaces; empty where word times are off
    words: tuple[TimedWord, ...] = ()


@dataclass(frozen=True)
class Hypothesis:
    """What a recogniser heard in one window."""

    # all tokens after the start-of-transcript sequence, timestamps included, end-of-text excluded
    tokens: tuple[int, ...]
    # the text without timestamps, stripped
    text: str
    # the text cut at the timestamps; empty texts are left out
    segments: tuple[TimedText, ...]
    # mean natural-log probability a token, end-of-text included
    avg_logprob: float
    # probability of the no-speech token at the first position; None where a model has none
    no_speech_prob: float | None
    # len(utf8) / len(zlib(utf8)) of the text; high where text repeats itself
    compression_ratio: float
    # sampling temperature that produced it; 0 for a search
    temperature: float
    # language code that the decoder was conditioned on, and the probability the model gave it (None: not asked)
    language: str
    language_probability: float | None


class Recognizer(Protocol):
    """A loaded model. Instances are shared by the threads of a process: `recognize` is thread-safe."""

    # samples of one window at SAMPLE_RATE_HZ
    window_samples: int
    # samples that windows may be cut to, ascending, `window_samples` the last
    window_lengths: tuple[int, ...]
    # whether it knows more than one language
    multilingual: bool

    def recognize(self, waveforms: Sequence[np.ndarray], languages: Sequence[str | None]) -> list[Hypothesis]:
        """Hypotheses for waveforms [one of `window_lengths`] float32, zero-padded, in order.

        languages: one code a window; None asks the model to identify the language.
        Any n_windows is accepted. A row's numbers do not depend on the rows beside it, nor on how many there are.
        """

    def sample(
        self,
        waveforms: Sequence[np.ndarray],
        languages: Sequence[str],
        seeds: Sequence[int],
        holds: Callable[[int, Hypothesis], bool],
    ) -> list[list[Hypothesis]]:
        """Other hypotheses for waveforms [one of `window_lengths`], drawn at rising temperatures.

        For each window those drawn until one `holds`, or all; `holds` is told which window it is of. seeds: what they
        are drawn by; equal seeds, equal draws.
        """

    def search_wider(self, waveforms: Sequence[np.ndarray], languages: Sequence[str]) -> list[Hypothesis]:
        """Hypotheses of a wider search than that of `recognize`; an empty list where there is none."""

    def align(self, waveforms: Sequence[np.ndarray], hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        """The hypotheses for waveforms [one of `window_lengths`] with the words of their segments.

        They come back as they are where `DecodeOptions.word_timestamps` is off.
        """

    def identify(self, waveforms: Sequence[np.ndarray]) -> list[dict[str, float]]:
        """The probability of each language the model knows, for waveforms [one of `window_lengths`]."""

    def warm_up(self) -> None:
        """Traces and compiles, so that the first real batch does not wait for it."""
