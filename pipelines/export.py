"""Subtitles and texts from the tables: a file for each asset and format.

    look through transcripts → [ list parts → read rows → gather by asset → write files ]

What is in brackets is the Beam pipeline. The look through `transcripts` comes before it, because the command line has
to answer for what it finds (exit status 2) and the names of all files depend on the folder that all assets share.
"""

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

import apache_beam as beam

from model.errors import BeamscribeError
from pipelines.beam_runs import beam_options, cause
from pipelines.options import Parser, beam_args
from pipelines.progress import workers_muted
from transforms import storage, stores
from transforms.cues import CueOptions
from transforms.file_names import common_folder
from transforms.history import table_parts
from transforms.layout import JOURNAL, STAGING
from transforms.spoken import COLUMNS, read_rows
from transforms.subtitles import FORMATS, WriteExports
from transforms.tables import ALL_TABLES

log = logging.getLogger(__name__)

# the label of a channel and a few letters
MIN_LINE_WIDTH = 16


@dataclass(frozen=True)
class ExportOptions:
    """What an export is asked to do."""

    # folder of the tables
    tables: str
    to: str
    formats: tuple[str, ...]
    # glob that selects assets by their uri
    uri: str
    cues: CueOptions
    beam_args: tuple[str, ...]


@dataclass(frozen=True)
class ExportJob:
    """An export that was checked: everything that can be wrong with the command line has been found."""

    options: ExportOptions
    # Parquet files, by table
    parts: dict[str, list[str]]
    # what the uris of all assets have in common, selected or not: a file keeps its name whatever is selected
    common: tuple[str, ...]
    n_assets: int


def prepare(options: ExportOptions) -> ExportJob:
    """Finds the tables and looks through `transcripts`. Raises BeamscribeError."""
    stores.use(options.beam_args)
    parts = _find_parts(options.tables)
    n_assets = n_spoken = 0

    def uris() -> Iterator[str]:
        nonlocal n_assets, n_spoken
        for uri, rows in groupby(_transcripts(parts["transcripts"]), key=lambda row: row["uri"]):
            yield uri
            if fnmatchcase(uri, options.uri):
                n_assets += 1
                n_spoken += any(row["status"] == "ok" for row in rows)

    common = common_folder(uris())
    if n_assets == 0:
        raise BeamscribeError(
            f"--uri {options.uri} matches no asset of {options.tables}; quote it, and start it with *"
        )
    if n_spoken and not parts["segments"]:
        raise BeamscribeError(
            f"{options.tables} has transcripts and no segments; name the folder that transcribe wrote"
        )
    _check_writable(options.to)
    return ExportJob(options, parts, common, n_assets)


def _transcripts(paths: Sequence[str]) -> Iterator[dict[str, Any]]:
    for path in paths:
        yield from read_rows(path, ["uri", "status"])


def _find_parts(folder: str) -> dict[str, list[str]]:
    try:
        parts = {table: [info.path for info in table_parts(folder, table)] for table in COLUMNS}
        interrupted = storage.stat(storage.join(folder, STAGING, JOURNAL)) is not None
    except (OSError, ValueError) as error:
        raise BeamscribeError(
            f"--from {folder} cannot be listed ({error}); check path, rights and credentials"
        ) from error
    if interrupted:
        raise BeamscribeError(f"--from {folder} is being committed; wait, or run beamscribe transcribe again")
    if not parts["transcripts"]:
        raise BeamscribeError(f"--from {folder} holds no transcripts; name the --output of beamscribe transcribe")
    return parts


def _check_writable(folder: str) -> None:
    try:
        probe = storage.join(folder, ".beamscribe-writable")
        storage.write_whole(probe, b"yes")
        storage.delete([probe])
    except (OSError, ValueError) as error:
        raise BeamscribeError(f"--to {folder} cannot be written ({error}); check the path and its rights") from error


def build(job: ExportJob) -> beam.Pipeline:
    """The pipeline, in reading order."""
    options = job.options
    pipeline = beam.Pipeline(options=beam_options(options.beam_args))
    rows = {
        table: pipeline
        | f"List {table}" >> beam.Create(paths)
        | f"Spread parts of {table}" >> beam.Reshuffle()
        | f"Read {table}" >> beam.FlatMap(read_rows, COLUMNS[table], options.uri)
        | f"Key {table} by asset" >> beam.Map(lambda row: (row["uri"], row))
        for table, paths in job.parts.items()
        if paths
    }
    (
        rows
        | "GatherByAsset" >> beam.CoGroupByKey()
        | "WriteExports" >> beam.ParDo(WriteExports(options.to, job.common, options.formats, options.cues))
    )
    return pipeline


def export_options(parser: Parser, argv: Sequence[str]) -> ExportOptions:
    """Parses and checks the flags. Raises BeamscribeError for what cannot be honoured."""
    args, rest = parser.parse_known_args(argv)
    formats = _formats(args.format)
    given = {
        flag: value
        for flag, value in (("max_line_width", args.max_line_width), ("max_lines", args.max_lines))
        if value is not None
    }
    if given and not {"srt", "vtt"} & set(formats):
        raise BeamscribeError(f"--{min(given)} is for subtitles; add srt or vtt to --format, or leave it out")
    cues = CueOptions(**given)
    if cues.max_line_width < MIN_LINE_WIDTH:
        raise BeamscribeError(f"--max_line_width {cues.max_line_width}: needs at least {MIN_LINE_WIDTH} characters")
    if cues.max_lines < 1:
        raise BeamscribeError(f"--max_lines {cues.max_lines}: needs at least 1")
    tables, to = storage.normalise(args.tables), storage.normalise(args.to)
    _check_apart(tables, to)
    return ExportOptions(tables, to, formats, args.uri, cues, beam_args(rest, parser))


def _formats(text: str) -> tuple[str, ...]:
    formats = tuple(dict.fromkeys(text.split(",")))
    if unknown := [name for name in formats if name not in FORMATS]:
        raise BeamscribeError(f"--format {text}: no format {unknown[0]!r}; choose from {','.join(FORMATS)}")
    return formats


def _check_apart(tables: str, to: str) -> None:
    """Readers of a table take every file in its folder for a part of it."""
    below = to.rstrip("/").removeprefix(tables.rstrip("/")).split("/")
    if to.startswith(tables) and (below == [""] or (below[0] == "" and below[1] in {*COLUMNS, *ALL_TABLES, STAGING})):
        raise BeamscribeError(f"--to {to} is among the tables; name a folder of its own")


def parser() -> Parser:
    """The parser of the flags."""
    made = Parser(
        prog="beamscribe export",
        description="Writes subtitles and texts from the tables, a file for each asset and format.",
        epilog="Every other flag goes to Beam: --runner, --direct_num_workers, --s3_endpoint_url …",
        allow_abbrev=False,
    )
    made.add_argument("--from", dest="tables", required=True, metavar="DIR", help="the folder that transcribe wrote")
    made.add_argument("--to", required=True, metavar="DIR", help="folder of the files, local or on any Beam filesystem")
    made.add_argument("--format", default=",".join(FORMATS), help="comma-separated (default: %(default)s)")
    made.add_argument("--uri", default="*", metavar="GLOB", help="only assets whose uri matches (* crosses folders)")
    made.add_argument(
        "--max_line_width",
        type=int,
        help=f"characters in a line of a subtitle (default: {CueOptions.max_line_width})",
    )
    made.add_argument("--max_lines", type=int, help=f"lines of a subtitle (default: {CueOptions.max_lines})")
    return made


def command(argv: Sequence[str]) -> int:
    """`beamscribe export`. Returns the exit status; raises BeamscribeError before anything is written."""
    job = prepare(export_options(parser(), argv))
    try:
        with workers_muted():
            build(job).run().wait_until_finish()
    except Exception as error:
        log.debug("the export failed", exc_info=True)
        print(f"beamscribe export: {cause(error)}; not all files are written", file=sys.stderr)
        return 1
    n_files = job.n_assets * len(job.options.formats)
    print(f"{job.n_assets} assets exported, {n_files} files ({', '.join(job.options.formats)}) in {job.options.to}")
    return 0


if __name__ == "__main__":
    from pipelines.cli import leave, run

    leave(run("export", sys.argv[1:]))
