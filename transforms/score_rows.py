"""The rows of the tables that an evaluation writes."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from transforms.rows import SECONDS, TIMESTAMP, column


@dataclass(frozen=True, slots=True)
class UtteranceScoreRow:
    """One row for each reference of an evaluation (`beamscribe evaluate`). Each evaluation adds rows of its own."""

    uri: str = column(pa.string(), "The asset, named as in `transcripts`.")
    channel: int | None = column(pa.int32(), "Channel that the reference names. Null: all channels, one after another.")
    corpus: str | None = column(pa.string(), "Corpus that the reference names.")
    language: str | None = column(pa.string(), "Language of the reference; where it names none, of the transcript.")
    duration_s: float | None = column(SECONDS, "Audio that was decoded, in seconds. Null where missing.")
    snr_db: float | None = column(
        pa.float64(), "Mean `snr_db` of the segments, weighted by their length. Null where there is none."
    )
    confidence: float | None = column(
        pa.float64(), "exp(`avg_logprob`): the geometric mean probability of a token. Null where nothing was written."
    )
    reference: str = column(pa.string(), "What was said, normalised as Whisper's authors do for scoring.")
    hypothesis: str = column(pa.string(), "What was written, normalised alike. Empty where missing.")
    words: int = column(pa.int64(), "Words of the reference; characters where the language writes no spaces.")
    substitutions: int = column(pa.int64(), "Words that were written as others.")
    deletions: int = column(pa.int64(), "Words that were not written.")
    insertions: int = column(pa.int64(), "Words that were written and not said; those of `hallucinated_words` too.")
    wer: float | None = column(
        pa.float64(), "Word error rate: the three kinds of error over `words`. Null where nothing is said."
    )
    characters: int = column(pa.int64(), "Characters of the reference, with the spaces between words.")
    char_errors: int = column(pa.int64(), "Characters substituted, deleted and inserted.")
    cer: float | None = column(pa.float64(), "Character error rate. Null where nothing is said.")
    hallucinated_words: int = column(
        pa.int64(), "Words that were written where nothing is said: the reference is empty."
    )
    speech_s: float | None = column(SECONDS, "Speech that the detector found, in seconds. Null where missing.")
    covered_speech_s: float | None = column(
        SECONDS,
        "Seconds of segments with text, at most `speech_s`. An estimate of how much detected speech became text: the "
        "tables do not say where the detector heard it. Null where missing.",
    )
    missing: bool = column(pa.bool_(), "True: no transcript was found, and the hypothesis counts as empty.")
    alignment: str = column(
        pa.string(), "Both texts, word under word, with S, D and I under what differs. Empty where they are equal."
    )
    evaluation_id: str = column(pa.string(), "The evaluation: UTC time of its start and a random suffix.")


@dataclass(frozen=True, slots=True)
class GroupScoreRow:
    """One row for each group of references of an evaluation. Each reference counts once in every `group_by`."""

    group_by: str = column(
        pa.string(), "`all`, `corpus`, `language`, `channel`, `duration`, `snr` or `confidence`: what is grouped by."
    )
    group: str | None = column(pa.string(), "The value or the range of values. Null: the value is null or not known.")
    utterances: int = column(pa.int64(), "References in the group.")
    missing: int = column(pa.int64(), "Of these, references without a transcript.")
    words: int = column(pa.int64(), "Words of the references.")
    substitutions: int = column(pa.int64(), "Words that were written as others.")
    deletions: int = column(pa.int64(), "Words that were not written.")
    insertions: int = column(pa.int64(), "Words that were written and not said.")
    wer: float | None = column(pa.float64(), "All errors over all words. Null where nothing is said.")
    wer_low: float | None = column(
        pa.float64(), "Lower end of the 95 % interval of `wer`: bootstrap over utterances (percentiles)."
    )
    wer_high: float | None = column(pa.float64(), "Upper end of that interval.")
    characters: int = column(pa.int64(), "Characters of the references.")
    char_errors: int = column(pa.int64(), "Characters substituted, deleted and inserted.")
    cer: float | None = column(pa.float64(), "Character error rate. Null where nothing is said.")
    hallucinated_words: int = column(pa.int64(), "Words that were written where nothing is said.")
    speech_s: float = column(SECONDS, "Speech that the detector found, in seconds; missing transcripts add nothing.")
    coverage: float | None = column(
        pa.float64(), "`covered_speech_s` over `speech_s`, summed. An estimate. Null where no speech was found."
    )
    mean_confidence: float | None = column(
        pa.float64(), "Mean `confidence`, weighted by words of the reference. Null where there is none."
    )
    right_fraction: float | None = column(
        pa.float64(),
        "1 - WER, at least 0, of the utterances that have a confidence: what `mean_confidence` should be.",
    )
    expected_calibration_error: float | None = column(
        pa.float64(),
        "Mean distance of `mean_confidence` and `right_fraction` over ten bins of confidence, weighted by words. Only "
        "in the row `all`.",
    )
    unscored_transcripts: int | None = column(
        pa.int64(), "Rows of `transcripts` that no reference names; they count nowhere else. Only in the row `all`."
    )
    transcripts: str = column(pa.string(), "The folder whose tables were scored.")
    evaluated_at: datetime = column(TIMESTAMP, "When the evaluation started.")
    evaluation_id: str = column(pa.string(), "The evaluation; key of `utterance_scores`.")


SCORE_TABLES: dict[str, type] = {
    "utterance_scores": UtteranceScoreRow,
    "group_scores": GroupScoreRow,
}
