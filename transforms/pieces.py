"""From a recognised window to pieces of text: what the rules take away, and what nobody wrote down, made visible."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from model.recognizer import Hypothesis, TimedText
from transforms.guards import (
    UNBELIEVED_NO_SPEECH_PROB,
    Scene,
    Stretch,
    Verdict,
    is_outside_speech,
    judge,
    says_silence,
    uncovered,
)
from transforms.loops import repeats_cut
from transforms.text.edits import Edit, apply_edits
from transforms.text.words import PlacedWord, placed

# set by the second pass where a repetition was heard again in each part of the window alone
REPEATED_SPEECH = "repeated_speech"
REPETITION = frozenset(("repetitive", "ngram_loop"))


@dataclass(frozen=True)
class Piece:
    """A stretch of a window, in its seconds, and what was said in it."""

    start_s: float
    end_s: float
    text: str
    raw_text: str
    # what the rules cut out of the raw text, which gives the text
    edits: tuple[Edit, ...]
    flags: tuple[str, ...]
    # in characters of the raw text, timed in seconds of the window
    words: tuple[PlacedWord, ...]


def verdict_of(hypothesis: Hypothesis, scene: Scene, flags: Sequence[str]) -> Verdict:
    """The judgement on a hypothesis after the second pass. flags: what that pass found."""
    verdict = judge(hypothesis, scene)
    if not verdict.drop_rule and _is_unbelieved(hypothesis, verdict):
        return Verdict("unbelieved", ("unbelieved", *verdict.flags))
    if REPEATED_SPEECH not in flags:
        return verdict
    left = tuple(flag for flag in verdict.flags if flag not in REPETITION and flag != "no_speech")
    return Verdict(verdict.drop_rule if left else None, ("no_speech", *left) if verdict.drop_rule and left else left)


def _is_unbelieved(hypothesis: Hypothesis, verdict: Verdict) -> bool:
    """Whether the model doubts both its words and that anybody speaks: what it writes then is mostly made up."""
    is_silence = (hypothesis.no_speech_prob or 0.0) > UNBELIEVED_NO_SPEECH_PROB
    return bool(hypothesis.text) and is_silence and "low_logprob" in verdict.flags


def pieces(hypothesis: Hypothesis, scene: Scene, flags: Sequence[str]) -> list[Piece]:
    """All of a window: its segments, what the rules leave of them, and speech without text, in order of time."""
    verdict = verdict_of(hypothesis, scene, flags)
    segments = [_inside(segment, scene.window_s) for segment in hypothesis.segments]
    cuts = [[(0, len(s.text))] for s in segments] if verdict.drop_rule else _loops_of(segments, hypothesis, verdict)
    found = []
    for segment, ranges in zip(segments, cuts, strict=True):
        rule = verdict.drop_rule or "ngram_loop"
        own = {*verdict.flags, *flags, *segment.flags}
        if is_outside_speech(segment, scene):
            own.add("outside_speech")
            if not verdict.drop_rule and ({"low_logprob"} & own or says_silence(hypothesis)):
                ranges, rule = [(0, len(segment.text))], "outside_speech"
        found.append(_cut(segment, ranges, rule, sorted(own)))
    for stretch in _unwritten(hypothesis, scene):
        found.append(_nothing(stretch, (*verdict.flags, *flags)))
    return sorted(found, key=lambda piece: (piece.start_s, piece.end_s))


def _inside(segment: TimedText, window_s: float) -> TimedText:
    start_s = min(segment.start_s, window_s)
    return replace(
        segment, start_s=start_s, end_s=max(start_s, min(segment.end_s, window_s)), text=segment.text.strip()
    )


def _unwritten(hypothesis: Hypothesis, scene: Scene) -> list[Stretch]:
    """Speech without text; all of the window where there is no text at all, however short the speech is."""
    if not hypothesis.segments:
        return [(0.0, scene.window_s)]
    return [(a, min(b, scene.window_s)) for a, b in uncovered(scene.speech, hypothesis.segments)]


def _nothing(stretch: Stretch, flags: Sequence[str]) -> Piece:
    return Piece(*stretch, "", "", (), tuple(sorted({*flags, "no_text"})), ())


def _loops_of(segments: Sequence[TimedText], hypothesis: Hypothesis, verdict: Verdict) -> list[list[tuple[int, int]]]:
    if "ngram_loop" not in verdict.flags:
        return [[] for _ in segments]
    return repeats_cut([segment.text for segment in segments], hypothesis.language)


def _cut(segment: TimedText, ranges: Sequence[tuple[int, int]], rule: str, flags: Sequence[str]) -> Piece:
    """The piece without character ranges of its text, told of in `edits`, the last range first."""
    text, edits = segment.text, []
    for start, end in reversed([r for r in ranges if r[1] > r[0]]):
        edits.append(Edit(rule, start, end, text[start:end], ""))
        text = apply_edits(text, edits[-1:])
    for start, end in ((len(text.rstrip()), len(text)), (0, len(text.rstrip()) - len(text.strip()))):
        if start < end:
            edits.append(Edit(rule, start, end, text[start:end], ""))
            text = apply_edits(text, edits[-1:])
    words = placed(segment.text, segment.words)
    kept = tuple(word for word in words if not any(a <= word.start < b for a, b in ranges))
    return Piece(segment.start_s, segment.end_s, text, segment.text, tuple(edits), tuple(flags), kept)
