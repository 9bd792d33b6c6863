"""References: what was really said, from manifests or Parquet tables of the same columns."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from model.errors import BeamscribeError
from transforms import storage
from transforms.assets import channel_order, part_uri
from transforms.manifests import ManifestRow, is_manifest, read_manifest


@dataclass(frozen=True, slots=True)
class Reference:
    """What was said in an asset, or in one channel of it."""

    # as in the tables
    uri: str
    # None: all channels
    channel: int | None
    language: str | None
    corpus: str | None
    # empty: nothing was said
    text: str


@dataclass(frozen=True)
class References:
    """The references that an evaluation scores, sorted by uri and channel."""

    references: tuple[Reference, ...]
    # rows of the files that have none (null is not "": that says that nothing is said)
    rows_without: int


def find_references(names: Sequence[str], corpora: Sequence[str] = ()) -> References:
    """The references in manifests and in folders of Parquet files, of the named corpora alone where any are named.

    Raises BeamscribeError for a file that cannot be read, for contradictions, and where there is no reference.
    """
    found, n_without = references_in((path for name in names for path in _files(name)), corpora)
    if absent := set(corpora) - {reference.corpus for reference in found.values()}:
        raise BeamscribeError(f"no reference of the corpus {', '.join(sorted(absent))} in {', '.join(names)}")
    if not found:
        raise BeamscribeError(f"no row of {', '.join(names)} has a `reference`; name files that have that column")
    ordered = sorted(found.values(), key=lambda r: (r.uri, channel_order(r.channel)))
    return References(tuple(ordered), n_without)


def references_in(
    paths: Iterable[str], corpora: Sequence[str] = ()
) -> tuple[dict[tuple[str, int | None], Reference], int]:
    """The references in manifests by uri and channel, and how many rows have none. Raises BeamscribeError."""
    found: dict[tuple[str, int | None], Reference] = {}
    n_without = 0
    for row in (row for path in paths for row in read_manifest(path)):
        if row.reference is None:
            n_without += 1
        elif not corpora or row.corpus in corpora:
            _add(found, _reference(row))
    _refuse_overlaps(found)
    return found, n_without


def _files(name: str) -> list[str]:
    """The manifests that a name stands for: itself, or the Parquet files of a folder."""
    path = storage.normalise(name)
    try:
        if storage.stat(path) is not None:
            if not is_manifest(path):
                raise BeamscribeError(f"{name}: references are read from .jsonl, .csv and .parquet files")
            return [path]
        files = [info.path for info in storage.list_files(path)] if storage.is_folder(path) else []
    except OSError as error:
        raise BeamscribeError(f"{name} cannot be read ({error}); check the path, rights and credentials") from error
    parts = [file for file in files if file.endswith(".parquet")]
    if not parts:
        raise BeamscribeError(f"{name}: no such file of references, nor a folder of Parquet files; check the path")
    return parts


def _reference(row: ManifestRow) -> Reference:
    uri = part_uri(storage.printable(row.path), row.start_s, row.end_s)
    if not isinstance(row.reference, str):
        raise BeamscribeError(f"{uri}: the reference {row.reference!r} is no text; write it as a string")
    return Reference(uri, row.channel, row.language, row.corpus, row.reference)


def _add(found: dict[tuple[str, int | None], Reference], reference: Reference) -> None:
    key = (reference.uri, reference.channel)
    if found.setdefault(key, reference) != reference:
        raise BeamscribeError(f"{_name(reference)} has two references that differ; keep one")


def _refuse_overlaps(found: Iterable[tuple[str, int | None]]) -> None:
    whole = {uri for uri, channel in found if channel is None}
    both = sorted(uri for uri, channel in found if channel is not None and uri in whole)
    if both:
        raise BeamscribeError(f"{both[0]} has a reference of all channels and one of a single channel; keep one kind")


def _name(reference: Reference) -> str:
    return reference.uri if reference.channel is None else f"{reference.uri} (channel {reference.channel})"


def write_references(path: str, references: Iterable[Reference]) -> None:
    """Writes one file that `read_references` reads on the workers."""
    storage.write_whole(path, "".join(json.dumps(asdict(reference)) + "\n" for reference in references).encode())


def read_references(path: str) -> Iterator[Reference]:
    """The references of a file that `write_references` wrote."""
    for line in storage.read_whole(path).split(b"\n"):
        if line:
            yield Reference(**json.loads(line))
