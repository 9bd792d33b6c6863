"""Tokens and their times -> words and theirs, by the rules of openai/whisper's `timing.py`.

Words are cut at spaces, in languages written without them at every character that a token completes. Punctuation
belongs to a word, but has no say in its times.
"""

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from model.recognizer import UNSPACED_LANGUAGES, Hypothesis, TimedWord

OPENING_PUNCTUATION = "\"'“¿([{-"
CLOSING_PUNCTUATION = "\"'.。,，!！?？:：”)]}、"
SENTENCE_ENDS = ".。!！?？"
# half of the longest that a word at the edge of a sentence is believed to last, however slowly words follow
LONGEST_MEDIAN_S = 0.7
# the times of a segment are believed where the attention is further off than this
SEGMENT_TOLERANCE_S = 0.5


@dataclass(frozen=True)
class Stretch:
    """Some of the tokens of a text: [start, end), and what they say, spaces included."""

    text: str
    start: int
    end: int
    # the punctuation that ends a word
    is_tail: bool = False


@dataclass(frozen=True)
class Spoken:
    """A stretch of text and when it was said, in seconds."""

    text: str
    start_s: float
    end_s: float
    probability: float
    is_tail: bool = False

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def ends_sentence(self) -> bool:
        return _is_all(self.text, SENTENCE_ENDS)


def add_words(
    hypothesis: Hypothesis,
    decode: Callable[[Sequence[int]], str],
    language: str,
    starts_s: np.ndarray | None,
    probabilities: np.ndarray | None,
) -> Hypothesis:
    """The hypothesis with the words of its segments.

    language: that of the text. starts_s [n + 1] and probabilities [n]: of the tokens of all segments, as in
    `time_words`; None where they are not known.
    """
    split = [split_words(segment.tokens, decode, language) for segment in hypothesis.segments]
    if starts_s is None or probabilities is None:
        words = [untimed_words(segment) for segment in split]
    else:
        times_s = [(segment.start_s, segment.end_s) for segment in hypothesis.segments]
        words = time_words(split, times_s, starts_s, probabilities)
    segments = [replace(segment, words=own) for segment, own in zip(hypothesis.segments, words, strict=True)]
    return replace(hypothesis, segments=tuple(segments))


def split_words(tokens: Sequence[int], decode: Callable[[Sequence[int]], str], language: str) -> list[Stretch]:
    """The words of one segment's tokens; the punctuation after a word is a stretch of its own. They join to its text.

    decode: tokens to text, special tokens left out.
    """
    characters = _split_characters(tokens, decode)
    if language in UNSPACED_LANGUAGES:
        return characters
    words: list[list[Stretch]] = []
    for stretch in characters:
        if stretch.text.startswith(" ") or not words:
            words.append([])
        words[-1].append(stretch)
    return [part for word in words for part in _without_tail(word)]


def time_words(
    segments: Sequence[Sequence[Stretch]],
    segment_times_s: Sequence[tuple[float, float]],
    starts_s: np.ndarray,
    probabilities: np.ndarray,
) -> list[tuple[TimedWord, ...]]:
    """The words of each segment of a window.

    segments: of `split_words`, one for each segment. segment_times_s: start and end of each. starts_s: when each token
    of all segments begins, and when the last one ends. probabilities: of each token.
    """
    n_tokens = [segment[-1].end if segment else 0 for segment in segments]
    firsts = np.cumsum([0, *n_tokens])
    spoken = [
        _spoken(stretch, int(first), starts_s, probabilities)
        for segment, first in zip(segments, firsts, strict=False)
        for stretch in segment
    ]
    durations_s = [word.duration_s for word in spoken if word.duration_s > 0]
    median_s = min(LONGEST_MEDIAN_S, float(np.median(durations_s))) if durations_s else 0.0
    rest = iter(_shorten_at_sentences(spoken, 2 * median_s))
    timed, silent_since_s = [], 0.0
    for segment, times_s in zip(segments, segment_times_s, strict=True):
        own = _merge_punctuation([next(rest) for _ in segment])
        own = _shorten_at_segment(own, times_s, silent_since_s, median_s)
        silent_since_s = own[-1].end_s if own else silent_since_s
        timed.append(tuple(_timed(word) for word in own))
    return timed


def untimed_words(segment: Sequence[Stretch]) -> tuple[TimedWord, ...]:
    """The words of a segment of which nothing else is known."""
    merged = _merge_punctuation([Spoken(s.text, 0.0, 0.0, 0.0, s.is_tail) for s in segment])
    return tuple(TimedWord(word.text.strip(), None, None, None) for word in merged)


def _split_characters(tokens: Sequence[int], decode: Callable[[Sequence[int]], str]) -> list[Stretch]:
    """The shortest runs of tokens that are whole characters."""
    text, n_written, start = decode(tokens), 0, 0
    stretches = []
    for end in range(1, len(tokens) + 1):
        said = decode(tokens[start:end]) if end < len(tokens) else text[n_written:]
        # part of a character decodes to a replacement character, which the text has only where it is broken itself
        if text.startswith(said, n_written):
            stretches.append(Stretch(said, start, end))
            n_written, start = n_written + len(said), end
    return stretches


def _without_tail(word: Sequence[Stretch]) -> list[Stretch]:
    """The word and the punctuation after it, in one or two stretches."""
    n = len(word)
    while n and _is_all(word[n - 1].text, string.punctuation + CLOSING_PUNCTUATION):
        n -= 1
    n = n or len(word)
    return [_join(word[:n]), *([replace(_join(word[n:]), is_tail=True)] if n < len(word) else [])]


def _join(stretches: Sequence[Stretch]) -> Stretch:
    return Stretch("".join(stretch.text for stretch in stretches), stretches[0].start, stretches[-1].end)


def _spoken(stretch: Stretch, first: int, starts_s: np.ndarray, probabilities: np.ndarray) -> Spoken:
    start, end = first + stretch.start, first + stretch.end
    probability = float(np.mean(probabilities[start:end], dtype=np.float64))
    return Spoken(stretch.text, float(starts_s[start]), float(starts_s[end]), probability, stretch.is_tail)


def _shorten_at_sentences(spoken: Sequence[Spoken], longest_s: float) -> list[Spoken]:
    """Takes a pause between sentences from the sign that ends one or from the word that begins the next."""
    shortened = list(spoken[:1])
    for before, word in pairwise(spoken):
        if word.duration_s > longest_s and word.ends_sentence:
            word = replace(word, end_s=word.start_s + longest_s)
        elif word.duration_s > longest_s and before.ends_sentence:
            word = replace(word, start_s=word.end_s - longest_s)
        shortened.append(word)
    return shortened


def _merge_punctuation(spoken: Sequence[Spoken]) -> list[Spoken]:
    """Joins punctuation to the word it belongs to, whose times stay what they are."""
    merged: list[Spoken] = []
    opening = ""
    for word in spoken:
        closes = word.is_tail or _is_all(word.text, CLOSING_PUNCTUATION, strip=False) or not word.text.strip()
        if merged and not opening and closes:
            merged[-1] = replace(merged[-1], text=merged[-1].text + word.text)
        elif _is_all(word.text, OPENING_PUNCTUATION) or not word.text.strip():
            opening += word.text
        else:
            merged.append(replace(word, text=opening + word.text))
            opening = ""
    if opening.strip():
        # nothing follows it
        alone = replace(spoken[-1], text=opening)
        merged[-1:] = [replace(merged[-1], text=merged[-1].text + opening)] if merged else [alone]
    return merged


def _shorten_at_segment(
    words: Sequence[Spoken], times_s: tuple[float, float], silent_since_s: float, median_s: float
) -> list[Spoken]:
    """Takes the pauses around a segment from its first two words and its last. Words are never made longer."""
    if not words:
        return []
    shortened = _shorten_after_pause(words, silent_since_s, median_s)
    start_s, end_s = times_s
    first = shortened[0]
    if first.start_s + SEGMENT_TOLERANCE_S < start_s < first.end_s:
        start_s = min(start_s, first.end_s - median_s)
        shortened[0] = replace(first, start_s=max(first.start_s, start_s))
    last = shortened[-1]
    if last.start_s < end_s < last.end_s - SEGMENT_TOLERANCE_S:
        end_s = max(end_s, last.start_s + median_s)
        shortened[-1] = replace(last, end_s=min(last.end_s, end_s))
    return shortened


def _shorten_after_pause(words: Sequence[Spoken], silent_since_s: float, median_s: float) -> list[Spoken]:
    first, *others = words
    longest_s = 2 * median_s
    are_long = bool(others) and others[0].end_s - first.start_s > 2 * longest_s
    if first.end_s - silent_since_s <= 2 * longest_s or not (first.duration_s > longest_s or are_long):
        return list(words)
    if others and others[0].duration_s > longest_s:
        # the pause was taken for the end of the first word and the beginning of the second
        boundary_s = others[0].end_s - longest_s
        others[0] = replace(others[0], start_s=boundary_s)
        first = replace(first, end_s=boundary_s)
    return [replace(first, start_s=max(first.start_s, first.end_s - longest_s)), *others]


def _timed(word: Spoken) -> TimedWord:
    return TimedWord(word.text.strip(), round(word.start_s, 2), round(word.end_s, 2), word.probability)


def _is_all(text: str, marks: str, strip: bool = True) -> bool:
    """Whether the text is made of these marks alone, and of at least one."""
    text = text.strip() if strip else text
    return bool(text) and all(character in marks for character in text)
