"""How rows become visible: staged aside as complete files, then moved into the tables by a journal.

All rows of an asset, in every table, live in files of one name, a *part*. A run stages its parts below
`OUTPUT/_beamscribe/`, where no reader of a table looks. The journal lists every move and deletion; once it is written
the commit is decided, and whoever finds a journal carries it out to its end (`recover`), which changes nothing the
second time.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.errors import BeamscribeError
from transforms import storage
from transforms.tables import to_arrow, to_parquet

STAGING = "_beamscribe"
JOURNAL = "commit.json"


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
    storage.write_whole(path, to_parquet(arrow))
    with storage.open_read(path) as file:
        found = pq.read_metadata(file).num_rows
    if found != arrow.num_rows:
        raise OSError(f"{path}: wrote {arrow.num_rows} rows and read back {found}")


def commit(parts: PartOf, replaced: Mapping[tuple[str, str], set[str]]) -> None:
    """Makes all that the run staged visible, and what it replaces invisible.

    replaced: uris that give way, by table and part.
    """
    moves: list[tuple[str, str]] = []
    deletes: list[str] = []
    for (table, part), uris in replaced.items():
        _thin_out(parts, table, part, uris, moves, deletes)
    staged = storage.join(parts.staging, "tables")
    for info in storage.list_files(staged):
        moves.append((info.path, storage.join(parts.output, info.path.removeprefix(staged + "/"))))
    journal = json.dumps({"moves": moves, "deletes": deletes, "staging": parts.staging})
    storage.write_whole(storage.join(parts.output, STAGING, JOURNAL), journal.encode())
    recover(parts.output)


def _thin_out(
    parts: PartOf, table: str, part: str, uris: set[str], moves: list[tuple[str, str]], deletes: list[str]
) -> None:
    """Stages a file of an earlier run without the rows that give way."""
    path = storage.join(parts.output, table, part)
    if storage.stat(path) is None:
        return
    arrow = pq.read_table(io.BytesIO(storage.read_whole(path)))
    kept = arrow.filter(pc.invert(pc.is_in(arrow.column("uri"), pa.array(sorted(uris), pa.string()))))
    if kept.num_rows == 0:
        deletes.append(path)
    elif kept.num_rows < arrow.num_rows:
        thinned = storage.join(parts.staging, "thinned", table, part)
        stage_table(thinned, kept)
        moves.append((thinned, path))


def recover(output: str) -> bool:
    """Carries a decided commit out to its end. True where there was one."""
    path = storage.join(output, STAGING, JOURNAL)
    if storage.stat(path) is None:
        return False
    journal = json.loads(storage.read_whole(path))
    storage.delete(journal["deletes"])
    for source, destination in journal["moves"]:
        storage.move(source, destination)
    storage.delete_folder(journal["staging"])
    storage.delete([path])
    return True


def claim_output(output: str) -> None:
    """Makes sure that the output can be written, and puts an interrupted run's leftovers in order."""
    try:
        probe = storage.join(output, STAGING, "writable")
        storage.write_whole(probe, b"yes")
        storage.delete([probe])
        recover(output)
        clear_staging(output)
    except OSError as error:
        raise BeamscribeError(
            f"--output {output} cannot be written ({error}); check the path and its rights"
        ) from error


def clear_staging(output: str) -> None:
    """Removes what an undecided run left behind."""
    folder = storage.join(output, STAGING)
    if storage.is_folder(folder):
        storage.delete_folder(folder)
