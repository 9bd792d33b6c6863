"""Rows to Parquet and back: schemas, comments, the written page of the tables."""

import dataclasses
import types
import typing
from collections.abc import Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.features.rows import FEATURE_TABLES
from transforms.rows import EDITS, TABLES
from transforms.score_rows import SCORE_TABLES

ROW_GROUP_ROWS = 100_000
ALL_TABLES = {**TABLES, **SCORE_TABLES, **FEATURE_TABLES}


@cache
def schema_of(table: str) -> pa.Schema:
    """The Arrow schema of a table, with a comment in the metadata of each field and of the whole."""
    row_class = ALL_TABLES[table]
    hints = typing.get_type_hints(row_class)
    fields = [
        pa.field(f.name, f.metadata["arrow"], nullable=_optional(hints[f.name]))
        .with_metadata({"comment": f.metadata["comment"]})
        for f in dataclasses.fields(row_class)
    ]  # fmt: skip
    return pa.schema(fields, metadata={"comment": row_class.__doc__ or ""})


def _optional(hint: Any) -> bool:
    return isinstance(hint, types.UnionType) and type(None) in hint.__args__


def to_arrow(table: str, rows: Sequence[Any]) -> pa.Table:
    """An Arrow table of row dataclasses; raises where a row does not fit its column."""
    schema = schema_of(table)
    columns = [pa.array([getattr(row, f.name) for row in rows], type=f.type) for f in schema]
    arrow = pa.Table.from_arrays(columns, schema=schema)
    for f in schema:
        if not f.nullable and arrow.column(f.name).null_count:
            raise ValueError(f"{table}.{f.name} is null in {arrow.column(f.name).null_count} rows and may not be")
    return arrow


class ParquetBuffer:
    """A complete Parquet file (zstd) in memory, put together row group by row group."""

    def __init__(self, schema: pa.Schema) -> None:
        self.n_rows = 0
        self._sink = pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(self._sink, schema, compression="zstd", write_statistics=True)

    def write(self, arrow: pa.Table) -> None:
        self.n_rows += arrow.num_rows
        self._writer.write_table(arrow, row_group_size=ROW_GROUP_ROWS)

    def close(self) -> bytes:
        """The bytes of the file: what is written is written in one piece."""
        self._writer.close()
        return self._sink.getvalue().to_pybytes()


def to_parquet(arrow: pa.Table) -> bytes:
    """A table as a complete Parquet file."""
    buffer = ParquetBuffer(arrow.schema)
    buffer.write(arrow)
    return buffer.close()


def tables_page() -> str:
    """docs/tables.md, from the same definition as the schemas."""
    lines = [
        "# The tables",
        "",
        "Written by `python -m pipelines.show --tables`; a test holds it against the code.",
        "",
        "Every table is a folder under `--output`, hive-partitioned by the UTC date of the run (`dt=YYYY-MM-DD`, a",
        "column that readers add), in Parquet compressed with zstd. Times named `*_s` are float64 seconds from the",
        "start of the asset, timestamps are UTC microseconds, absent is null. The comments below are also in the",
        "metadata of each Parquet column (`pyarrow.parquet.read_schema(file).field('uri').metadata`).",
        "",
        "A later version may add a column that has null. Files of versions before lack it, and are not written again",
        "for its sake: DuckDB reads both with `union_by_name = true`, pyarrow with the schema of the newest file.",
    ]
    for table in ALL_TABLES:
        schema = schema_of(table)
        lines += ["", f"## `{table}/`", "", schema.metadata[b"comment"].decode(), ""]
        lines += ["| column | type | null | what it is |", "| --- | --- | --- | --- |"]
        for f in schema:
            null = "yes" if f.nullable else "no"
            lines.append(f"| `{f.name}` | {_type_name(f.type)} | {null} | {f.metadata[b'comment'].decode()} |")
    return "\n".join(lines) + "\n"


def _type_name(arrow_type: pa.DataType) -> str:
    if arrow_type == EDITS:
        return "list of {rule, start, end, before, after}"
    if pa.types.is_list(arrow_type):
        return f"list of {arrow_type.value_type}"
    return "timestamp (µs, UTC)" if pa.types.is_timestamp(arrow_type) else str(arrow_type)
