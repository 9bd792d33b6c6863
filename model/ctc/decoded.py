"""What a CTC network said in one row of frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.ctc.vocabulary import CtcVocabulary


@dataclass(frozen=True)
class DecodedWord:
    """A word and the frames [start, end) from the first on its first label to the last on its last one."""

    word: str
    start_frame: int
    end_frame: int
    # mean over its labels of the mean posterior in their frames
    probability: float


@dataclass(frozen=True)
class Decoded:
    """The best hypothesis for one row."""

    # without the blanks and repeats of the path
    labels: tuple[int, ...]
    # [start, end) of each label, on the likeliest path that writes them all
    frames: tuple[tuple[int, int], ...]
    text: str
    # joined by spaces they are the text
    words: tuple[DecodedWord, ...]
    # natural log: of the best path (greedy), or of all the paths a prefix search summed up
    logprob: float
    # what hypotheses are ranked by: logprob, language model and hot words
    score: float


def assemble(
    labels: Sequence[int],
    frames: Sequence[tuple[int, int]],
    logprobs: np.ndarray,
    vocabulary: CtcVocabulary,
    *,
    logprob: float,
    score: float,
) -> Decoded:
    """Labels and their frames with the words they write. logprobs: [n_frames, n_labels], those of the row."""
    probabilities = [
        float(np.exp(logprobs[start:end, label]).mean(dtype=np.float64))
        for label, (start, end) in zip(labels, frames, strict=True)
    ]
    words = tuple(
        DecodedWord(
            vocabulary.text(labels[start:end]),
            frames[start][0],
            frames[end - 1][1],
            float(np.mean(probabilities[start:end])),
        )
        for start, end in vocabulary.words(labels)
    )
    return Decoded(tuple(labels), tuple(frames), vocabulary.text(labels), words, logprob, score)
