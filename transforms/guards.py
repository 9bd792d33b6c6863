"""Does what the model wrote hold? Structural and acoustic tests on a hypothesis, never lists of phrases.

Each test that fails gives a reason code. docs/models.md says what each means and where its threshold comes from.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from model.recognizer import Hypothesis, TimedText

# Radford et al. 2022, section 4.5: the thresholds of their decoding heuristics
NO_SPEECH_PROB = 0.6
LOW_LOGPROB = -1.0
REPETITIVE_RATIO = 2.4
# speech that no segment covers counts from here; Whisper's timestamps are right to a few tenths of a second
MIN_UNCOVERED_S = 1.0
UNCOVERED_PAD_S = 0.3

Stretch = tuple[float, float]


@dataclass(frozen=True)
class Verdict:
    """What is to be done with a hypothesis, and the reason codes for its rows."""

    # name of the rule that takes its text away; None: it is kept
    drop_rule: str | None
    flags: tuple[str, ...]


def doubts(hypothesis: Hypothesis) -> tuple[str, ...]:
    """Reasons to try the window again: it repeats itself, or the model does not believe its own words."""
    flags = []
    if hypothesis.compression_ratio > REPETITIVE_RATIO:
        flags.append("repetitive")
    if hypothesis.avg_logprob < LOW_LOGPROB:
        flags.append("low_logprob")
    return tuple(flags)


def judge(hypothesis: Hypothesis) -> Verdict:
    """Silence, if the model says so and its words do not hold; otherwise reasons to look twice."""
    flags = doubts(hypothesis)
    if flags and hypothesis.no_speech_prob is not None and hypothesis.no_speech_prob > NO_SPEECH_PROB:
        return Verdict("no_speech", ("no_speech", *flags))
    return Verdict(None, flags if hypothesis.text else (*flags, "no_text"))


def uncovered(speech: Iterable[Stretch], segments: Sequence[TimedText]) -> list[Stretch]:
    """Stretches, in seconds of the window, in which somebody speaks and nothing is written.

    One at most between two segments, padded as far as these leave room; it counts where at least MIN_UNCOVERED_S in
    it is speech.
    """
    edges = [0.0, *(edge for s in segments for edge in (s.start_s, s.end_s)), float("inf")]
    found = []
    for start_s, end_s in zip(edges[::2], edges[1::2], strict=True):
        inside = [(max(a, start_s), min(b, end_s)) for a, b in speech if min(b, end_s) > max(a, start_s)]
        if sum(b - a for a, b in inside) >= MIN_UNCOVERED_S:
            found.append((max(start_s, inside[0][0] - UNCOVERED_PAD_S), min(end_s, inside[-1][1] + UNCOVERED_PAD_S)))
    return found


def pieces(hypothesis: Hypothesis, window_s: float) -> list[TimedText]:
    """The segments of a hypothesis, cut to the window; one without text where it has none: no speech goes missing."""
    cut = []
    for segment in hypothesis.segments:
        start_s = min(segment.start_s, window_s)
        end_s = max(start_s, min(segment.end_s, window_s))
        cut.append(replace(segment, start_s=start_s, end_s=end_s, text=segment.text.strip()))
    return cut or [TimedText(0.0, window_s, "", ())]
