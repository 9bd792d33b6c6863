"""What was decoded from a CTC network, as a recogniser states it: segments and words in seconds."""

from collections.abc import Sequence

from model.ctc.decoded import Decoded, DecodedWord
from model.recognizer import UNSPACED_LANGUAGES, Hypothesis, TimedText, TimedWord, compression_ratio

# a pause from which on a new segment begins: CTC writes no punctuation to cut at
PAUSE_S = 0.8


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
