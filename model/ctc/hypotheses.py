"""What a CTC network decoded, as the hypothesis that all recognisers return."""

import math
from collections.abc import Sequence

import numpy as np

from model.ctc.decoded import Decoded, DecodedWord
from model.recognizer import Hypothesis, TimedText, TimedWord, compression_ratio

# words further apart than this are in different segments
PAUSE_S = 1.0
# a network emits a label for a moment within its sound: a segment reaches over its words by this, where there is room
EDGE_S = 0.2
# of a label that is never likely
LEAST_PROBABILITY = 1e-10


def hypothesis_of(
    decoded: Decoded, logprobs: np.ndarray, frame_s: float, window_s: float, language: str, *, with_words: bool
) -> Hypothesis:
    """logprobs: [n_frames, n_labels] of this row. window_s: how much of the window holds sound."""
    groups = _parted_at_pauses(decoded.words, frame_s)
    return Hypothesis(
        tokens=decoded.labels,
        text=decoded.text,
        segments=_segments(groups, decoded, frame_s, window_s, with_words=with_words),
        avg_logprob=average_logprob(decoded, logprobs),
        no_speech_prob=None,
        compression_ratio=compression_ratio(decoded.text),
        temperature=0.0,
        language=language,
        language_probability=None,
    )


def average_logprob(decoded: Decoded, logprobs: np.ndarray) -> float:
    """Mean over the labels of the natural log of their mean probability in their frames.

    Comparable with a mean over tokens: blanks, which are most frames and nearly certain, do not count. Where nothing
    is written, the mean over the frames' blanks.
    """
    if not decoded.labels:
        return decoded.logprob / max(1, len(logprobs))
    pairs = zip(decoded.labels, decoded.frames, strict=True)
    probabilities = [float(np.exp(logprobs[start:end, label]).mean()) for label, (start, end) in pairs]
    return sum(math.log(max(p, LEAST_PROBABILITY)) for p in probabilities) / len(probabilities)


def _parted_at_pauses(words: Sequence[DecodedWord], frame_s: float) -> list[list[DecodedWord]]:
    groups: list[list[DecodedWord]] = []
    for word in words:
        if groups and (word.start_frame - groups[-1][-1].end_frame) * frame_s <= PAUSE_S:
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups


def _segments(
    groups: Sequence[Sequence[DecodedWord]], decoded: Decoded, frame_s: float, window_s: float, *, with_words: bool
) -> tuple[TimedText, ...]:
    return tuple(
        TimedText(
            start_s=max(0.0, group[0].start_frame * frame_s - EDGE_S),
            end_s=min(max(window_s, group[-1].end_frame * frame_s), group[-1].end_frame * frame_s + EDGE_S),
            text=" ".join(word.word for word in group),
            tokens=_labels_between(decoded, group[0].start_frame, group[-1].end_frame),
            words=tuple(_timed(word, frame_s) for word in group) if with_words else (),
        )
        for group in groups
    )


def _labels_between(decoded: Decoded, start_frame: int, end_frame: int) -> tuple[int, ...]:
    pairs = zip(decoded.labels, decoded.frames, strict=True)
    return tuple(label for label, (start, end) in pairs if start >= start_frame and end <= end_frame)


def _timed(word: DecodedWord, frame_s: float) -> TimedWord:
    return TimedWord(word.word, word.start_frame * frame_s, word.end_frame * frame_s, word.probability)
