"""How rows become visible: staged aside as complete files, then moved into the tables by a journal.

All rows of an asset, in every table, live in files of one name, a *part*. A run stages its parts below
`OUTPUT/_beamscribe/`, where no reader of a table looks. The journal lists every move and deletion; once it is written
the commit is decided, and whoever finds a journal carries it out to its end (`recover`), which changes nothing the
second time.

On a local disk a table is changed in one step: a folder that shares all files which stay, holds the new ones and lacks
the old changes places with the table's. On object stores files are changed one by one, new ones first.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.errors import BeamscribeError
from transforms import lease, storage
from transforms.folders import remove_empty_folders, replace_folder
from transforms.layout import JOURNAL, LEASES, RESULTS, STAGING
from transforms.lease import Lease
from transforms.rows import TIMESTAMP
from transforms.tables import to_arrow, to_parquet

# a reader that starts from transcripts finds all that belongs to them
LAST_TABLES = ("transcripts", "features", "runs", "feature_runs")
# of files that tables hold
ENDINGS = (".parquet", ".tfrecord", ".json")


@dataclass(frozen=True)
class PartOf:
    """Where the parts of one run go."""

    output: str
    run_id: str
    # YYYY-MM-DD, UTC
    date: str
    n_shards: int

    @property
    def staging(self) -> str:
        """Folder of all that the run leaves before its commit."""
        return storage.join(self.output, STAGING, self.run_id)

    def staged(self, table: str, part: str) -> str:
        """Where a part is staged that is to become visible in a table."""
        return storage.join(self.staging, "tables", table, part)

    def name(self, shard: int) -> str:
        """Path of a part below the folder of any table."""
        return f"dt={self.date}/{self.run_id}-{shard:05d}-of-{self.n_shards:05d}.parquet"

    def shard_of(self, uri: str) -> int:
        """The shard that an asset belongs to, the same on every worker and every attempt."""
        return int.from_bytes(hashlib.sha256(uri.encode("utf8", "surrogateescape")).digest()[:8]) % self.n_shards


@dataclass
class PartEdits:
    """What changes in a part of an earlier run."""

    # uris whose rows give way
    gone: set[str] = field(default_factory=set)
    # uri -> modification time in µs: the file was written again with the same content
    touched: dict[str, int | None] = field(default_factory=dict)


# by table and part
Edits = Mapping[tuple[str, str], PartEdits]


def stage_part(parts: PartOf, shard: int, rows: Mapping[str, Sequence[Any]]) -> dict[str, int]:
    """Writes the rows of one shard, a file a table, and reads back what was written. Returns rows by table.

    Written again (a retry), the same files result. Raises OSError where a file does not hold what was written.
    """
    counts = {}
    for table, table_rows in rows.items():
        counts[table] = len(table_rows)
        if table_rows:
            stage_table(parts.staged(table, parts.name(shard)), to_arrow(table, table_rows))
    return counts


def stage_table(path: str, arrow: pa.Table) -> None:
    """Writes one complete file and checks its row count from the store."""
    stage_file(path, to_parquet(arrow), arrow.num_rows)


def stage_file(path: str, data: bytes, n_rows: int) -> None:
    """Writes one complete Parquet file and checks its row count from the store."""
    storage.write_whole(path, data)
    with storage.open_read(path) as file:
        found = pq.read_metadata(file).num_rows
    if found != n_rows:
        raise OSError(f"{path}: wrote {n_rows} rows and read back {found}")


def commit(parts: PartOf, edits: Edits, gone: Iterable[str] = ()) -> None:
    """Makes all that the run staged visible, and what it replaces invisible.

    gone: files of tables that go, where the run has not staged others of their names.
    """
    moves: list[tuple[str, str]] = []
    deletes: list[str] = []
    for (table, part), edit in edits.items():
        _edit(parts, table, part, edit, moves, deletes)
    staged = storage.join(parts.staging, "tables")
    for info in (info for ending in ENDINGS for info in storage.files_named(staged, ending)):
        moves.append((info.path, storage.join(parts.output, info.path.removeprefix(staged + "/"))))
    deletes += sorted(set(gone) - {to for _, to in moves})
    journal = {"moves": moves, "deletes": deletes, "staging": parts.staging}
    storage.write_whole(storage.join(parts.output, STAGING, JOURNAL), json.dumps(journal).encode())
    recover(parts.output)


def _edit(
    parts: PartOf, table: str, part: str, edit: PartEdits, moves: list[tuple[str, str]], deletes: list[str]
) -> None:
    """Stages a file of an earlier run without the rows that give way, and with the new times of those that stay."""
    path = storage.join(parts.output, table, part)
    if storage.stat(path) is None:
        return
    arrow = pq.read_table(io.BytesIO(storage.read_whole(path)))
    kept = arrow.filter(pc.invert(pc.is_in(arrow.column("uri"), pa.array(sorted(edit.gone), pa.string()))))
    if kept.num_rows == 0:
        deletes.append(path)
        return
    touched = _with_times(kept, edit.touched)
    if not touched.equals(arrow):
        edited = storage.join(parts.staging, "edited", table, part)
        stage_table(edited, touched)
        moves.append((edited, path))


def _with_times(arrow: pa.Table, touched: Mapping[str, int | None]) -> pa.Table:
    name = "source_modified_at"
    if not touched or name not in arrow.column_names:
        return arrow
    uris, before = arrow.column("uri").to_pylist(), arrow.column(name).cast(TIMESTAMP).cast(pa.int64()).to_pylist()
    times = [touched.get(uri, old) for uri, old in zip(uris, before, strict=True)]
    at = arrow.schema.get_field_index(name)
    return arrow.set_column(at, arrow.schema.field(at), pa.array(times, pa.int64()).cast(TIMESTAMP))


def recover(output: str) -> bool:
    """Carries a decided commit out to its end. True where there was one."""
    path = storage.join(output, STAGING, JOURNAL)
    if storage.stat(path) is None:
        return False
    journal = json.loads(storage.read_whole(path))
    for table in _tables(output, journal):
        folder = storage.join(output, table) + "/"
        moves = [(source, to) for source, to in journal["moves"] if to.startswith(folder)]
        deletes = [gone for gone in journal["deletes"] if gone.startswith(folder)]
        view = storage.join(journal["staging"], "view", table)
        if not (storage.is_local(output) and replace_folder(folder.rstrip("/"), view, moves, deletes)):
            for source, destination in moves:
                storage.move(source, destination)
            storage.delete(deletes)
    storage.delete([path])
    storage.delete_folder(journal["staging"])
    return True


def _tables(output: str, journal: Mapping[str, Any]) -> list[str]:
    """The tables that a journal changes, those that readers start from at the end."""
    changed = [to for _, to in journal["moves"]] + journal["deletes"]
    names = {path.removeprefix(output + "/").split("/")[0] for path in changed}
    return sorted(names, key=lambda name: (LAST_TABLES.index(name) if name in LAST_TABLES else -1, name))


@contextmanager
def claimed(output: str) -> Iterator[Lease]:
    """The output for one run to write, cleared of what interrupted runs left but for results that can be picked up.

    Raises BeamscribeError where it cannot be written, or another run is writing it.
    """
    with ExitStack() as stack:
        # after the lease was given back
        stack.callback(remove_empty_folders, storage.join(output, STAGING))
        try:
            held = stack.enter_context(lease.hold(output))
            recover(output)
            clear_staging(output)
        except OSError as error:
            raise BeamscribeError(
                f"--output {output} cannot be written ({error}); check the path and its rights"
            ) from error
        yield held


def clear_staging(output: str) -> None:
    """Removes what undecided runs left behind, but for leases and results."""
    folder = storage.join(output, STAGING)
    kept = tuple(storage.join(folder, name) + "/" for name in (LEASES, RESULTS))
    if storage.is_folder(folder):
        storage.delete(info.path for info in storage.list_files(folder) if not info.path.startswith(kept))
        remove_empty_folders(folder)
