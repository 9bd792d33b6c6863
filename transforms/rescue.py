"""A second chance for windows whose first hypothesis does not hold, and only for them.

A window that repeats itself, or that the model does not believe, is sampled at rising temperatures until a hypothesis
holds (Radford et al. 2022, section 4.5); where none does, the likeliest that does not repeat itself is kept. Then
speech that no segment covers (the model ended early, or skipped) is cut out and recognised alone.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.recognizer import SAMPLE_RATE_HZ, Hypothesis, Recognizer, TimedText
from transforms.guards import REPETITIVE_RATIO, Stretch, doubts, judge, uncovered
from transforms.windows import Window, spans_samples, to_window_s

# a stretch that is nearly the whole window would only give the same again
MAX_RECUT_SHARE = 0.9
# the rest of a rest: an early end may come twice
MAX_RECUTS = 3


@dataclass(frozen=True)
class Rescued:
    """What became of a window that was tried again."""

    hypothesis: Hypothesis
    # `rescued`: a sampled hypothesis won
    flags: tuple[str, ...]


def needs_rescue(window: Window, hypothesis: Hypothesis) -> bool:
    """Whether a second pass may do better."""
    if judge(hypothesis).drop_rule:
        return False
    return bool(doubts(hypothesis) or _left_out(window, hypothesis))


def rescue(windows: Sequence[Window], firsts: Sequence[Hypothesis], model: Recognizer) -> list[Rescued]:
    """Tries windows again. Each result depends on its own window alone."""
    rescued = _sample_again(windows, firsts, model)
    for _ in range(MAX_RECUTS):
        todo = [i for i, (w, r) in enumerate(zip(windows, rescued, strict=True)) if _left_out(w, r.hypothesis)]
        if not todo:
            break
        cuts = [(i, stretch) for i in todo for stretch in _left_out(windows[i], rescued[i].hypothesis)]
        waveforms = np.stack([_cut_out(windows[i], stretch, model.window_samples) for i, stretch in cuts])
        heard = model.recognize(waveforms, [rescued[i].hypothesis.language for i, _ in cuts])
        grown = False
        for (i, (start_s, _)), more in zip(cuts, heard, strict=True):
            if more.segments and not judge(more).drop_rule and more.compression_ratio <= REPETITIVE_RATIO:
                merged = merge(rescued[i].hypothesis, more, start_s)
                rescued[i] = Rescued(merged, rescued[i].flags)
                grown = True
        if not grown:
            break
    return rescued


def _sample_again(windows: Sequence[Window], firsts: Sequence[Hypothesis], model: Recognizer) -> list[Rescued]:
    rescued = [Rescued(first, ()) for first in firsts]
    doubtful = [i for i, first in enumerate(firsts) if doubts(first)]
    if not doubtful:
        return rescued
    waveforms = np.stack([padded(windows[i].samples, model.window_samples) for i in doubtful])
    tries = model.sample(
        waveforms,
        [firsts[i].language for i in doubtful],
        [seed_of(windows[i].samples) for i in doubtful],
        lambda hypothesis: not doubts(hypothesis),
    )
    for i, sampled in zip(doubtful, tries, strict=True):
        best = choose([firsts[i], *sampled])
        rescued[i] = Rescued(best, () if best is firsts[i] else ("rescued",))
    return rescued


def choose(candidates: Sequence[Hypothesis]) -> Hypothesis:
    """The first that holds; else the likeliest that does not repeat itself; else the least repetitive."""
    holding = [c for c in candidates if not doubts(c)]
    if holding:
        return holding[0]
    varied = [c for c in candidates if c.compression_ratio <= REPETITIVE_RATIO]
    if varied:
        return max(varied, key=lambda c: c.avg_logprob)
    return min(candidates, key=lambda c: c.compression_ratio)


def seed_of(samples: np.ndarray) -> int:
    """A seed that depends on the audio alone."""
    return int.from_bytes(hashlib.sha256(samples.tobytes()).digest()[:8])


def padded(samples: np.ndarray, n_samples: int) -> np.ndarray:
    """Samples [n] with zeros to [n_samples] float32."""
    return np.pad(samples, (0, n_samples - len(samples))).astype(np.float32, copy=False)


def _left_out(window: Window, hypothesis: Hypothesis) -> list[Stretch]:
    speech = [
        (to_window_s(window.spans, s.start_sample), to_window_s(window.spans, s.end_sample)) for s in window.speech
    ]
    longest_s = MAX_RECUT_SHARE * spans_samples(window.spans) / SAMPLE_RATE_HZ
    return [(a, b) for a, b in uncovered(speech, hypothesis.segments) if b - a < longest_s]


def _cut_out(window: Window, stretch: Stretch, n_samples: int) -> np.ndarray:
    start, end = (round(edge_s * SAMPLE_RATE_HZ) for edge_s in stretch)
    return padded(window.samples[start:end], n_samples)


def merge(first: Hypothesis, more: Hypothesis, offset_s: float) -> Hypothesis:
    """One hypothesis of the segments of both, those of `more` moved by `offset_s` into `first` and flagged `recut`."""
    moved = [TimedText(s.start_s + offset_s, s.end_s + offset_s, s.text, s.tokens, ("recut",)) for s in more.segments]
    segments = tuple(sorted((*first.segments, *moved), key=lambda s: (s.start_s, s.end_s)))
    n_first, n_more = len(first.tokens) + 1, len(more.tokens) + 1
    return replace(
        first,
        tokens=(*first.tokens, *more.tokens),
        text=" ".join(s.text for s in segments),
        segments=segments,
        avg_logprob=(first.avg_logprob * n_first + more.avg_logprob * n_more) / (n_first + n_more),
        compression_ratio=max(first.compression_ratio, more.compression_ratio),
        temperature=max(first.temperature, more.temperature),
    )
