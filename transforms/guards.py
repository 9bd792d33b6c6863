"""Does what the model wrote hold? Structural and acoustic tests on a hypothesis."""

from collections.abc import Iterator
from dataclasses import dataclass

from model.recognizer import Hypothesis, TimedText

# Radford et al. 2022, section 4.5: the thresholds of their decoding heuristics
NO_SPEECH_PROB = 0.6
LOW_LOGPROB = -1.0
REPETITIVE_RATIO = 2.4


@dataclass(frozen=True)
class Verdict:
    """What is to be done with a hypothesis, and the reason codes for its rows."""

    # name of the rule that takes its text away; None: it is kept
    drop_rule: str | None
    flags: tuple[str, ...]


def judge(hypothesis: Hypothesis) -> Verdict:
    """Silence, if the model says so and does not believe its own words; otherwise reasons to look twice."""
    unsure = hypothesis.avg_logprob < LOW_LOGPROB
    if hypothesis.no_speech_prob is not None and hypothesis.no_speech_prob > NO_SPEECH_PROB and unsure:
        return Verdict("no_speech", ("no_speech",))
    flags = []
    if unsure:
        flags.append("low_logprob")
    if hypothesis.compression_ratio > REPETITIVE_RATIO:
        flags.append("repetitive")
    if not hypothesis.text:
        flags.append("no_text")
    return Verdict(None, tuple(flags))


def pieces(hypothesis: Hypothesis, window_s: float) -> Iterator[TimedText]:
    """The segments of a hypothesis, cut to the window; one without text where it has none: no speech goes missing."""
    for segment in hypothesis.segments:
        start_s = min(segment.start_s, window_s)
        yield TimedText(start_s, max(start_s, min(segment.end_s, window_s)), segment.text.strip(), segment.tokens)
    if not hypothesis.segments:
        yield TimedText(0.0, window_s, "", ())
