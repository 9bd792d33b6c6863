"""An evaluation's ends: rows read from the parts of the tables that are scored, scores staged as parts of their own."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from transforms import storage
from transforms.assets import channel_order
from transforms.commit import PartOf, stage_part
from transforms.score_groups import in_reading_order
from transforms.score_rows import GroupScoreRow, UtteranceScoreRow
from transforms.scoring import Span, Transcript, score_asset

TRANSCRIPT_COLUMNS = ["uri", "channel", "duration_s", "speech_s", "language", "text", "avg_logprob"]
SEGMENT_COLUMNS = ["uri", "channel", "start_s", "end_s", "text", "snr_db"]
ROWS_AT_ONCE = 10_000


def read_rows(path: str, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Rows of one part of a table, a few at a time; all columns for None. Raises OSError where it is damaged."""
    with storage.open_read(path) as file:
        try:
            for batch in pq.ParquetFile(file).iter_batches(ROWS_AT_ONCE, columns=columns):
                yield from batch.to_pylist()
        except pa.ArrowException as error:
            raise OSError(f"{path}: not a table of Beamscribe ({error}); move it elsewhere") from error


def read_transcripts(path: str) -> Iterator[tuple[str, Transcript]]:
    """The transcripts of a part, by uri."""
    for row in read_rows(path, TRANSCRIPT_COLUMNS):
        yield row["uri"], Transcript(**row)


def read_spans(path: str) -> Iterator[tuple[str, Span]]:
    """The segments of a part, by uri, without their text."""
    for row in read_rows(path, SEGMENT_COLUMNS):
        seconds = row["end_s"] - row["start_s"]
        yield row["uri"], Span(row["uri"], row["channel"], seconds, bool(row["text"].strip()), row["snr_db"])


class ScoreAsset(beam.DoFn):
    """Scores the references of one asset; how many transcripts have none goes to a second output."""

    UNSCORED = "unscored"

    def __init__(self, evaluation_id: str) -> None:
        self._evaluation_id = evaluation_id

    def process(self, element: tuple[str, dict[str, Iterable[Any]]]) -> Iterator[Any]:
        gathered = element[1]
        scores, n_unscored = score_asset(
            gathered["references"], gathered["transcripts"], gathered["segments"], self._evaluation_id
        )
        yield from scores
        yield beam.pvalue.TaggedOutput(self.UNSCORED, n_unscored)


def stage_utterances(element: tuple[int, Iterable[UtteranceScoreRow]], parts: PartOf) -> dict[str, int]:
    """Writes the scores of a shard, sorted. A retry writes the same file again. Returns the number of rows."""
    shard, rows = element
    ordered = sorted(rows, key=lambda row: (row.uri, channel_order(row.channel)))
    return stage_part(parts, shard, {"utterance_scores": ordered})


def stage_groups(element: tuple[None, Iterable[GroupScoreRow]], parts: PartOf, n_unscored: int) -> dict[str, int]:
    """Writes the scores of all groups in one file. Returns the number of rows."""
    rows = [
        replace(row, unscored_transcripts=n_unscored) if row.group_by == "all" else row
        for row in in_reading_order(element[1])
    ]
    return stage_part(parts, 0, {"group_scores": rows})
