"""Prefix beam search over the outputs of a CTC network (Graves 2012, section 7.5.3; Hannun et al. 2014).

A prefix is a row of labels; its probability is the sum over all paths that write it, kept apart by whether they end in
a blank, as only those write a label twice that the prefix ends in. All rows and beams go on together, frame by frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from model.ctc.fusion import Scorer
from model.ctc.ngram import State

# numbers of prefixes
EMPTY, NO_PREFIX = 0, -1
STAY = -1


@dataclass(frozen=True)
class Prefix:
    """A hypothesis of a search."""

    labels: tuple[int, ...]
    # natural log of its probability: the sum over the paths that the search went
    logprob: float
    # logprob and what the scorer says of the whole text
    score: float


def prefix_beam_search(
    logprobs: np.ndarray,
    n_frames: Sequence[int],
    blank: int,
    *,
    beam_width: int,
    margin: float = np.inf,
    scorer: Scorer | None = None,
) -> list[list[Prefix]]:
    """The beams of each row, best first.

    logprobs: [n, n_frames_max, n_labels] natural log. n_frames: of each row. margin: a label that is less likely in a
    frame than its likeliest one by more than this, in natural log, begins nothing there.
    """
    prefixes = _Prefixes(scorer)
    beams = _Beams.begin(len(logprobs), beam_width, blank, prefixes.gains(EMPTY) if scorer else None)
    lengths = np.asarray(n_frames)
    for frame in range(logprobs.shape[1]):
        said = np.array(logprobs[:, frame], np.float64)
        # a row that has ended says blanks for sure, which changes nothing
        ended = frame >= lengths
        said[ended] = -np.inf
        said[ended, blank] = 0.0
        beams = _choose(beams, _candidates(beams, said, blank, margin), prefixes)
    return [_hypotheses(beams, row, prefixes) for row in range(len(logprobs))]


class _Prefixes:
    """All prefixes that a search has met, numbered; equal prefixes have one number."""

    def __init__(self, scorer: Scorer | None) -> None:
        self._scorer = scorer
        self._children: dict[tuple[int, int], int] = {}
        self._parents, self._labels = [NO_PREFIX], [STAY]
        self._states: list[State] = [scorer.begin() if scorer else None]

    def child(self, prefix: int, label: int) -> int:
        child = self._children.get((prefix, label))
        if child is None:
            child = self._children[prefix, label] = len(self._parents)
            self._parents.append(prefix)
            self._labels.append(label)
            if self._scorer:
                self._states.append(self._scorer.advance(self._states[prefix], label))
        return child

    def gains(self, prefix: int) -> np.ndarray:
        assert self._scorer
        return self._scorer.gains(self._states[prefix])

    def end(self, prefix: int) -> float:
        return self._scorer.end(self._states[prefix]) if self._scorer else 0.0

    def labels(self, prefix: int) -> tuple[int, ...]:
        labels = []
        while prefix != EMPTY:
            labels.append(self._labels[prefix])
            prefix = self._parents[prefix]
        return tuple(reversed(labels))


@dataclass(frozen=True, eq=False)
class _Beams:
    """The best prefixes of all rows, best first. Arrays are [n, beam_width] unless they say otherwise."""

    # number of the prefix; NO_PREFIX where there are fewer than the beam is wide
    prefix: np.ndarray
    # number of the prefix without its last label
    parent: np.ndarray
    # the last label; the blank for the empty prefix
    last: np.ndarray
    # natural log of the probability of the paths that end in a blank, and of those that end in the last label
    in_blank: np.ndarray
    in_label: np.ndarray
    # what the scorer has given so far
    bonus: np.ndarray
    # [n, beam_width, n_labels] what it gives for a label more; None without a scorer
    gains: np.ndarray | None

    @classmethod
    def begin(cls, n_rows: int, beam_width: int, blank: int, gains: np.ndarray | None) -> "_Beams":
        shape = n_rows, beam_width
        prefix, in_blank = np.full(shape, NO_PREFIX), np.full(shape, -np.inf)
        prefix[:, 0], in_blank[:, 0] = EMPTY, 0.0
        return cls(
            prefix=prefix,
            parent=np.full(shape, NO_PREFIX),
            last=np.full(shape, blank),
            in_blank=in_blank,
            in_label=np.full(shape, -np.inf),
            bonus=np.zeros(shape),
            gains=None if gains is None else np.tile(gains, (*shape, 1)),
        )


class _Candidates(NamedTuple):
    """What the beams may become in a frame: first each as it is, then each with each likely label. [n, n_candidates]"""

    # the beam it comes from, and the label it is longer by; STAY where it is not
    source: np.ndarray
    label: np.ndarray
    # as in `_Beams`
    in_blank: np.ndarray
    in_label: np.ndarray
    bonus: np.ndarray


def _candidates(beams: _Beams, said: np.ndarray, blank: int, margin: float) -> _Candidates:
    """said: [n, n_labels] natural log."""
    n_rows, beam_width = beams.prefix.shape
    total = np.logaddexp(beams.in_blank, beams.in_label)
    stays_in_label = beams.in_label + np.take_along_axis(said, beams.last, axis=1)
    labels, logprobs = _likely(said, blank, margin)
    # [n, beam_width, n_likely]: a label after itself is another one only where a blank was between
    is_repeated = labels[:, None] == beams.last[:, :, None]
    longer = np.where(is_repeated, beams.in_blank[:, :, None], total[:, :, None]) + logprobs[:, None]
    _merge(beams, total, said, labels, stays_in_label, longer)
    gains = 0.0 if beams.gains is None else np.take_along_axis(beams.gains, labels[:, None], axis=2)

    def joined(stays: np.ndarray | float, longer: np.ndarray | float) -> np.ndarray:
        shape = n_rows, beam_width
        stays, longer = np.broadcast_to(stays, shape), np.broadcast_to(longer, (*shape, labels.shape[1]))
        return np.concatenate([stays, longer.reshape(n_rows, beam_width * labels.shape[1])], axis=1)

    beam = np.arange(beam_width)
    return _Candidates(
        source=joined(beam, beam[:, None]),
        label=joined(STAY, labels[:, None]),
        in_blank=joined(total + said[:, blank, None], -np.inf),
        in_label=joined(stays_in_label, longer),
        bonus=joined(beams.bonus, beams.bonus[:, :, None] + gains),
    )


def _likely(said: np.ndarray, blank: int, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """The labels that may be written in this frame, and their log-probabilities, both [n, n_likely].

    Rows that have fewer are filled up with others at -inf.
    """
    is_likely = said >= said.max(axis=1, keepdims=True) - margin
    is_likely[:, blank] = False
    n_likely = int(is_likely.sum(axis=1).max(initial=0))
    labels = np.argsort(~is_likely, axis=1, kind="stable")[:, :n_likely]
    logprobs = np.where(
        np.take_along_axis(is_likely, labels, axis=1), np.take_along_axis(said, labels, axis=1), -np.inf
    )
    return labels, logprobs


def _merge(
    beams: _Beams,
    total: np.ndarray,
    said: np.ndarray,
    labels: np.ndarray,
    stays_in_label: np.ndarray,
    longer: np.ndarray,
) -> None:
    """Where a beam with a label more is another beam, its paths go there: out of `longer`, into `stays_in_label`."""
    is_parent = (beams.parent[:, :, None] == beams.prefix[:, None]) & (beams.prefix[:, None] != NO_PREFIX)
    row, child, parent = np.nonzero(is_parent)
    label = beams.last[row, child]
    mass = np.where(beams.last[row, parent] == label, beams.in_blank[row, parent], total[row, parent])
    stays_in_label[row, child] = np.logaddexp(stays_in_label[row, child], mass + said[row, label])
    merged, place = np.nonzero(labels[row] == label[:, None])
    longer[row[merged], parent[merged], place] = -np.inf


def _choose(beams: _Beams, candidates: _Candidates, prefixes: _Prefixes) -> _Beams:
    """The best candidates; of equally good ones those that come first."""
    score = np.logaddexp(candidates.in_blank, candidates.in_label) + candidates.bonus
    best = np.argsort(-score, axis=1, kind="stable")[:, : beams.prefix.shape[1]]
    chosen = _Candidates(*(np.take_along_axis(array, best, axis=1) for array in candidates))
    is_alive = np.take_along_axis(score, best, axis=1) > -np.inf
    prefix = np.where(is_alive, np.take_along_axis(beams.prefix, chosen.source, axis=1), NO_PREFIX)
    parent = np.take_along_axis(beams.parent, chosen.source, axis=1)
    gains = None if beams.gains is None else np.take_along_axis(beams.gains, chosen.source[:, :, None], axis=1)
    is_longer = is_alive & (chosen.label != STAY)
    parent[is_longer] = prefix[is_longer]
    children = map(prefixes.child, prefix[is_longer].tolist(), chosen.label[is_longer].tolist())
    prefix[is_longer] = list(children)
    if gains is not None and is_longer.any():
        gains[is_longer] = [prefixes.gains(child) for child in prefix[is_longer].tolist()]
    last = np.where(is_longer, chosen.label, np.take_along_axis(beams.last, chosen.source, axis=1))
    return _Beams(prefix, parent, last, chosen.in_blank, chosen.in_label, chosen.bonus, gains)


def _hypotheses(beams: _Beams, row: int, prefixes: _Prefixes) -> list[Prefix]:
    """The prefixes of one row with their ends scored, best first."""
    logprobs = np.logaddexp(beams.in_blank[row], beams.in_label[row])
    hypotheses = [
        Prefix(prefixes.labels(prefix), float(logprob), float(logprob + bonus) + prefixes.end(prefix))
        for prefix, logprob, bonus in zip(beams.prefix[row].tolist(), logprobs, beams.bonus[row], strict=True)
        if prefix != NO_PREFIX
    ]
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)
