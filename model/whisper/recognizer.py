"""A Whisper checkpoint as a recogniser: waveforms in, hypotheses out, TensorFlow from the samples to the tokens."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf

from model.errors import BeamscribeError
from model.processors import n_processors
from model.recognizer import (
    BATCH_WINDOWS,
    MAX_BATCH_WINDOWS,
    N_DRAWS,
    RESCUE_BEAM_SIZE,
    SAMPLE_RATE_HZ,
    DecodeOptions,
    Hypothesis,
    TimedText,
    compression_ratio,
    most_tokens,
    most_windows,
)
from model.whisper.alignment import Aligner, TokenTimes
from model.whisper.audio import HOP_SAMPLES
from model.whisper.biasing import Bias, build_bias, vocabulary_trie
from model.whisper.checkpoint import Checkpoint
from model.whisper.decoding import LEAST_ROWS, Decoded, Sot
from model.whisper.functions import encode_function, graphs_of, language_function, sample_function, search_function
from model.whisper.grammar import Grammar
from model.whisper.network import AudioContext, build_network, context_spec
from model.whisper.rescoring import Rescorer
from model.whisper.rowwise import VECTOR_WIDTH
from model.whisper.sampling import draw_numbers
from model.whisper.tokenizer import WhisperTokenizer
from model.whisper.words import add_words

Row = TypeVar("Row")
# of windows, float32 at SAMPLE_RATE_HZ
Waveforms = Sequence[np.ndarray]

# the second convolution takes every other frame; one position of the encoder, and one timestamp, are 0.02 s
POSITION_SAMPLES = 2 * HOP_SAMPLES
POSITION_S = POSITION_SAMPLES / SAMPLE_RATE_HZ
# what short windows are cut to: 10.24, 15.36 and 20.48 s, whole registers of positions
SHORT_WINDOW_POSITIONS = (512, 768, 1024)
# to what the positions of short windows are filled up for the decoder, so that batches mix windows of several lengths
SHORT_CONTEXT_POSITIONS = (768,)
# a batch of fewer windows is not split between processors
LEAST_SPLIT_WINDOWS = 4
# Radford et al. 2022, section 4.5
TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)


class WhisperRecognizer:
    """A `model.recognizer.Recognizer` of any Whisper checkpoint. Safe to share between threads."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        tokenizer: WhisperTokenizer,
        options: DecodeOptions,
        batch_windows: int = BATCH_WINDOWS,
        graphs_folder: Path | None = None,
    ) -> None:
        """graphs_folder: where traced functions are kept (`model.graphs`); None: they are not."""
        _check_options(checkpoint, tokenizer, options)
        self._n_threads = n_processors()
        self._pool = ThreadPoolExecutor(self._n_threads, "recognize")
        n_positions = checkpoint.dims.n_audio_ctx
        short = [n for n in SHORT_WINDOW_POSITIONS if n < n_positions] if options.short_windows else []
        self.window_lengths = tuple(n * POSITION_SAMPLES for n in (*short, n_positions))
        self.window_samples = self.window_lengths[-1]
        whole = VECTOR_WIDTH * math.ceil(n_positions / VECTOR_WIDTH)
        self._context_positions = (*(n for n in SHORT_CONTEXT_POSITIONS if n in short), whole)
        self.multilingual = tokenizer.multilingual
        self._tokenizer = tokenizer
        self._task = options.task
        self._batch_windows = min(batch_windows, most_windows(options.beam_size))
        self._wide_windows = min(batch_windows, MAX_BATCH_WINDOWS)
        most = most_windows(options.beam_size)
        network = build_network(checkpoint.dims, checkpoint.weights, options.precision, most, tokenizer.eot)
        graphs = graphs_of(network, graphs_folder)
        self._context_spec = context_spec(network)
        self._encode = encode_function(network, graphs)
        grammar = make_grammar(checkpoint, tokenizer, options)
        self._earlier = tokenizer.prompt_sequence(options.prompt)
        n_prompt = len(self._earlier) + len(tokenizer.sot_sequence("en", options.task))
        sot = Sot(len(self._earlier), tokenizer.no_speech)
        bias = make_bias(checkpoint, tokenizer, options) if options.bias else None
        self._rescorer = Rescorer(options.language_model) if options.language_model else None
        # hypotheses of a window that are ranked again
        self._n_best = options.beam_size if self._rescorer else 1
        search = partial(
            search_function,
            network,
            graphs,
            grammar,
            n_prompt,
            sot,
            max_tokens=options.max_tokens,
            bias=bias,
            n_best=self._n_best,
        )
        self._search, self._search_wider = search(options.beam_size), None
        if options.beam_size < RESCUE_BEAM_SIZE:
            self._search_wider = search(RESCUE_BEAM_SIZE)
        self._sample = sample_function(network, graphs, grammar, n_prompt, sot, N_DRAWS, options.max_tokens)
        self._max_tokens = options.max_tokens
        self._language_probs = language_function(network, graphs, tokenizer)
        self._aligner = None
        if options.word_timestamps:
            heads, marks = checkpoint.alignment_heads, (tokenizer.no_timestamps, tokenizer.eot)
            self._aligner = Aligner(network, graphs, heads, *marks)

    def warm_up(self) -> None:
        """Traces all that recognising runs, at once, so that the first batch is as fast as the next."""
        silence = [np.zeros(self.window_lengths[0], np.float32)]
        context = tf.nest.map_structure(_ones, self._context_spec)
        prompts = self._prompts(["en"])
        limits = [min(2, self._max_tokens)] * len(prompts)
        work: list[Callable[[], object]] = [partial(self._search, context, prompts, limits)]
        if self._aligner:
            work.append(partial(self._aligner.warm_up, context, self._tokenizer.sot_sequence("en", self._task)))
        if self.multilingual:
            work.append(partial(self._language_probs, context))
        work.append(partial(self._listen, silence))
        futures = [self._pool.submit(each) for each in work]
        wait(futures)
        for future in futures:
            future.result()

    def recognize(self, waveforms: Waveforms, languages: Sequence[str | None]) -> list[Hypothesis]:
        """Hypotheses for waveforms [one of `window_lengths`] float32, zero-padded, in order.

        languages: one code a window; None asks the model to identify the language. BeamscribeError for a language
        that the model does not know.
        """
        self._check_languages(languages)
        return self._search_all(self._search, waveforms, languages, self._batch_windows)

    def sample(
        self,
        waveforms: Waveforms,
        languages: Sequence[str],
        seeds: Sequence[int],
        holds: Callable[[int, Hypothesis], bool],
    ) -> list[list[Hypothesis]]:
        """Other hypotheses for waveforms [one of `window_lengths`], drawn at rising temperatures.

        For each window those drawn until one `holds`, or all; `holds` is told which window it is of. seeds: what they
        are drawn by; equal seeds, equal draws.
        """
        self._check_languages(languages)

        def draw(rows: list[int], batch: Waveforms) -> list[list[Hypothesis]]:
            return self._sample_batch(
                batch, [languages[i] for i in rows], [seeds[i] for i in rows], lambda k, h: holds(rows[k], h)
            )

        return self._in_batches(draw, waveforms, self._wide_windows)

    def search_wider(self, waveforms: Waveforms, languages: Sequence[str]) -> list[Hypothesis]:
        """Hypotheses of a beam of RESCUE_BEAM_SIZE; an empty list where `recognize` searches as widely."""
        if self._search_wider is None:
            return []
        self._check_languages(languages)
        return self._search_all(self._search_wider, waveforms, languages, self._wide_windows)

    def align(self, waveforms: Waveforms, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        """The hypotheses for waveforms [one of `window_lengths`] with the words of their segments.

        They come back as they are where `DecodeOptions.word_timestamps` is off.
        """
        if self._aligner is None:
            return list(hypotheses)

        def add_words(rows: list[int], batch: Waveforms) -> list[Hypothesis]:
            return self._add_words(batch, self._listen(batch), [hypotheses[i] for i in rows])

        return self._in_batches(add_words, waveforms, self._batch_windows)

    def identify(self, waveforms: Waveforms) -> list[dict[str, float]]:
        """The probability of each language the model knows, for waveforms [one of `window_lengths`]."""
        if not self.multilingual:
            return [{"en": 1.0}] * len(waveforms)
        codes = list(self._tokenizer.language_tokens)

        def ask(rows: list[int], batch: Waveforms) -> list[dict[str, float]]:
            probs = self._language_probs(self._listen(batch)).numpy().tolist()
            return [dict(zip(codes, probs[k], strict=True)) for k in range(len(rows))]

        return self._in_batches(ask, waveforms, self._batch_windows)

    def _search_all(
        self, search: Callable[..., Decoded], waveforms: Waveforms, languages: Sequence[str | None], most: int
    ) -> list[Hypothesis]:
        return self._in_batches(
            lambda rows, batch: self._recognize_batch(batch, [languages[i] for i in rows], search), waveforms, most
        )

    def _in_batches(
        self, work: Callable[[list[int], Waveforms], list[Row]], waveforms: Waveforms, most: int
    ) -> list[Row]:
        """What `work` makes of all windows, in batches of at most so many, as many at once as there are processors.

        Small batches at once are faster than a large one whose every operation is spread over the processors.
        """
        filled = [self._filled_positions(len(waveform)) for waveform in waveforms]
        batches: list[list[int]] = []
        for n_positions in sorted(set(filled), reverse=True):
            rows = [i for i, own in enumerate(filled) if own == n_positions]
            batches += [part.tolist() for part in np.array_split(rows, self._n_batches(len(rows), most))]
        found: dict[int, Row] = {}
        futures = [self._pool.submit(work, rows, [waveforms[i] for i in rows]) for rows in batches]
        # where one fails, the others do not go on beside what is tried next
        wait(futures)
        for rows, future in zip(batches, futures, strict=True):
            found.update(zip(rows, future.result(), strict=True))
        return [found[i] for i in range(len(waveforms))]

    def _n_batches(self, n_windows: int, most: int) -> int:
        """As many for each processor, where they are not too small to be worth it."""
        needed = -(-n_windows // most)
        even = -(-needed // self._n_threads) * self._n_threads
        return max(needed, min(even, n_windows // LEAST_SPLIT_WINDOWS))

    def _filled_positions(self, n_samples: int) -> int:
        """The positions that a window's are filled up to for the decoder: its numbers depend on how many there are."""
        return next(n for n in self._context_positions if n * POSITION_SAMPLES >= n_samples)

    def _recognize_batch(
        self, waveforms: Waveforms, languages: Sequence[str | None], search: Callable[..., Decoded]
    ) -> list[Hypothesis]:
        context = self._listen(waveforms)
        spoken = self._identify(context, languages)
        limits = [min(self._max_tokens, most_tokens(len(waveform) / SAMPLE_RATE_HZ)) for waveform in waveforms]
        prompts = self._prompts([code for code, _ in spoken])
        decoded = _to_numpy(search(context, prompts, limits + limits[:1] * (len(prompts) - len(limits))))
        heard = [self._hypothesis(decoded, self._best_row(decoded, i), *spoken[i]) for i in range(len(waveforms))]
        return self._add_words(waveforms, context, heard)

    def _best_row(self, decoded: Decoded, window: int) -> int:
        """Which row of what a search has found is the transcript of a window."""
        first = window * self._n_best
        if self._rescorer is None:
            return first
        rows = [row for row in range(first, first + self._n_best) if decoded.scores[row] > -math.inf] or [first]
        texts = [self._tokenizer.decode(decoded.tokens[row, : decoded.lengths[row]].tolist()) for row in rows]
        return rows[self._rescorer.best(texts, decoded.scores[rows].tolist(), decoded.lengths[rows].tolist())]

    def _add_words(
        self, waveforms: Waveforms, context: AudioContext, hypotheses: Sequence[Hypothesis]
    ) -> list[Hypothesis]:
        if self._aligner is None:
            return list(hypotheses)
        times = self._aligner.align(
            context,
            [self._tokenizer.sot_sequence(hypothesis.language, self._task) for hypothesis in hypotheses],
            [[token for segment in hypothesis.segments for token in segment.tokens] for hypothesis in hypotheses],
            [_count_positions(waveform) for waveform in waveforms],
        )
        return [self._with_words(*pair) for pair in zip(hypotheses, times, strict=True)]

    def _with_words(self, hypothesis: Hypothesis, times: TokenTimes | None) -> Hypothesis:
        language = "en" if self._task == "translate" else hypothesis.language
        starts_s, probabilities = (times.starts * POSITION_S, times.probabilities) if times else (None, None)
        return add_words(hypothesis, self._tokenizer.decode, language, starts_s, probabilities)

    def _sample_batch(
        self,
        waveforms: Waveforms,
        languages: Sequence[str],
        seeds: Sequence[int],
        holds: Callable[[int, Hypothesis], bool],
    ) -> list[list[Hypothesis]]:
        context, prompts = self._listen(waveforms), self._prompts(languages)
        numbers = draw_numbers([*seeds, *seeds[: len(prompts) - len(seeds)]], N_DRAWS, self._max_tokens)
        drawn: list[list[Hypothesis]] = [[] for _ in languages]
        doubted = list(range(len(languages)))
        for temperature in TEMPERATURES:
            # as many again where there are too few
            rows = (doubted * LEAST_ROWS)[: max(len(doubted), LEAST_ROWS)]
            own = tf.nest.map_structure(lambda tensor, rows=rows: tf.gather(tensor, rows), context)
            decoded = _to_numpy(self._sample(own, prompts[rows], temperature, numbers[rows]))
            for i, row in enumerate(doubted):
                drawn[row].append(self._hypothesis(decoded, i, languages[row], None, temperature))
            doubted = [row for row in doubted if not holds(row, drawn[row][-1])]
            if not doubted:
                break
        return drawn

    def _listen(self, waveforms: Waveforms) -> AudioContext:
        """What the decoder attends to; a window that is alone stands there twice."""
        n_samples = [len(waveform) for waveform in waveforms]
        filled = np.zeros([len(waveforms), max(n_samples)], np.float32)
        for row, waveform in zip(filled, waveforms, strict=True):
            row[: len(waveform)] = waveform
        context = self._encode(filled, n_samples, self._filled_positions(max(n_samples)))
        if len(waveforms) >= LEAST_ROWS:
            return context
        return tf.nest.map_structure(lambda tensor: tf.concat([tensor] * LEAST_ROWS, axis=0), context)

    def _prompts(self, languages: Sequence[str]) -> np.ndarray:
        """[at least LEAST_ROWS, n_prompt]."""
        prompts = [self._earlier + self._tokenizer.sot_sequence(code, self._task) for code in languages]
        return np.array(prompts + prompts[:1] * (LEAST_ROWS - len(prompts)), np.int32)

    def _identify(self, context: AudioContext, languages: Sequence[str | None]) -> list[tuple[str, float | None]]:
        """The language of each row and, where the model was asked, the probability it gave it."""
        if not self.multilingual:
            return [("en", None)] * len(languages)
        if None not in languages:
            return [(code, None) for code in languages if code is not None]
        codes = list(self._tokenizer.language_tokens)
        probs = self._language_probs(context).numpy()
        found = [(codes[best], float(row[best])) for row, best in zip(probs, probs.argmax(axis=-1), strict=True)]
        return [found[row] if code is None else (code, None) for row, code in enumerate(languages)]

    def _hypothesis(
        self,
        decoded: Decoded,
        row: int,
        language: str,
        language_probability: float | None,
        temperature: float = 0.0,
    ) -> Hypothesis:
        length = int(decoded.lengths[row])
        tokens = tuple(int(token) for token in decoded.tokens[row, :length])
        text = self._tokenizer.decode(tokens).strip()
        return Hypothesis(
            tokens=tokens,
            text=text,
            segments=cut_segments(tokens, self._tokenizer, self.window_samples / SAMPLE_RATE_HZ),
            avg_logprob=float(decoded.sum_logprobs[row]) / (length + 1),
            no_speech_prob=float(decoded.no_speech_probs[row]),
            compression_ratio=compression_ratio(text),
            temperature=temperature,
            language=language,
            language_probability=language_probability,
        )

    def _check_languages(self, languages: Sequence[str | None]) -> None:
        known = self._tokenizer.language_tokens if self.multilingual else {"en": None}
        for code in languages:
            if code is not None and code not in known:
                raise BeamscribeError(f"the model does not know the language {code!r}: it knows {', '.join(known)}")


def _count_positions(waveform: np.ndarray) -> int:
    """How many positions of the encoder hold audio, and not the zeros that fill the window up; at least one."""
    samples = np.flatnonzero(waveform)
    return int(samples[-1]) // POSITION_SAMPLES + 1 if len(samples) else 1


def _ones(spec: tf.TensorSpec) -> tf.Tensor:
    """Ones of a shape of `context_spec`, for the least batch and the least window."""
    first, *others = spec.shape
    return tf.ones([first or LEAST_ROWS, *(size or VECTOR_WIDTH for size in others)], spec.dtype)


def _to_numpy(decoded: Decoded) -> Decoded:
    return Decoded(*(part.numpy() for part in decoded))


def cut_segments(tokens: Sequence[int], tokenizer: WhisperTokenizer, window_s: float) -> tuple[TimedText, ...]:
    """The text between each pair of timestamps, and the text tokens it is made of.

    Text that is still open at the end lasts to the end of the window. openai/whisper would seek to its beginning and
    recognise it again in the next window; windows here are not moved, so its words would be lost.
    """
    segments: list[TimedText] = []
    written: list[int] = []
    start_s = 0.0
    for token in tokens:
        if token < tokenizer.timestamp_begin:
            written.append(token)
            continue
        time_s = round((token - tokenizer.timestamp_begin) * POSITION_S, 2)
        segments += _timed_text(start_s, time_s, written, tokenizer)
        start_s, written = time_s, []
    segments += _timed_text(start_s, window_s, written, tokenizer)
    return tuple(segments)


def _timed_text(start_s: float, end_s: float, tokens: list[int], tokenizer: WhisperTokenizer) -> list[TimedText]:
    text = tokenizer.decode(tokens).strip()
    return [TimedText(start_s, end_s, text, tuple(tokens))] if text else []


def _check_options(checkpoint: Checkpoint, tokenizer: WhisperTokenizer, options: DecodeOptions) -> None:
    if options.task == "translate" and not tokenizer.multilingual:
        raise BeamscribeError("the model is English-only and cannot translate: use a multilingual model")
    n_prompt = len(tokenizer.prompt_sequence(options.prompt)) + len(tokenizer.sot_sequence("en", options.task))
    n_free = checkpoint.dims.n_text_ctx - n_prompt
    if not 0 < options.max_tokens <= n_free:
        raise BeamscribeError(f"max_tokens is {options.max_tokens}: the model can write 1 to {n_free} tokens a window")


def make_grammar(checkpoint: Checkpoint, tokenizer: WhisperTokenizer, options: DecodeOptions) -> Grammar:
    """The rules for a checkpoint. Its `suppress_at_begin` (a blank, the end) has no say: first comes a timestamp."""
    return Grammar(
        n_vocab=checkpoint.dims.n_vocab,
        eot=tokenizer.eot,
        timestamp_begin=tokenizer.timestamp_begin,
        last_initial_timestamp=tokenizer.timestamp_begin + round(options.max_initial_timestamp_s / POSITION_S),
        suppress_tokens=checkpoint.suppress_tokens,
    )


def make_bias(checkpoint: Checkpoint, tokenizer: WhisperTokenizer, options: DecodeOptions) -> Bias:
    """The vocabulary of the options for the search."""
    return build_bias(vocabulary_trie(options.bias, tokenizer), checkpoint.dims.n_vocab)
