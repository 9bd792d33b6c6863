"""Forced alignment: the frames in which a CTC network says the labels of a known text.

The Viterbi path through the text with a blank around every label, as in Kürzinger et al. 2020, "CTC-Segmentation",
section 2, without that paper's free ends: all frames belong to the text. NumPy over all rows at once, frame by frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Alignment:
    """The likeliest path that writes the labels of one row."""

    # of each label, [start, end): the frames in which the path is on it; the others are blanks
    frames: tuple[tuple[int, int], ...]
    # of the path, natural log
    logprob: float


def align(
    logprobs: np.ndarray, n_frames: Sequence[int], labels: Sequence[Sequence[int]], blank: int
) -> list[Alignment | None]:
    """The best path of each row; None where no path writes its labels, as they are too many for its frames.

    logprobs: [n, n_frames_max, n_labels] natural log. n_frames: of each row. labels: of each row, without blanks.
    Takes n * n_frames_max * (2 * labels + 1) bytes.
    """
    n_rows, n_frames_max, _ = logprobs.shape
    lengths = np.asarray(n_frames, np.int64)
    states, n_states = _states(labels, blank)
    scores = np.full(states.shape, -np.inf)
    scores[:, 0] = 0.0
    # how many states the best path into each state came over: 0 stays, 1 steps, 2 leaves a blank out
    moves = np.zeros((n_frames_max, *states.shape), np.uint8)
    can_skip = np.zeros(states.shape, bool)
    can_skip[:, 3:] = (states[:, 3:] != blank) & (states[:, 3:] != states[:, 1:-2])
    for frame in range(n_frames_max):
        emitted = np.take_along_axis(logprobs[:, frame], states, axis=1)
        arrived, moves[frame] = _best_move(scores, can_skip, is_first=frame == 0)
        scores = np.where((frame < lengths)[:, None], arrived + emitted, scores)
    paths, path_scores = _trace(scores, moves, lengths, n_states)
    return [_alignment(paths[row, : lengths[row]], len(labels[row]), float(path_scores[row])) for row in range(n_rows)]


def _states(labels: Sequence[Sequence[int]], blank: int) -> tuple[np.ndarray, np.ndarray]:
    """What each state says: blank, label, blank, ..., blank; [n, n_states_max] and how many are a row's own [n]."""
    n_states = np.array([2 * len(row) + 1 for row in labels], np.int64)
    states = np.full((len(labels), int(n_states.max(initial=1))), blank, np.int64)
    for row, own in enumerate(labels):
        states[row, 1 : 2 * len(own) : 2] = own
    return states, n_states


def _best_move(scores: np.ndarray, can_skip: np.ndarray, is_first: bool) -> tuple[np.ndarray, np.ndarray]:
    """The score of the best path into each state, before this frame is said, and the move that it makes."""
    step = np.full_like(scores, -np.inf)
    step[:, 1:] = scores[:, :-1]
    if is_first:
        # a path begins on the first blank or on the first label
        return np.maximum(scores, step), (step > scores).astype(np.uint8)
    skip = np.full_like(scores, -np.inf)
    skip[:, 2:] = np.where(can_skip[:, 2:], scores[:, :-2], -np.inf)
    moves = np.where(step > scores, 1, 0)
    best = np.maximum(scores, step)
    return np.maximum(best, skip), np.where(skip > best, 2, moves).astype(np.uint8)


def _trace(
    scores: np.ndarray, moves: np.ndarray, lengths: np.ndarray, n_states: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The state of every frame on the best path of each row [n, n_frames_max], and the path's score [n]."""
    rows = np.arange(len(scores))
    last_label = np.maximum(n_states - 2, 0)
    ends_on_label = scores[rows, last_label] >= scores[rows, n_states - 1]
    state = np.where(ends_on_label, last_label, n_states - 1)
    path_scores = scores[rows, state]
    paths = np.zeros((len(scores), len(moves)), np.int64)
    for frame in reversed(range(len(moves))):
        inside = frame < lengths
        paths[:, frame] = state
        state = np.where(inside, state - moves[frame, rows, state], state)
    return paths, path_scores


def _alignment(path: np.ndarray, n_labels: int, logprob: float) -> Alignment | None:
    """path: [n_frames] the states, which never go back."""
    if logprob == -np.inf or (n_labels and not len(path)):
        return None
    said = 2 * np.arange(n_labels) + 1
    starts, ends = np.searchsorted(path, said, "left"), np.searchsorted(path, said, "right")
    return Alignment(tuple(zip(starts.tolist(), ends.tolist(), strict=True)), logprob)
