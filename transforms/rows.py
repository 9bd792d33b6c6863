"""The rows of every table. One definition gives the Arrow schema, the column comments and docs/tables.md."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

SECONDS = pa.float64()
TIMESTAMP = pa.timestamp("us", tz="UTC")
STRINGS = pa.list_(pa.field("element", pa.string(), nullable=False))
EDITS = pa.list_(
    pa.struct(
        [
            pa.field("rule", pa.string()),
            pa.field("start", pa.int32()),
            pa.field("end", pa.int32()),
            pa.field("before", pa.string()),
            pa.field("after", pa.string()),
        ]
    )
)


def column(arrow_type: pa.DataType, comment: str) -> Any:
    """A dataclass field that is also a table column."""
    return field(metadata={"arrow": arrow_type, "comment": comment})


@dataclass(frozen=True, slots=True)
class TranscriptRow:
    """One row for each (asset, channel) that could be transcribed."""

    uri: str = column(pa.string(), "Where the audio is. A part of a file carries its range: `call.wav#t=10,20`.")
    channel: int | None = column(pa.int32(), "Channel of the file, from 0. Null: all channels mixed.")
    content_sha256: str = column(pa.string(), "SHA-256 of the bytes of the file.")
    size_bytes: int = column(pa.int64(), "Size of the file in bytes.")
    source_modified_at: datetime | None = column(TIMESTAMP, "When the file was last modified, as its store says.")
    duration_s: float = column(SECONDS, "Audio that could be decoded, in seconds.")
    speech_s: float = column(SECONDS, "Speech that the voice activity detector found, in seconds.")
    sample_rate_hz: int = column(pa.int32(), "Sample rate of the file.")
    channels: int = column(pa.int32(), "Channels in the file.")
    codec: str = column(pa.string(), "How the audio is coded in the file, by its FFmpeg name.")
    status: str = column(
        pa.string(),
        "`ok`; `no_speech`: decoded, and nothing was said; `partial`: the file is damaged, what could be decoded is "
        "transcribed and `failures` says what was lost.",
    )
    language: str | None = column(pa.string(), "Language that was spoken (ISO 639-1). Null where nothing was said.")
    language_probability: float | None = column(
        pa.float32(), "Probability of that language. Null where it was given, or the model knows only one."
    )
    text: str = column(pa.string(), "What was said. Empty where nothing was said.")
    raw_text: str = column(pa.string(), "What the model wrote, before any rule changed it, unless redacted.")
    avg_logprob: float | None = column(
        pa.float32(), "Mean natural-log probability of a token, over all segments. Null where there is none."
    )
    flags: list[str] = column(STRINGS, "Reason codes to look at this transcript twice. docs/models.md lists them.")
    model: str = column(pa.string(), "Name of the model.")
    model_sha256: str = column(pa.string(), "SHA-256 of the model's weights.")
    config_hash: str = column(pa.string(), "Hash of every option that can change a row. Equal hashes, equal rows.")
    code_version: str = column(pa.string(), "Version of Beamscribe.")
    run_id: str = column(pa.string(), "The run that wrote this row; key of `runs`.")
    transcribed_at: datetime = column(TIMESTAMP, "When this row was made.")
    etag: str | None = column(pa.string(), "Entity tag of the file on its object store. Null on a local disk.")


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One row for each stretch of speech between two of the model's timestamps."""

    uri: str = column(pa.string(), "The asset; key of `transcripts` together with `channel`.")
    channel: int | None = column(pa.int32(), "Channel of the file, from 0. Null: all channels mixed.")
    content_sha256: str = column(pa.string(), "SHA-256 of the bytes of the file.")
    segment_index: int = column(pa.int32(), "Position within the transcript, from 0.")
    start_s: float = column(SECONDS, "Where it starts, in seconds from the start of the asset.")
    end_s: float = column(SECONDS, "Where it ends, in seconds from the start of the asset.")
    text: str = column(pa.string(), "What was said.")
    raw_text: str = column(pa.string(), "What the model wrote, before any rule changed it, unless redacted.")
    edits: list[dict[str, Any]] = column(
        EDITS,
        "What the rules changed, in order: characters [start, end) of the text so far, before and after. Applied to "
        "`raw_text` they give `text`. `before` is null where it was redacted. docs/text.md lists the rules.",
    )
    avg_logprob: float = column(pa.float32(), "Mean natural-log probability of a token, over the segment's window.")
    no_speech_prob: float | None = column(pa.float32(), "The model's probability that the window holds no speech.")
    compression_ratio: float = column(
        pa.float32(), "Bytes of the window's text over its zlib-compressed bytes. High where text repeats itself."
    )
    temperature: float = column(pa.float32(), "Sampling temperature of the hypothesis that was kept; 0 for a search.")
    language: str = column(pa.string(), "Language the segment was decoded in (ISO 639-1).")
    flags: list[str] = column(STRINGS, "Reason codes to look at this segment twice. docs/models.md lists them.")
    rms_dbfs: float | None = column(pa.float32(), "Level of the segment, in dB below full scale. Null: digital zero.")
    snr_db: float | None = column(
        pa.float32(), "Level of the segment over the quietest twentieth of its window, in dB: an estimate."
    )
    clipping: float | None = column(
        pa.float32(), "Fraction of the segment's samples at full scale. Null: written by an older version."
    )
    run_id: str = column(pa.string(), "The run that wrote this row; key of `runs`.")


@dataclass(frozen=True, slots=True)
class WordRow:
    """One row for each word, where the run wrote word times (`--word_timestamps`)."""

    uri: str = column(pa.string(), "The asset; key of `segments` together with `channel` and `segment_index`.")
    channel: int | None = column(pa.int32(), "Channel of the file, from 0. Null: all channels mixed.")
    segment_index: int = column(pa.int32(), "The segment it belongs to.")
    word_index: int = column(pa.int32(), "Position within the segment, from 0.")
    start_s: float | None = column(SECONDS, "Where it starts, in seconds from the start of the asset. Null: unknown.")
    end_s: float | None = column(SECONDS, "Where it ends, in seconds from the start of the asset. Null: unknown.")
    word: str = column(
        pa.string(),
        "The word with its punctuation, as it stands in the segment's text; several where a rule wrote them together.",
    )
    probability: float | None = column(pa.float32(), "Mean probability of its tokens. Null: unknown.")


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One row for each asset that could not be (wholly) transcribed."""

    uri: str = column(pa.string(), "The asset, named as in `transcripts`.")
    stage: str = column(pa.string(), "What failed: `read`, `open`, `decode`, `recognize`, `features`.")
    error_type: str = column(pa.string(), "Class of the error.")
    message: str = column(pa.string(), "What went wrong, in one line.")
    retriable: bool = column(pa.bool_(), "True: the next run tries again. False: it would fail the same way.")
    attempts: int = column(pa.int32(), "How often it was tried, over all runs since it last changed.")
    salvaged_s: float = column(SECONDS, "Audio that could be decoded all the same and is transcribed, in seconds.")
    size_bytes: int | None = column(pa.int64(), "Size of the file in bytes. Null where it could not be found.")
    source_modified_at: datetime | None = column(TIMESTAMP, "When the file was last modified, as its store says.")
    model_sha256: str | None = column(pa.string(), "SHA-256 of the model's weights. Null where none was used.")
    config_hash: str = column(pa.string(), "Hash of every option that can change a row.")
    run_id: str = column(pa.string(), "The run that wrote this row; key of `runs`.")
    failed_at: datetime = column(TIMESTAMP, "When it failed.")


@dataclass(frozen=True, slots=True)
class RunRow:
    """One row for each run that started work or found that there was none."""

    run_id: str = column(pa.string(), "Name of the run: UTC time of its start and a random suffix.")
    started_at: datetime = column(TIMESTAMP, "When it started.")
    finished_at: datetime = column(TIMESTAMP, "When its tables were committed.")
    wall_s: float = column(SECONDS, "Time from start to commit, in seconds.")
    exit_status: int = column(
        pa.int32(), "0; 3 where more failed than `--max_failed_fraction` allows; 130, 143: told to stop."
    )
    found: int = column(pa.int64(), "Assets that the inputs name.")
    skipped_not_media: int = column(pa.int64(), "Files in input folders that are neither audio nor video.")
    unchanged: int = column(pa.int64(), "Assets that were done before and have not changed.")
    touched: int = column(pa.int64(), "Unchanged assets that were written again with the bytes they had.")
    removed: int = column(pa.int64(), "Assets that were no longer among the inputs and whose rows went (`--prune`).")
    failed_before: int = column(pa.int64(), "Assets that failed before, would fail again, and were left alone.")
    deferred: int = column(pa.int64(), "Assets that were left to later runs (`--max_hours`).")
    unfinished: int = column(pa.int64(), "Assets that were left to later runs because this one was told to stop.")
    planned: int = column(pa.int64(), "Assets that this run worked on.")
    ok: int = column(pa.int64(), "Planned assets that are transcribed.")
    no_speech: int = column(pa.int64(), "Planned assets in which nothing was said.")
    partial: int = column(pa.int64(), "Planned assets that are damaged and transcribed as far as they decode.")
    failed: int = column(pa.int64(), "Planned assets that failed.")
    transcripts: int = column(pa.int64(), "Rows written to `transcripts`.")
    segments: int = column(pa.int64(), "Rows written to `segments`.")
    words: int = column(pa.int64(), "Rows written to `words`.")
    windows: int = column(pa.int64(), "Windows of at most 30 s that the model recognised.")
    windows_resumed: int = column(
        pa.int64(), "Of these, windows that an interrupted run before this one had recognised."
    )
    windows_rescued: int = column(pa.int64(), "Windows heard again: doubted by a guard, or unsure and cut short.")
    rescue_s: float = column(SECONDS, "Time that the second pass took, summed over workers, in seconds.")
    violations: int = column(
        pa.int64(), "Rows that break invariant 6 (times in order, inside the asset, all speech accounted for): 0."
    )
    audio_s: float = column(SECONDS, "Audio decoded, in seconds (every transcribed channel counts).")
    speech_s: float = column(SECONDS, "Speech found in it, in seconds.")
    speed: float = column(pa.float32(), "Audio seconds a wall-clock second.")
    model: str = column(pa.string(), "Name of the model.")
    model_sha256: str = column(pa.string(), "SHA-256 of the model's weights.")
    config_hash: str = column(pa.string(), "Hash of every option that can change a row.")
    code_version: str = column(pa.string(), "Version of Beamscribe.")
    options: str = column(pa.string(), "The options of the run, as JSON.")
    versions: str = column(pa.string(), "Versions of Python and of the libraries that touch the result, as JSON.")
    runner: str = column(pa.string(), "The Beam runner.")


TABLES: dict[str, type] = {
    "transcripts": TranscriptRow,
    "segments": SegmentRow,
    "words": WordRow,
    "failures": FailureRow,
    "runs": RunRow,
}
