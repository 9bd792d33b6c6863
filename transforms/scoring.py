"""Word and character errors of one utterance, counted by jiwer after Whisper's own normalisation."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import jiwer
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from model.recognizer import UNSPACED_LANGUAGES
from transforms.assets import channel_order
from transforms.references import Reference
from transforms.score_rows import UtteranceScoreRow

ALIGNMENT_COLUMNS = 116


@dataclass(frozen=True, slots=True)
class Transcript:
    """What scoring needs of a row of `transcripts`."""

    uri: str
    channel: int | None
    duration_s: float
    speech_s: float
    language: str | None
    text: str
    avg_logprob: float | None


@dataclass(frozen=True, slots=True)
class Span:
    """What scoring needs of a row of `segments`."""

    uri: str
    channel: int | None
    seconds: float
    has_text: bool
    snr_db: float | None


@dataclass(frozen=True, slots=True)
class Errors:
    """How a hypothesis differs from its reference."""

    words: int
    substitutions: int
    deletions: int
    insertions: int
    characters: int
    char_errors: int
    # both texts, word under word; empty where they are equal
    alignment: str


@cache
def _normalizer(language: str | None) -> BasicTextNormalizer | EnglishTextNormalizer:
    if language == "en":
        return EnglishTextNormalizer()
    return BasicTextNormalizer(split_letters=language in UNSPACED_LANGUAGES)


def normalise(text: str, language: str | None) -> str:
    """Text as Whisper's authors score it: case, punctuation, numerals and spelling variants do not count.

    language: ISO 639-1; None, where it is not known, is treated as any language but English.
    """
    return " ".join(_normalizer(language)(text).split())


def count_errors(reference: str, hypothesis: str, language: str | None) -> Errors:
    """Errors between two normalised texts. Where the reference is empty, every word is an insertion."""
    by_word = jiwer.process_words(reference, hypothesis)
    between = "" if language in UNSPACED_LANGUAGES else " "
    said, written = (between.join(text.split()) for text in (reference, hypothesis))
    by_character = jiwer.process_characters(said, written)
    return Errors(
        words=len(reference.split()),
        substitutions=by_word.substitutions,
        deletions=by_word.deletions,
        insertions=by_word.insertions,
        characters=len(said),
        char_errors=by_character.substitutions + by_character.deletions + by_character.insertions,
        alignment=_alignment(by_word),
    )


def _alignment(by_word: jiwer.WordOutput) -> str:
    drawn = jiwer.visualize_alignment(by_word, show_measures=False, line_width=ALIGNMENT_COLUMNS)
    return drawn.removeprefix("=== SENTENCE 1 ===").strip("\n")


def score_utterance(
    reference: Reference, transcripts: Sequence[Transcript], spans: Iterable[Span], evaluation_id: str
) -> UtteranceScoreRow:
    """The score of one reference against the transcripts and segments of its channels, in any order.

    No transcript at all counts as an empty hypothesis.
    """
    transcripts = sorted(transcripts, key=lambda t: channel_order(t.channel))
    spans = list(spans)
    language = reference.language or next((t.language for t in transcripts if t.language), None)
    said = normalise(reference.text, language)
    written = normalise(" ".join(t.text for t in transcripts), language)
    errors = count_errors(said, written, language)
    speech_s = math.fsum(t.speech_s for t in transcripts) if transcripts else None
    return UtteranceScoreRow(
        uri=reference.uri,
        channel=reference.channel,
        corpus=reference.corpus,
        language=language,
        duration_s=max((t.duration_s for t in transcripts), default=None),
        snr_db=_mean((s.snr_db, s.seconds) for s in spans),
        confidence=_confidence(transcripts),
        reference=said,
        hypothesis=written,
        words=errors.words,
        substitutions=errors.substitutions,
        deletions=errors.deletions,
        insertions=errors.insertions,
        wer=rate(errors.substitutions + errors.deletions + errors.insertions, errors.words),
        characters=errors.characters,
        char_errors=errors.char_errors,
        cer=rate(errors.char_errors, errors.characters),
        hallucinated_words=0 if errors.words else errors.insertions,
        speech_s=speech_s,
        covered_speech_s=None if speech_s is None else min(speech_s, _text_s(spans)),
        missing=not transcripts,
        alignment=errors.alignment,
        evaluation_id=evaluation_id,
    )


def _text_s(spans: Sequence[Span]) -> float:
    return math.fsum(span.seconds for span in spans if span.has_text)


def _confidence(transcripts: Sequence[Transcript]) -> float | None:
    """Log-probabilities of several channels count by the length of their text."""
    mean = _mean((t.avg_logprob, len(t.text)) for t in transcripts)
    return None if mean is None else math.exp(mean)


def _mean(weighted: Iterable[tuple[float | None, float]]) -> float | None:
    """Mean of (value, weight), whatever their order; None where no value has a weight."""
    known = [(value, weight) for value, weight in weighted if value is not None and weight > 0]
    total = math.fsum(weight for _, weight in known)
    return math.fsum(value * weight for value, weight in known) / total if known else None


def rate(errors: int, of: int) -> float | None:
    """Errors over what could have been right; None where nothing could."""
    return errors / of if of else None


def score_asset(
    references: Iterable[Reference], transcripts: Iterable[Transcript], spans: Iterable[Span], evaluation_id: str
) -> tuple[list[UtteranceScoreRow], int]:
    """The scores of one asset's references, and how many of its transcripts no reference names.

    A reference that names a channel meets the transcript of that channel; one that names none meets all of them.
    """
    references = sorted(references, key=lambda r: channel_order(r.channel))
    transcripts, spans = list(transcripts), list(spans)
    named = {reference.channel for reference in references}
    scores = [
        score_utterance(
            reference,
            [t for t in transcripts if reference.channel in (None, t.channel)],
            [s for s in spans if reference.channel in (None, s.channel)],
            evaluation_id,
        )
        for reference in references
    ]
    return scores, 0 if None in named else sum(t.channel not in named for t in transcripts)
