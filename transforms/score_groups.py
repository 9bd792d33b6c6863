"""Scores of groups of utterances: error rates with bootstrap intervals, coverage, calibration of the confidence."""

import math
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from transforms.assets import channel_order
from transforms.score_rows import GroupScoreRow, UtteranceScoreRow
from transforms.scoring import rate

DURATION_EDGES_S = (5, 10, 20, 30, 60, 600, 3600)
SNR_EDGES_DB = (0, 5, 10, 15, 20, 30, 40)
CONFIDENCE_EDGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
INTERVAL_PERCENT = (2.5, 97.5)
# indices drawn at once: 32 MB
BOOTSTRAP_BLOCK = 4_000_000


class Group(NamedTuple):
    """A key of `group_scores`."""

    group_by: str
    group: str | None


class Counts(NamedTuple):
    """What a group needs of an utterance: numbers, no text."""

    uri: str
    channel: int | None
    missing: bool
    words: int
    substitutions: int
    deletions: int
    insertions: int
    characters: int
    char_errors: int
    hallucinated_words: int
    # 0 where missing
    speech_s: float
    covered_speech_s: float
    confidence: float | None

    @property
    def errors(self) -> int:
        """Words that are wrong."""
        return self.substitutions + self.deletions + self.insertions


@dataclass(frozen=True)
class Evaluation:
    """What the rows of one evaluation have in common, and how its intervals are drawn."""

    evaluation_id: str
    evaluated_at: datetime
    # folder of the tables that are scored
    transcripts: str
    n_bootstrap: int
    seed: int


def counts_of(row: UtteranceScoreRow) -> Counts:
    """The numbers of an utterance."""
    return Counts(
        row.uri,
        row.channel,
        row.missing,
        row.words,
        row.substitutions,
        row.deletions,
        row.insertions,
        row.characters,
        row.char_errors,
        row.hallucinated_words,
        row.speech_s or 0.0,
        row.covered_speech_s or 0.0,
        row.confidence,
    )


def bin_labels(edges: Sequence[float], unit: str) -> list[str]:
    """Names of the bins that edges make, the open ones at both ends included: `< 5 s`, `5-10 s`, `>= 10 s`."""
    between = [f"{low:g}-{high:g}{unit}" for low, high in pairwise(edges)]
    return [f"< {edges[0]:g}{unit}", *between, f">= {edges[-1]:g}{unit}"]


DURATION_BINS = bin_labels(DURATION_EDGES_S, " s")
SNR_BINS = bin_labels(SNR_EDGES_DB, " dB")
CONFIDENCE_BINS = bin_labels(CONFIDENCE_EDGES, "")

# in the order in which they are printed
GROUPINGS: dict[str, Callable[[UtteranceScoreRow], str | None]] = {
    "all": lambda row: "all",
    "corpus": lambda row: row.corpus,
    "language": lambda row: row.language,
    "channel": lambda row: None if row.channel is None else str(row.channel),
    "duration": lambda row: _bin(row.duration_s, DURATION_EDGES_S, DURATION_BINS),
    "snr": lambda row: _bin(row.snr_db, SNR_EDGES_DB, SNR_BINS),
    "confidence": lambda row: _bin(row.confidence, CONFIDENCE_EDGES, CONFIDENCE_BINS),
}


def _bin(value: float | None, edges: Sequence[float], labels: Sequence[str]) -> str | None:
    return None if value is None else labels[bisect_right(edges, value)]


def groups_of(row: UtteranceScoreRow) -> Iterator[tuple[Group, Counts]]:
    """The groups that an utterance belongs to, one of each kind."""
    counts = counts_of(row)
    for group_by, value_of in GROUPINGS.items():
        yield Group(group_by, value_of(row)), counts


def in_reading_order(rows: Iterable[GroupScoreRow]) -> list[GroupScoreRow]:
    """Rows as they are printed: by kind, bins from low to high, what is not known last."""
    bins = [*DURATION_BINS, *SNR_BINS, *CONFIDENCE_BINS]
    kinds = list(GROUPINGS)

    def key(row: GroupScoreRow) -> tuple[int, bool, int, str]:
        group = row.group or ""
        return kinds.index(row.group_by), row.group is None, bins.index(group) if group in bins else -1, group

    return sorted(rows, key=key)


def score_group(group: Group, utterances: Iterable[Counts], evaluation: Evaluation) -> GroupScoreRow:
    """The row of a group. The order of its utterances changes nothing."""
    counts = sorted(utterances, key=lambda c: (c.uri, channel_order(c.channel)))
    words, errors = [c.words for c in counts], [c.errors for c in counts]
    speech_s = math.fsum(c.speech_s for c in counts)
    low, high = bootstrap_interval(errors, words, evaluation.n_bootstrap, _seed(evaluation.seed, group))
    calibration = calibrate(counts)
    return GroupScoreRow(
        group_by=group.group_by,
        group=group.group,
        utterances=len(counts),
        missing=sum(c.missing for c in counts),
        words=sum(words),
        substitutions=sum(c.substitutions for c in counts),
        deletions=sum(c.deletions for c in counts),
        insertions=sum(c.insertions for c in counts),
        wer=rate(sum(errors), sum(words)),
        wer_low=low,
        wer_high=high,
        characters=sum(c.characters for c in counts),
        char_errors=sum(c.char_errors for c in counts),
        cer=rate(sum(c.char_errors for c in counts), sum(c.characters for c in counts)),
        hallucinated_words=sum(c.hallucinated_words for c in counts),
        speech_s=speech_s,
        coverage=math.fsum(c.covered_speech_s for c in counts) / speech_s if speech_s else None,
        mean_confidence=calibration.mean_confidence if calibration else None,
        right_fraction=calibration.right_fraction if calibration else None,
        expected_calibration_error=calibration_error(counts) if group.group_by == "all" else None,
        unscored_transcripts=None,
        transcripts=evaluation.transcripts,
        evaluated_at=evaluation.evaluated_at,
        evaluation_id=evaluation.evaluation_id,
    )


def _seed(seed: int, group: Group) -> list[int]:
    """Every group draws by itself, so that none depends on which others there are."""
    return [seed, zlib.crc32(repr(tuple(group)).encode())]


def bootstrap_interval(
    errors: Sequence[int], words: Sequence[int], n_samples: int, seed: Sequence[int]
) -> tuple[float | None, float | None]:
    """The 95 % interval of errors over words: percentiles over samples of utterances, drawn with replacement.

    errors, words: [n] counts of the same utterances. Bisani and Ney 2004, "Bootstrap estimates for confidence intervals
    in ASR performance evaluation". (None, None) where there are no words.
    """
    if not sum(words):
        return None, None
    rng = np.random.default_rng(list(seed))
    error_counts, word_counts = np.asarray(errors), np.asarray(words)
    n = len(word_counts)
    n_at_once = max(1, BOOTSTRAP_BLOCK // n)
    rates: list[np.ndarray] = []
    for start in range(0, n_samples, n_at_once):
        drawn = rng.integers(n, size=(min(n_at_once, n_samples - start), n))
        n_words = word_counts[drawn].sum(axis=1)
        # a sample of nothing but speechless utterances has no rate
        rates.append(error_counts[drawn].sum(axis=1)[n_words > 0] / n_words[n_words > 0])
    every = np.concatenate(rates)
    if not len(every):
        return None, None
    low, high = np.percentile(every, INTERVAL_PERCENT)
    return float(low), float(high)


class Calibration(NamedTuple):
    """Confidence held against what was right, over the words of utterances that have a confidence."""

    words: int
    mean_confidence: float
    right_fraction: float


def calibrate(counts: Iterable[Counts]) -> Calibration | None:
    """None where no utterance has both words and a confidence."""
    known = [(c.confidence, c.words, c.errors) for c in counts if c.confidence is not None and c.words]
    words = sum(n_words for _, n_words, _ in known)
    if not words:
        return None
    mean = math.fsum(confidence * n_words for confidence, n_words, _ in known) / words
    return Calibration(words, mean, max(0.0, 1 - sum(errors for _, _, errors in known) / words))


def calibration_error(counts: Iterable[Counts]) -> float | None:
    """The expected calibration error over bins of confidence, weighted by words (Guo et al. 2017, section 3)."""
    bins: dict[int, list[Counts]] = {}
    for c in counts:
        if c.confidence is not None:
            bins.setdefault(bisect_right(CONFIDENCE_EDGES, c.confidence), []).append(c)
    found = [calibration for members in bins.values() if (calibration := calibrate(members))]
    words = sum(c.words for c in found)
    return math.fsum(c.words * abs(c.mean_confidence - c.right_fraction) for c in found) / words if words else None
