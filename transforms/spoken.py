"""What the tables say of one asset: its transcripts, segments and, where they are known, words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import BeamscribeError
from transforms import storage
from transforms.assets import channel_order

COLUMNS = {
    "transcripts": ["uri", "channel", "duration_s", "status", "language", "text"],
    "segments": ["uri", "channel", "segment_index", "start_s", "end_s", "text", "flags"],
    "words": ["uri", "channel", "segment_index", "word_index", "start_s", "end_s", "word", "probability"],
}
BATCH_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a segment, as the model said it; a text that rules have changed may not have it."""

    word: str
    # None: not known
    start_s: float | None
    end_s: float | None
    probability: float | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech on one channel."""

    channel: int | None
    start_s: float
    end_s: float
    text: str
    flags: tuple[str, ...] = ()
    # empty: there is no table of words, or nothing was said
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """One channel of an asset, or all of them mixed."""

    channel: int | None
    duration_s: float
    status: str
    language: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """All of one asset. Transcripts are in the order of channels; segments too, and in order within each."""

    uri: str
    transcripts: tuple[Transcript, ...]
    segments: tuple[Segment, ...]


def read_rows(
    path: str, columns: list[str], pattern: str = "*", may_lack: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Rows of one Parquet file whose `uri` matches a glob, a batch in memory at a time.

    may_lack: columns that older versions did not write. Raises BeamscribeError where the file is not a part of a table.
    """
    try:
        with storage.open_read(path) as file:
            parquet = pq.ParquetFile(file)
            if missing := set(columns) - set(parquet.schema_arrow.names):
                raise BeamscribeError(f"{path}: not a table of Beamscribe (no column {min(missing)}); name another DIR")
            known = [name for name in may_lack if name in parquet.schema_arrow.names]
            for batch in parquet.iter_batches(BATCH_ROWS, columns=[*columns, *known]):
                yield from (row for row in batch.to_pylist() if fnmatchcase(row["uri"], pattern))
    except (pa.ArrowException, OSError) as error:
        raise BeamscribeError(f"{path}: cannot be read as a table ({error}); move it elsewhere") from error


def gather(uri: str, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> Spoken:
    """One asset from its rows, by table, in any order. Raises RuntimeError where tables do not belong together."""
    transcripts = [
        Transcript(row["channel"], row["duration_s"], row["status"], row["language"], row["text"])
        for row in rows["transcripts"]
    ]
    if not transcripts:
        raise RuntimeError(f"{uri} has no transcript: the tables have changed meanwhile")
    words: dict[tuple[int | None, int], list[Word]] = {}
    for row in sorted(rows.get("words", ()), key=lambda row: row["word_index"]):
        word = Word(row["word"], row["start_s"], row["end_s"], row["probability"])
        words.setdefault((row["channel"], row["segment_index"]), []).append(word)
    segments = [
        Segment(
            row["channel"],
            row["start_s"],
            row["end_s"],
            row["text"],
            tuple(row["flags"]),
            tuple(words.get((row["channel"], row["segment_index"]), ())),
        )
        for row in sorted(
            rows.get("segments", ()), key=lambda row: (channel_order(row["channel"]), row["segment_index"])
        )
    ]
    transcripts.sort(key=lambda transcript: channel_order(transcript.channel))
    return Spoken(uri, tuple(transcripts), tuple(segments))
