"""`beamscribe correct`: other rules for the texts of tables that are there, without recognising again.

    find parts → [ read a part's rows → apply the rules to what the model wrote → stage ] → commit

What is in brackets is the Beam pipeline, a part of the tables an element. What an earlier redaction hid stays hidden:
it is nowhere any more.
"""

import json
import logging
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import apache_beam as beam

from model.errors import BeamscribeError
from pipelines.beam_runs import beam_options, cause
from pipelines.jobs import CODE_VERSION
from pipelines.options import Parser, beam_args
from pipelines.progress import workers_muted
from pipelines.run_columns import run_columns, without_secrets
from pipelines.run_rows import receipt_columns
from pipelines.text_flags import add_text_flags, text_options
from transforms import storage, stores
from transforms.commit import PartEdits, PartOf, claimed, commit, stage_table
from transforms.history import table_parts
from transforms.lease import Lease
from transforms.parts import Receipt, read_column, read_receipts, total
from transforms.recorrect import TALKED, Correction, CorrectPart, OldPart, part_paths
from transforms.rows import RunRow
from transforms.site import Site
from transforms.tables import to_arrow
from transforms.text.options import TextOptions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CorrectOptions:
    """What one correction is asked to do."""

    # folder of the tables
    tables: str
    text: TextOptions
    # for Beam, unchanged, completed with the default runner
    beam_args: tuple[str, ...]


def parser() -> Parser:
    """The parser of the flags."""
    made = Parser(
        prog="beamscribe correct",
        description="Applies other rules to the texts of tables that are there, without recognising again.",
        epilog="The texts get what is asked for here, nothing else: without a flag they are as the model wrote them. "
        "Every other flag goes to Beam: --runner, --s3_endpoint_url …",
        allow_abbrev=False,
    )
    made.add_argument("tables", metavar="DIR", help="the folder that transcribe wrote")
    add_text_flags(made)
    return made


def correct_options(argv: Sequence[str]) -> CorrectOptions:
    """Parses the flags. Raises BeamscribeError."""
    of_command = parser()
    args, rest = of_command.parse_known_args(argv)
    flags = beam_args(rest, of_command)
    stores.use(flags)
    return CorrectOptions(args.tables, text_options(args), flags)


def check_tables(output: str) -> None:
    """Raises BeamscribeError where there are no tables, or only such as cannot be read."""
    try:
        # any of them: a commit that was interrupted, and will be ended, makes transcripts visible last
        is_there = any(table_parts(output, table) for table in TALKED)
    except OSError as error:
        raise BeamscribeError(f"{output} cannot be read ({error}); check path, rights and credentials") from error
    if not is_there:
        raise BeamscribeError(f"{output} holds no transcripts; name the --output of beamscribe transcribe")


def find_parts(output: str, correction: Correction) -> list[OldPart]:
    """The parts whose rows other rules would change."""
    folder = storage.join(output, "transcripts")
    due: list[OldPart] = []
    for info in table_parts(output, "transcripts"):
        keys = set(read_column(info.path, "config_hash"))
        if any(correction.key(key) != key for key in keys):
            due.append(OldPart(len(due), part_paths(output, info.path.removeprefix(folder + "/"))))
    return due


def build(due: Sequence[OldPart], parts: PartOf, correction: Correction, site: Site) -> beam.Pipeline:
    """The pipeline."""
    pipeline = beam.Pipeline(options=beam_options(site.beam_args))
    (
        pipeline
        | "Parts" >> beam.Create(due)
        | "SpreadParts" >> beam.Reshuffle()
        | "CorrectPart" >> beam.ParDo(CorrectPart(parts, correction, site))
    )
    return pipeline


def execute(options: CorrectOptions, output: str, started_at: datetime, held: Lease) -> Receipt:
    """Corrects and commits."""
    run_id = f"{started_at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    correction = Correction(options.text, run_id, CODE_VERSION)
    due = find_parts(output, correction)
    if not due:
        return Receipt()
    parts = PartOf(output, run_id, f"{started_at:%Y-%m-%d}", len(due))
    with workers_muted():
        build(due, parts, correction, Site(options.beam_args)).run().wait_until_finish()
    receipts = read_receipts(parts, Receipt)
    if len(receipts) != len(due):
        raise RuntimeError(f"{len(due)} parts were planned and {len(receipts)} staged; nothing was committed")
    receipt = total(receipts, Receipt)
    row = run_row(options, receipt, run_id, started_at)
    stage_table(parts.staged("runs", f"dt={parts.date}/{run_id}.parquet"), to_arrow("runs", [row]))
    held.check()
    commit(parts, replaced(output, due))
    return receipt


def replaced(output: str, due: Sequence[OldPart]) -> dict[tuple[str, str], PartEdits]:
    """All rows of the old parts, which give way."""
    edits = {}
    for part in due:
        for table, path in part.paths.items():
            name = path.removeprefix(storage.join(output, table) + "/")
            edits[table, name] = PartEdits(gone=set(read_column(path, "uri")))
    return edits


def run_row(options: CorrectOptions, receipt: Receipt, run_id: str, started_at: datetime) -> RunRow:
    """What the run did. Its counts of audio are 0: it heard none."""
    told = {"command": "correct", "text": options.text.told(), "beam_args": without_secrets(options.beam_args)}
    unheard = replace(receipt, audio_s=0.0, speech_s=0.0)
    return RunRow(
        **run_columns(run_id, started_at, unheard),
        **receipt_columns(unheard),
        windows_resumed=0,
        model="",
        model_sha256="",
        config_hash="",
        options=json.dumps(told, sort_keys=True),
        versions="{}",
        runner=str(beam_options(options.beam_args).get_all_options()["runner"]),
    )


def command(argv: Sequence[str]) -> int:
    """`beamscribe correct`. Returns the exit status; raises BeamscribeError before any work is done."""
    started_at = datetime.now(UTC)
    options = correct_options(argv)
    output = storage.normalise(options.tables)
    check_tables(output)
    with claimed(output) as held:
        try:
            receipt = execute(options, output, started_at, held)
        except BeamscribeError:
            raise
        except Exception as error:
            log.debug("the correction failed", exc_info=True)
            print(f"beamscribe correct: {cause(error)}; the tables are as they were, run again", file=sys.stderr)
            return 1
    if not receipt.assets:
        print("nothing to do: the texts are already what these rules make of them")
        return 0
    print(f"{receipt.assets} assets corrected: {receipt.segments} segments, {receipt.words} words")
    print(f"tables: {output}/transcripts, segments, words, runs")
    return 0


if __name__ == "__main__":
    from pipelines.cli import leave, run

    leave(run("correct", sys.argv[1:]))
