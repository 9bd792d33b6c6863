"""Manifests: tables of assets. `uri`, and optional `start_s`, `end_s`, `channel`, `language`, `reference`, `corpus`."""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from model.errors import BeamscribeError
from transforms import storage

EXTENSIONS = (".jsonl", ".csv", ".parquet")


@dataclass(frozen=True)
class ManifestRow:
    """One row of a manifest, its path resolved against the folder of the manifest."""

    path: str
    start_s: float | None
    end_s: float | None
    channel: int | None
    language: str | None
    reference: str | None
    corpus: str | None


def is_manifest(path: str) -> bool:
    """Whether a path is named like a manifest."""
    return path.lower().endswith(EXTENSIONS)


def read_manifest(path: str) -> Iterator[ManifestRow]:
    """The rows of a manifest; BeamscribeError names the row that is wrong and the mend."""
    table = _read_table(path)
    if "uri" not in table.column_names:
        raise BeamscribeError(f"{path}: a manifest needs a column `uri`; it has {', '.join(table.column_names)}")
    folder = path.rsplit("/", 1)[0]
    for number, record in enumerate(table.to_pylist(), 1):
        try:
            yield _row(record, folder)
        except (TypeError, ValueError) as error:
            raise BeamscribeError(f"{path}: row {number}: {error}; mend the manifest") from error


def _read_table(path: str) -> pa.Table:
    try:
        data = io.BytesIO(storage.read_whole(path))
        if path.lower().endswith(".parquet"):
            return pq.read_table(data)
        if path.lower().endswith(".csv"):
            types = {name: pa.string() for name in ("uri", "language", "reference", "corpus")}
            convert = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""])
            return pyarrow.csv.read_csv(data, convert_options=convert)
        return pyarrow.json.read_json(data)
    except (OSError, pa.ArrowException) as error:
        raise BeamscribeError(f"{path}: not a readable manifest ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _row(record: dict[str, Any], folder: str) -> ManifestRow:
    uri = record["uri"]
    if not isinstance(uri, str) or not uri:
        raise ValueError("`uri` is empty")
    if storage.is_local(uri) and not os.path.isabs(uri):
        uri = storage.join(folder, uri)
    start_s, end_s = (_seconds(record, name) for name in ("start_s", "end_s"))
    if end_s is not None and end_s <= (start_s or 0.0):
        raise ValueError(f"`end_s` {end_s:g} is not after `start_s` {start_s or 0.0:g}")
    channel = record.get("channel")
    if channel is not None and (int(channel) != channel or channel < 0):
        raise ValueError(f"`channel` {channel!r} is not a channel number from 0")
    return ManifestRow(
        storage.normalise(uri),
        start_s,
        end_s,
        None if channel is None else int(channel),
        record.get("language"),
        record.get("reference"),
        record.get("corpus"),
    )


def _seconds(record: dict[str, Any], name: str) -> float | None:
    value = record.get(name)
    if value is None:
        return None
    if not 0 <= float(value) < float("inf"):
        raise ValueError(f"`{name}` {value!r} is not a time in seconds")
    return float(value)
