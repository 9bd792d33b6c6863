"""Values of frames as Arrow tables, staged a chunk a file until their asset's rows are assembled.

The files are named by what can change them, so that a retry writes the same files again, and a run that takes an
interrupted one's assets over finds them.
"""

import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from model.recognizer import SAMPLE_RATE_HZ
from transforms import storage
from transforms.features.chunks import CHUNK_FRAMES, HOP_S
from transforms.features.groups import Frames
from transforms.results import ResultStore
from transforms.tables import schema_of

FOLDER = "frames"


def frame_rows(uri: str, channel: int | None, chunk: int, frames: Frames) -> pa.Table:
    """Rows of `frames` of one chunk. NaN becomes null."""
    (n_frames,) = {values.shape[-1] for values in frames.values()}
    index = chunk * CHUNK_FRAMES + np.arange(n_frames)
    columns = {"frame_index": index, "time_s": index * HOP_S} | frames
    return _table("frames", n_frames, {"uri": uri, "channel": channel}, columns)


def embedding_rows(uri: str, channel: int | None, first_position: int, positions: Frames) -> pa.Table:
    """Rows of `embeddings` of one chunk."""
    starts = positions["start_sample"]
    columns = {
        "position_index": first_position + np.arange(len(starts)),
        "time_s": starts / SAMPLE_RATE_HZ,
        "embedding": positions["embedding"],
    }
    return _table("embeddings", len(starts), {"uri": uri, "channel": channel}, columns)


def _table(table: str, n_rows: int, same: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> pa.Table:
    """A table of one uri and channel; columns that are not there are null."""
    arrays = []
    for field in (schema := schema_of(table)):
        if field.name in columns:
            arrays.append(_array(columns[field.name], field.type))
        else:
            arrays.append(pa.repeat(pa.scalar(same.get(field.name), field.type), n_rows))
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: np.ndarray, arrow_type: pa.DataType) -> pa.Array:
    """[n], or lists of [d, n]."""
    if values.ndim == 1:
        return pa.array(values, from_pandas=True).cast(arrow_type)
    width, n_rows = values.shape
    flat = pa.array(np.ascontiguousarray(values.T, np.float32).ravel())
    return pa.ListArray.from_arrays(np.arange(n_rows + 1, dtype=np.int32) * width, flat, type=arrow_type)


def path_of(store: ResultStore, key: str, table: str, channel: int | None, chunk: int) -> str:
    """Where the rows of a chunk are staged."""
    name = f"{'mix' if channel is None else channel}-{chunk:06d}.{table}"
    return storage.join(store.folder, FOLDER, key, name)


def write_rows(path: str, rows: pa.Table) -> None:
    """Stages rows as one file."""
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(rows)
    storage.write_whole(path, sink.getvalue())


def read_rows(path: str) -> pa.Table:
    """The rows that `write_rows` staged."""
    return pa.ipc.open_file(pa.BufferReader(storage.read_whole(path))).read_all()


def drop_frames(store: ResultStore, wanted: Iterable[str]) -> None:
    """Deletes what is staged of frames, but for the work that `wanted` keys name."""
    folder = storage.join(store.folder, FOLDER)
    kept = tuple(storage.join(folder, key) + "/" for key in wanted)
    storage.delete(info.path for info in storage.files_named(folder, "") if not info.path.startswith(kept))
