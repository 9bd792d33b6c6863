"""Row dataclasses, Arrow schemas and the written page are one thing."""

import dataclasses
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import REPOSITORY
from tests.transforms import make_rows
from transforms.rows import TABLES
from transforms.tables import schema_of, tables_page, to_arrow, to_parquet


@pytest.mark.parametrize("table", TABLES)
def test_every_column_has_a_type_and_a_comment(table):
    schema = schema_of(table)
    assert schema.names == [f.name for f in dataclasses.fields(TABLES[table])]
    assert all(len(schema.field(name).metadata[b"comment"]) > 10 for name in schema.names)


def test_contract_columns_are_there_in_order():
    contract = {
        "transcripts": "uri channel content_sha256 size_bytes source_modified_at duration_s speech_s sample_rate_hz "
        "channels codec status language language_probability text raw_text avg_logprob flags model model_sha256 "
        "config_hash code_version run_id transcribed_at etag",
        "segments": "uri channel content_sha256 segment_index start_s end_s text raw_text edits avg_logprob "
        "no_speech_prob compression_ratio temperature language flags rms_dbfs snr_db clipping run_id",
    }
    for table, names in contract.items():
        assert schema_of(table).names == names.split()
    failures = "uri stage error_type message retriable attempts salvaged_s run_id failed_at"
    assert set(failures.split()) <= set(schema_of("failures").names)


def test_parquet_keeps_rows_types_and_comments():
    edit = {"rule": "no_speech", "start": 0, "end": 2, "before": "Hm", "after": ""}
    row = make_rows.segment("a b#.wav", channel=None, edits=[edit], flags=["no_speech"], rms_dbfs=None)
    back = pq.read_table(io.BytesIO(to_parquet(to_arrow("segments", [row]))))
    assert back.schema.equals(schema_of("segments"), check_metadata=False)
    assert back.to_pylist()[0] == dataclasses.asdict(row)
    assert b"Null: all channels mixed" in back.schema.field("channel").metadata[b"comment"]
    metadata = pq.read_metadata(io.BytesIO(to_parquet(to_arrow("segments", [row]))))
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def test_timestamps_are_utc_microseconds():
    back = to_arrow("transcripts", [make_rows.transcript("a.wav")])
    assert back.schema.field("transcribed_at").type == pa.timestamp("us", tz="UTC")
    assert back.column("transcribed_at").to_pylist() == [make_rows.MOMENT]


def test_null_where_none_may_be_is_refused():
    with pytest.raises(ValueError, match=r"transcripts\.text is null"):
        to_arrow("transcripts", [make_rows.transcript("a.wav", text=None)])


def test_written_page_is_true():
    assert (REPOSITORY / "docs" / "tables.md").read_text() == tables_page()
