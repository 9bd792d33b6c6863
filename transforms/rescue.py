"""A second chance for windows whose first hypothesis does not hold, and only for them.

A window that was cut short, and is unsure or silent then, is heard in full first (`misses_silence`).
A window that begins loud and is unsure is recognised after a moment of silence, and the likelier hypothesis stays.
A window that some guard doubts is searched with a wider beam, then sampled at rising temperatures until a hypothesis
holds (Radford et al. 2022, section 4.5), then cut at its pauses and recognised part by part. `choose` says which wins.
After that, speech that no segment covers (the model ended early, or skipped) is cut out and recognised alone.
"""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from model.recognizer import SAMPLE_RATE_HZ, DecodeOptions, Hypothesis, Recognizer, most_tokens
from transforms.guards import LOOPING, Scene, Stretch, doubts, judge, says_silence, uncovered
from transforms.pieces import REPEATED_SPEECH
from transforms.takes import Take, begins_loud, cut_length, is_first, moved, take_of, take_with_lead, waveforms_of
from transforms.windows import Window

# a stretch that is nearly the whole window would only give the same again
MAX_RECUT_SHARE = 0.9
# the rest of a rest: an early end may come twice
MAX_RECUTS = 3
# a hypothesis is unsure below this: in clean speech half of them are above
UNSURE_LOGPROB = -0.35
# a window that was cut short is heard in full below this
CUT_LOGPROB = -0.7
# a window that is cut at its pauses is cut into parts of about this, where it has the pauses
PART_S = 10.0


@dataclass(frozen=True)
class Rescued:
    """What became of a window that was tried again."""

    hypothesis: Hypothesis
    # `rescued`: another hypothesis won; `repeated_speech`: each part alone says the same again
    flags: tuple[str, ...]


def needs_rescue(window: Window, hypothesis: Hypothesis, scene: Scene) -> bool:
    """Whether a second pass may do better than a hypothesis of the whole window."""
    verdict = judge(hypothesis, scene)
    if verdict.drop_rule:
        return False
    return bool(verdict.flags or _left_out(hypothesis, scene) or may_gain_by_lead(window, hypothesis))


def misses_silence(hypothesis: Hypothesis, cut_s: float) -> bool:
    """Whether a window that was cut to `cut_s` is better recognised with the silence that fills it up."""
    is_cut_off = len(hypothesis.tokens) >= min(DecodeOptions.max_tokens, most_tokens(cut_s))
    return not hypothesis.text or is_cut_off or says_silence(hypothesis) or hypothesis.avg_logprob < CUT_LOGPROB


def may_gain_by_lead(window: Window, hypothesis: Hypothesis) -> bool:
    """Whether a window that was recognised without one may be better recognised after a moment of silence."""
    is_unsure = bool(hypothesis.text) and hypothesis.avg_logprob < UNSURE_LOGPROB
    return is_unsure and not is_first(window) and begins_loud(window.samples)


def rescue(
    windows: Sequence[Window],
    scenes: Sequence[Scene],
    firsts: Sequence[Hypothesis],
    model: Recognizer,
    were_cut: Sequence[bool] | None = None,
) -> list[Rescued]:
    """Tries windows again, in the language that was found at first. Each result depends on its own window alone.

    Those that `were_cut` short are heard in full first, and only tried further where what they then say needs it. As
    steps of few windows do not keep all processors busy, they and the others are tried side by side.
    """
    were_cut = were_cut or [False] * len(windows)
    cut = [i for i, was_cut in enumerate(were_cut) if was_cut]
    others = [i for i, was_cut in enumerate(were_cut) if not was_cut]
    rescued: dict[int, Rescued] = {}
    with ThreadPoolExecutor(2, "rescue") as pool:
        futures = [
            (rows, pool.submit(work, *_picked(rows, windows, scenes, firsts), model))
            for rows, work in ((cut, _rescued_in_full), (others, _rescued))
            if rows
        ]
        for rows, future in futures:
            rescued.update(zip(rows, future.result(), strict=True))
    return [rescued[i] for i in range(len(windows))]


def _picked(
    rows: Sequence[int], windows: Sequence[Window], scenes: Sequence[Scene], heard: Sequence[Hypothesis]
) -> tuple[list[Window], list[Scene], list[Hypothesis]]:
    return [windows[i] for i in rows], [scenes[i] for i in rows], [heard[i] for i in rows]


def _rescued_in_full(
    windows: Sequence[Window], scenes: Sequence[Scene], firsts: Sequence[Hypothesis], model: Recognizer
) -> list[Rescued]:
    """Windows that were cut short, heard in full, and tried further where that needs it."""
    takes = [take_of(window, model.window_samples) for window in windows]
    heard = [
        replace(hypothesis, language_probability=first.language_probability)
        for hypothesis, first in zip(_hear(takes, [first.language for first in firsts], model), firsts, strict=True)
    ]
    rescued = [Rescued(hypothesis, ()) for hypothesis in heard]
    needy = [i for i, hypothesis in enumerate(heard) if needs_rescue(windows[i], hypothesis, scenes[i])]
    chosen = _rescued(*_picked(needy, windows, scenes, heard), model)
    for i, better in zip(needy, chosen, strict=True):
        rescued[i] = better
    return rescued


def _rescued(
    windows: Sequence[Window], scenes: Sequence[Scene], firsts: Sequence[Hypothesis], model: Recognizer
) -> list[Rescued]:
    rescued = _with_lead(windows, scenes, firsts, model)
    so_far = [found.hypothesis for found in rescued]
    doubted = [i for i, hypothesis in enumerate(so_far) if doubts(hypothesis, scenes[i])]
    if doubted:
        chosen = _try_again(*_picked(doubted, windows, scenes, so_far), model)
        for i, better in zip(doubted, chosen, strict=True):
            rescued[i] = Rescued(better.hypothesis, better.flags or rescued[i].flags)
    return [
        replace(found, hypothesis=replace(found.hypothesis, language_probability=first.language_probability))
        for found, first in zip(_fill_in(windows, scenes, rescued, model), firsts, strict=True)
    ]


def _with_lead(
    windows: Sequence[Window], scenes: Sequence[Scene], firsts: Sequence[Hypothesis], model: Recognizer
) -> list[Rescued]:
    """Unsure windows that begin loud, recognised after a moment of silence where that is likelier and holds as well."""
    rescued = [Rescued(first, ()) for first in firsts]
    unsure = [i for i, first in enumerate(firsts) if may_gain_by_lead(windows[i], first)]
    if not unsure:
        return rescued
    takes = [take_with_lead(windows[i], model.window_samples) for i in unsure]
    for i, heard in zip(unsure, _hear(takes, [firsts[i].language for i in unsure], model), strict=True):
        likelier = heard.avg_logprob > firsts[i].avg_logprob
        if likelier and heard.text and set(doubts(heard, scenes[i])) <= set(doubts(firsts[i], scenes[i])):
            rescued[i] = Rescued(heard, ("rescued",))
    return rescued


def choose(candidates: Sequence[Hypothesis], holds: Callable[[Hypothesis], bool], scene: Scene) -> Hypothesis:
    """The first that holds; else the likeliest that does not go in circles; else the least repetitive."""
    holding = [c for c in candidates if holds(c)]
    if holding:
        return holding[0]
    varied = [c for c in candidates if not LOOPING & set(doubts(c, scene))]
    if varied:
        return max(varied, key=lambda c: c.avg_logprob)
    return min(candidates, key=lambda c: c.compression_ratio)


def _try_again(
    windows: Sequence[Window], scenes: Sequence[Scene], firsts: Sequence[Hypothesis], model: Recognizer
) -> list[Rescued]:
    candidates = [[first] for first in firsts]
    languages = [first.language for first in firsts]
    takes = [take_of(window, model.window_samples) for window in windows]
    waveforms = waveforms_of(takes, model.window_samples)
    for found, wider, take in zip(candidates, model.search_wider(waveforms, languages), takes, strict=False):
        found.append(moved(wider, -take.lead_s))
    doubted = [i for i, found in enumerate(candidates) if doubts(found[-1], scenes[i])]
    if doubted:
        sampled = model.sample(
            [waveforms[i] for i in doubted],
            [languages[i] for i in doubted],
            [seed_of(windows[i].samples) for i in doubted],
            lambda k, hypothesis: not doubts(hypothesis, scenes[doubted[k]]),
        )
        for i, drawn in zip(doubted, sampled, strict=True):
            candidates[i] += [moved(hypothesis, -takes[i].lead_s) for hypothesis in drawn]
    in_parts: dict[int, Hypothesis] = {}
    for i in doubted:
        if doubts(candidates[i][-1], scenes[i]) and (parts := _by_parts(windows[i], scenes[i], languages[i], model)):
            in_parts[i] = parts
    chosen = [_best(candidates[i], in_parts.get(i), scenes[i]) for i in range(len(windows))]
    return _with_words(chosen, takes, waveforms, model)


def _with_words(
    chosen: Sequence[Rescued], takes: Sequence[Take], waveforms: Sequence[np.ndarray], model: Recognizer
) -> list[Rescued]:
    """Gives those that were sampled the word times that a search brings along."""
    sampled = [i for i, found in enumerate(chosen) if found.hypothesis.temperature > 0]
    timed: dict[int, Hypothesis] = {}
    if sampled:
        aligned = model.align(
            [waveforms[i] for i in sampled], [moved(chosen[i].hypothesis, takes[i].lead_s) for i in sampled]
        )
        timed = {i: moved(hypothesis, -takes[i].lead_s) for i, hypothesis in zip(sampled, aligned, strict=True)}
    return [replace(found, hypothesis=timed.get(i, found.hypothesis)) for i, found in enumerate(chosen)]


def _best(candidates: Sequence[Hypothesis], in_parts: Hypothesis | None, scene: Scene) -> Rescued:
    """in_parts: what was heard in each part of the window alone, if every part holds."""
    everything = [*candidates, in_parts] if in_parts else candidates
    best = choose(everything, lambda c: c is in_parts or not doubts(c, scene), scene)
    flags = [] if best is candidates[0] else ["rescued"]
    if best is in_parts and LOOPING & set(doubts(best, scene)):
        flags.append(REPEATED_SPEECH)
    return Rescued(best, tuple(flags))


def _by_parts(window: Window, scene: Scene, language: str, model: Recognizer) -> Hypothesis | None:
    """The window cut at its pauses, each part recognised alone; None where it has none, or some part does not hold."""
    parts = cut_at_pauses(scene)
    if len(parts) < 2:
        return None
    heard = _hear([_cut_out(window, part) for part in parts], [language] * len(parts), model)
    verdicts = [judge(hypothesis, _part_of(scene, part)) for hypothesis, part in zip(heard, parts, strict=True)]
    if any(verdict.flags and not verdict.drop_rule for verdict in verdicts):
        return None
    said = [(h, part) for h, part, v in zip(heard, parts, verdicts, strict=True) if h.text and not v.drop_rule]
    if not said:
        return None
    (first, (start_s, _)), *others = said
    joined = moved(first, start_s)
    for hypothesis, (start_s, _) in others:
        joined = merge(joined, hypothesis, start_s)
    return joined


def cut_at_pauses(scene: Scene) -> list[Stretch]:
    """The window in stretches of at most PART_S where pauses allow it, cut in the middle of pauses."""
    groups: list[list[Stretch]] = []
    for region in scene.speech:
        if groups and region[1] - groups[-1][0][0] <= PART_S:
            groups[-1].append(region)
        else:
            groups.append([region])
    cuts = [(before[-1][1] + after[0][0]) / 2 for before, after in itertools.pairwise(groups)]
    edges = [0.0, *cuts, scene.window_s]
    return list(itertools.pairwise(edges))


def _fill_in(
    windows: Sequence[Window], scenes: Sequence[Scene], rescued: Sequence[Rescued], model: Recognizer
) -> list[Rescued]:
    """Speech that no segment covers is recognised alone and put in its place."""
    rescued = list(rescued)
    for _ in range(MAX_RECUTS):
        cuts = [(i, cut) for i, found in enumerate(rescued) for cut in _left_out(found.hypothesis, scenes[i])]
        if not cuts:
            break
        takes = [_cut_out(windows[i], stretch) for i, stretch in cuts]
        heard = _hear_short(takes, [rescued[i].hypothesis.language for i, _ in cuts], model)
        grown = False
        for (i, stretch), more in zip(cuts, heard, strict=True):
            part = _part_of(scenes[i], stretch)
            if more.segments and not judge(more, part).drop_rule and not LOOPING & set(doubts(more, part)):
                flagged = replace(more, segments=tuple(replace(s, flags=("recut",)) for s in more.segments))
                rescued[i] = replace(rescued[i], hypothesis=merge(rescued[i].hypothesis, flagged, stretch[0]))
                grown = True
        if not grown:
            break
    return rescued


def seed_of(samples: np.ndarray) -> int:
    """A seed that depends on the audio alone."""
    return int.from_bytes(hashlib.sha256(samples.tobytes()).digest()[:8])


def _left_out(hypothesis: Hypothesis, scene: Scene) -> list[Stretch]:
    longest_s = MAX_RECUT_SHARE * scene.window_s
    return [(a, b) for a, b in uncovered(scene.speech, hypothesis.segments) if b - a < longest_s]


def _part_of(scene: Scene, stretch: Stretch) -> Scene:
    """The scene of a stretch of a window, in seconds of the stretch."""
    start_s, end_s = stretch[0], min(stretch[1], scene.window_s)
    inside = [(max(a, start_s) - start_s, min(b, end_s) - start_s) for a, b in scene.speech]
    return Scene(end_s - start_s, tuple((a, b) for a, b in inside if b > a), scene.prompt)


def _cut_out(window: Window, stretch: Stretch) -> Take:
    start, end = (round(min(edge_s * SAMPLE_RATE_HZ, len(window.samples))) for edge_s in stretch)
    return Take(window.samples[start:end], 0)


def _hear(takes: Sequence[Take], languages: Sequence[str], model: Recognizer) -> list[Hypothesis]:
    heard = model.recognize(waveforms_of(takes, model.window_samples), languages)
    return [moved(hypothesis, -take.lead_s) for hypothesis, take in zip(heard, takes, strict=True)]


def _hear_short(takes: Sequence[Take], languages: Sequence[str], model: Recognizer) -> list[Hypothesis]:
    """As `_hear`, without the silence that fills a window up, unless that is missed."""
    lengths = [cut_length(take, model.window_lengths) for take in takes]
    waveforms = [take.padded(length) for take, length in zip(takes, lengths, strict=True)]
    heard = [moved(h, -take.lead_s) for h, take in zip(model.recognize(waveforms, languages), takes, strict=True)]
    missed = [
        i
        for i, length in enumerate(lengths)
        if length < model.window_samples and misses_silence(heard[i], length / SAMPLE_RATE_HZ)
    ]
    if missed:
        for i, hypothesis in zip(
            missed, _hear([takes[i] for i in missed], [languages[i] for i in missed], model), strict=True
        ):
            heard[i] = hypothesis
    return heard


def merge(first: Hypothesis, more: Hypothesis, offset_s: float) -> Hypothesis:
    """One hypothesis of the segments of both, those of `more` moved by `offset_s` into `first`."""
    segments = tuple(sorted((*first.segments, *moved(more, offset_s).segments), key=lambda s: (s.start_s, s.end_s)))
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
