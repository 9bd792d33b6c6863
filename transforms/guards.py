"""Does what the model wrote hold? Structural and acoustic tests on a hypothesis, never lists of phrases.

Each test that fails gives a reason code. docs/models.md says what each means and where its threshold comes from.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from model.recognizer import SAMPLE_RATE_HZ, UNSPACED_LANGUAGES, Hypothesis, TimedText
from transforms.loops import find_loop, units_of
from transforms.windows import Span, spans_samples, to_window_s

# Radford et al. 2022, section 4.5: the thresholds of their decoding heuristics
NO_SPEECH_PROB = 0.6
LOW_LOGPROB = -1.0
# a burst that the detector takes for speech and the model does not: a click, the onset of a noise
BRIEF_S = 0.5
# where the second pass has not helped either, this is enough to take text for made up
UNBELIEVED_NO_SPEECH_PROB = 0.2
REPETITIVE_RATIO = 2.4
# nobody keeps up 7 words a second, or 16 characters of a language without spaces; a few words come from a detector
# that hears the edges of an utterance late
MAX_WORDS_PER_S = 7.0
MAX_CHARACTERS_PER_S = 16.0
MAX_SPARE_UNITS = 5
# a prompt is repeated where this many of its words in a row are at least half of the text
MIN_PROMPT_UNITS = 4
# speech that no segment covers counts from here; Whisper's timestamps are right to a few tenths of a second
MIN_UNCOVERED_S = 1.0
UNCOVERED_PAD_S = 0.3
# text is outside of speech where less than this of it is inside
MIN_OVERLAP_S = 0.1

# a hypothesis with one of these does not say what was said; with another it may
LOOPING = frozenset(("repetitive", "ngram_loop", "too_fast", "repeats_prompt"))

Stretch = tuple[float, float]


@dataclass(frozen=True)
class Scene:
    """What a hypothesis is held against: the window it is of."""

    window_s: float
    # where the detector heard speech, in seconds of the window
    speech: tuple[Stretch, ...]
    # what the model was told to expect
    prompt: str = ""

    @property
    def speech_s(self) -> float:
        return sum(end_s - start_s for start_s, end_s in self.speech)


@dataclass(frozen=True)
class Verdict:
    """What is to be done with a hypothesis, and the reason codes for its rows."""

    # name of the rule that takes its text away; None: it is kept
    drop_rule: str | None
    flags: tuple[str, ...]


def scene_of(spans: Sequence[Span], speech: Iterable[Span], prompt: str) -> Scene:
    """The scene of a window of these spans of its recording."""
    heard = tuple((to_window_s(spans, s.start_sample), to_window_s(spans, s.end_sample)) for s in speech)
    return Scene(spans_samples(spans) / SAMPLE_RATE_HZ, heard, prompt)


def doubts(hypothesis: Hypothesis, scene: Scene) -> tuple[str, ...]:
    """Reasons to try the window again."""
    said = [unit.said for unit in units_of(hypothesis.text, hypothesis.language)]
    tests = {
        "repetitive": hypothesis.compression_ratio > REPETITIVE_RATIO,
        "low_logprob": hypothesis.avg_logprob < LOW_LOGPROB,
        "too_fast": len(said) > MAX_SPARE_UNITS + _fastest(hypothesis.language) * scene.speech_s,
        "ngram_loop": find_loop(said) is not None,
        "repeats_prompt": _repeats(said, [unit.said for unit in units_of(scene.prompt, hypothesis.language)]),
        "no_text": not hypothesis.text and scene.speech_s >= MIN_UNCOVERED_S and not says_silence(hypothesis),
    }
    return tuple(code for code, fails in tests.items() if fails)


def judge(hypothesis: Hypothesis, scene: Scene) -> Verdict:
    """Silence, if the model says so and its words do not hold or are a burst; otherwise reasons to look twice."""
    flags = doubts(hypothesis, scene)
    if hypothesis.text and (flags or scene.speech_s < BRIEF_S) and says_silence(hypothesis):
        return Verdict("no_speech", ("no_speech", *flags))
    return Verdict(None, flags)


def is_outside_speech(segment: TimedText, scene: Scene) -> bool:
    """Whether a segment is written where the detector heard nobody."""
    inside_s = sum(max(0.0, min(b, segment.end_s) - max(a, segment.start_s)) for a, b in scene.speech)
    return inside_s < MIN_OVERLAP_S


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


def says_silence(hypothesis: Hypothesis) -> bool:
    """Whether the model itself takes the window for silence."""
    return hypothesis.no_speech_prob is not None and hypothesis.no_speech_prob > NO_SPEECH_PROB


def _fastest(language: str) -> float:
    """Units of `units_of` a second that nobody exceeds."""
    return MAX_CHARACTERS_PER_S if language in UNSPACED_LANGUAGES else MAX_WORDS_PER_S


def _repeats(said: Sequence[str], prompt: Sequence[str]) -> bool:
    if not said or not prompt:
        return False
    common = SequenceMatcher(None, said, prompt, autojunk=False).find_longest_match().size
    return common >= min(MIN_PROMPT_UNITS, len(prompt)) and 2 * common >= len(said)
