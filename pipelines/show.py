"""`beamscribe show DIR`: the transcripts of an output folder, to read; with --tables, the page on the schema."""

import argparse
import io
import sys
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import BeamscribeError
from pipelines.options import Parser, beam_args
from transforms import storage, stores
from transforms.history import table_parts
from transforms.tables import schema_of, tables_page


def command(argv: Sequence[str]) -> int:
    """Prints transcripts and failures, then where the tables are."""
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    stores.use(beam_args(rest, parser))
    if args.tables:
        print(tables_page(), end="")
        return 0
    if args.output is None:
        raise BeamscribeError("name the output folder: beamscribe show DIR")
    output = storage.normalise(args.output)
    try:
        transcripts, failures = read_table(output, "transcripts"), read_table(output, "failures")
    except OSError as error:
        raise BeamscribeError(f"{args.output} cannot be read ({error}); check path, rights and credentials") from error
    if not transcripts and not failures:
        raise BeamscribeError(f"{args.output} holds no transcripts; run beamscribe transcribe --output {args.output}")
    if args.vocabulary:
        print_hits(args.vocabulary, [row["text"] for row in transcripts])
        return 0
    for row in transcripts:
        channel = "" if row["channel"] is None else f" [channel {row['channel']}]"
        said = row["text"] or "(nothing was said)"
        print(f"{row['uri'].rsplit('/', 1)[-1]}{channel}, {row['duration_s']:.1f} s, {row['status']}: {said}")
    for row in failures:
        print(f"{row['uri'].rsplit('/', 1)[-1]}: {row['stage']} failed: {row['message']}")
    print(f"tables: {output}/transcripts, {output}/segments, {output}/failures, {output}/runs")
    return 0


def print_hits(vocabulary: str, texts: Sequence[str]) -> None:
    """A line a term, its fields separated by a tab: how often it stands in the texts, the term; the oftenest first."""
    # imported here: the dictionary behind it takes a moment
    from transforms.text.corrector import Corrector
    from transforms.text.mentions import hits
    from transforms.text.vocabulary import read_vocabulary

    terms = read_vocabulary(vocabulary)
    corrector = Corrector(terms)
    counts = sum((hits(text, corrector) for text in texts), Counter())
    for term in sorted(terms, key=lambda term: -counts[term.text]):
        print(f"{counts[term.text]}\t{term.text}")


def read_table(output: str, table: str) -> list[dict]:
    """All rows of a table, sorted by uri and channel. Columns that older versions did not write are null."""
    parts = [pq.read_table(io.BytesIO(storage.read_whole(info.path))) for info in table_parts(output, table)]
    rows = pa.concat_tables([schema_of(table).empty_table(), *parts], promote_options="default").to_pylist()
    return sorted(rows, key=lambda row: (row["uri"], row.get("channel") or 0))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="beamscribe show",
        description="Prints the transcripts of an output folder.",
        epilog="Every other flag goes to Beam: --s3_endpoint_url …",
        allow_abbrev=False,
    )
    parser.add_argument("output", nargs="?", metavar="DIR", help="the folder that transcribe wrote")
    parser.add_argument(
        "--vocabulary",
        metavar="FILE",
        help="count instead how often each term of a vocabulary is in the transcripts",
    )
    parser.add_argument("--tables", action="store_true", help="print the page on the tables' columns instead")
    return parser


if __name__ == "__main__":
    from pipelines.cli import leave, run

    leave(run("show", sys.argv[1:]))
