"""Rows for tests: complete, and equal but for what a test names."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from transforms.rows import FailureRow, RunRow, SegmentRow, TranscriptRow, WordRow

MOMENT = datetime(2026, 11, 22, 6, 30, 0, 123456, tzinfo=UTC)


def _row(row_class: type, **values: Any) -> Any:
    samples = {str: "x", int: 1, float: 0.5, bool: False, datetime: MOMENT, list[str]: [], list[dict[str, Any]]: []}
    filled = {f.name: samples.get(f.type) for f in fields(row_class)}
    return replace(row_class(**filled), **values)


def transcript(uri: str, **values: Any) -> TranscriptRow:
    return _row(TranscriptRow, uri=uri, source_modified_at=MOMENT, **values)


def segment(uri: str, **values: Any) -> SegmentRow:
    return _row(SegmentRow, uri=uri, **values)


def word(uri: str, **values: Any) -> WordRow:
    return _row(WordRow, uri=uri, **values)


def failure(uri: str, **values: Any) -> FailureRow:
    return _row(FailureRow, uri=uri, source_modified_at=MOMENT, size_bytes=1, **values)


def run(**values: Any) -> RunRow:
    return _row(RunRow, **values)
