"""`beamscribe evaluate`: transcripts held against references, scores in Parquet tables and on the terminal.

    find references → [ read references, transcripts, segments → gather by asset → score
    → gather by part → stage;  → gather by group → score the group → stage ] → commit → print

What is in brackets is the Beam pipeline. Groups gather the counts of their utterances, not their texts.
"""

import logging
import secrets
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import BeamscribeError
from pipelines.beam_runs import beam_options, cause
from pipelines.options import Parser, beam_args
from pipelines.progress import workers_muted
from pipelines.score_page import score_page
from transforms import storage, stores
from transforms.commit import PartOf, claimed, commit
from transforms.history import table_parts
from transforms.lease import Lease
from transforms.references import References, find_references, read_references, write_references
from transforms.score_groups import Evaluation, groups_of, score_group
from transforms.score_parts import (
    ScoreAsset,
    read_rows,
    read_spans,
    read_transcripts,
    stage_groups,
    stage_utterances,
)

log = logging.getLogger(__name__)

UTTERANCES_PER_PART = 20_000


@dataclass(frozen=True)
class EvaluateOptions:
    """What one evaluation is asked to do."""

    transcripts: str
    references: tuple[str, ...]
    output: str
    # empty: all
    corpora: tuple[str, ...]
    # utterances printed with their differences
    worst: int
    n_bootstrap: int
    seed: int
    # for Beam, unchanged, completed with the default runner
    beam_args: tuple[str, ...]


def parser() -> Parser:
    """The parser of the flags."""
    made = Parser(prog="beamscribe evaluate", description="Scores transcripts against references.", allow_abbrev=False)
    made.add_argument("--transcripts", required=True, metavar="DIR", help="an output folder of beamscribe transcribe")
    made.add_argument(
        "--references",
        nargs="+",
        action="extend",
        required=True,
        metavar="PATH",
        help="manifests (.jsonl, .csv, .parquet) or folders of Parquet files, with columns uri and reference, and if "
        "you like start_s, end_s, channel, language, corpus",
    )
    made.add_argument("--output", required=True, metavar="DIR", help="folder of the tables of scores")
    made.add_argument(
        "--corpus", nargs="+", action="extend", default=[], metavar="NAME", help="score these corpora only"
    )
    made.add_argument("--worst", type=int, default=10, help="utterances to print (default: %(default)s)")
    made.add_argument("--bootstrap", type=int, default=1000, help="samples of an interval (default: %(default)s)")
    made.add_argument("--seed", type=int, default=0, help="of those samples (default: %(default)s)")
    made.epilog = "Every other flag goes to Beam: --runner, --direct_num_workers, --s3_endpoint_url …"
    return made


def evaluate_options(argv: Sequence[str]) -> EvaluateOptions:
    """Parses and checks the flags. Raises BeamscribeError for what cannot be honoured."""
    made = parser()
    args, rest = made.parse_known_args(argv)
    for flag, least in (("worst", 0), ("bootstrap", 1), ("seed", 0)):
        if getattr(args, flag) < least:
            raise BeamscribeError(f"--{flag} {getattr(args, flag)}: needs at least {least}")
    return EvaluateOptions(
        transcripts=storage.normalise(args.transcripts),
        references=tuple(args.references),
        output=storage.normalise(args.output),
        corpora=tuple(args.corpus),
        worst=args.worst,
        n_bootstrap=args.bootstrap,
        seed=args.seed,
        beam_args=beam_args(rest, made),
    )


@dataclass(frozen=True)
class Job:
    """An evaluation that was checked: everything that can be wrong with the command line has been found."""

    options: EvaluateOptions
    references: References
    transcript_parts: tuple[str, ...]
    segment_parts: tuple[str, ...]


def prepare(options: EvaluateOptions) -> Job:
    """Checks all that can be known before work starts. Raises BeamscribeError."""
    stores.use(options.beam_args)
    references = find_references(options.references, options.corpora)
    folder = options.transcripts
    try:
        transcripts, segments = (
            tuple(info.path for info in table_parts(folder, table)) for table in ("transcripts", "segments")
        )
        if not transcripts:
            raise BeamscribeError(f"--transcripts {folder} holds no table of transcripts; name an output of transcribe")
        _check_match({reference.uri for reference in references.references}, transcripts, folder)
    except OSError as error:
        raise BeamscribeError(f"--transcripts {folder} cannot be read ({error}); check path and rights") from error
    return Job(options, references, transcripts, segments)


def _check_match(uris: set[str], transcript_parts: Iterable[str], folder: str) -> None:
    """Reads names of assets until one has a reference."""
    other = None
    for path in transcript_parts:
        try:
            with storage.open_read(path) as file:
                found = pq.read_table(file, columns=["uri"]).column("uri").to_pylist()
        except (pa.ArrowException, KeyError) as error:
            raise BeamscribeError(f"{path}: not a table of Beamscribe ({error}); move it elsewhere") from error
        if not uris.isdisjoint(found):
            return
        other = other or next(iter(found), None)
    raise BeamscribeError(
        f"no reference names an asset of {folder}: references name {min(uris)}, transcripts {other or 'nothing'}; "
        "mend `uri`, which starts at the folder of its file"
    )


def evaluate(job: Job, started_at: datetime, held: Lease) -> str:
    """Scores, commits, and returns the page to print."""
    options, references = job.options, job.references.references
    evaluation_id = f"{started_at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    evaluation = Evaluation(evaluation_id, started_at, options.transcripts, options.n_bootstrap, options.seed)
    parts = PartOf(options.output, evaluation_id, f"{started_at:%Y-%m-%d}", 1 + len(references) // UTTERANCES_PER_PART)
    references_path = storage.join(parts.staging, "references.jsonl")
    write_references(references_path, references)
    with workers_muted():
        build(job, parts, evaluation, references_path).run().wait_until_finish()
    utterances, groups = (_staged(parts, table) for table in ("utterance_scores", "group_scores"))
    n_staged = sum(_n_rows(path) for path in utterances)
    if n_staged != len(references):
        raise RuntimeError(f"{len(references)} references were given and {n_staged} scored; nothing was committed")
    page = score_page(
        [row for path in groups for row in read_rows(path)],
        (row for path in utterances for row in read_rows(path)),
        options.worst,
    )
    held.check()
    commit(parts, {})
    return page


def build(job: Job, parts: PartOf, evaluation: Evaluation, references_path: str) -> beam.Pipeline:
    """The pipeline, in reading order."""
    pipeline = beam.Pipeline(options=beam_options(job.options.beam_args))
    references = (
        pipeline
        | "NameReferences" >> beam.Create([references_path])
        | "ReadReferences" >> beam.FlatMap(read_references)
        | "KeyReferencesByAsset" >> beam.Map(lambda reference: (reference.uri, reference))
    )
    transcripts = (
        pipeline
        | "NameTranscriptParts" >> beam.Create(job.transcript_parts)
        | "SpreadTranscriptParts" >> beam.Reshuffle()
        | "ReadTranscripts" >> beam.FlatMap(read_transcripts)
    )
    segments = (
        pipeline
        | "NameSegmentParts" >> beam.Create(job.segment_parts)
        | "SpreadSegmentParts" >> beam.Reshuffle()
        | "ReadSegments" >> beam.FlatMap(read_spans)
    )
    scored = (
        {"references": references, "transcripts": transcripts, "segments": segments}
        | "GatherByAsset" >> beam.CoGroupByKey()
        | "ScoreAsset"
        >> beam.ParDo(ScoreAsset(evaluation.evaluation_id)).with_outputs(ScoreAsset.UNSCORED, main="scores")
    )
    (
        scored.scores
        | "KeyByPart" >> beam.Map(lambda row, parts: (parts.shard_of(row.uri), row), parts)
        | "GatherByPart" >> beam.GroupByKey()
        | "StageUtterances" >> beam.Map(stage_utterances, parts)
    )
    n_unscored = scored[ScoreAsset.UNSCORED] | "CountUnscored" >> beam.CombineGlobally(sum)
    (
        scored.scores
        | "CountByGroup" >> beam.FlatMap(groups_of)
        | "GatherByGroup" >> beam.GroupByKey()
        | "ScoreGroup" >> beam.Map(lambda keyed, evaluation: score_group(keyed[0], keyed[1], evaluation), evaluation)
        | "KeyGroups" >> beam.WithKeys(None)
        | "GatherGroups" >> beam.GroupByKey()
        | "StageGroups" >> beam.Map(stage_groups, parts, beam.pvalue.AsSingleton(n_unscored))
    )
    return pipeline


def _n_rows(path: str) -> int:
    with storage.open_read(path) as file:
        return pq.read_metadata(file).num_rows


def _staged(parts: PartOf, table: str) -> list[str]:
    return [info.path for info in storage.list_files(parts.staged(table, f"dt={parts.date}"))]


def command(argv: Sequence[str]) -> int:
    """`beamscribe evaluate`. Returns the exit status; raises BeamscribeError before any work is done."""
    started_at = datetime.now(UTC)
    job = prepare(evaluate_options(argv))
    with claimed(job.options.output) as held:
        try:
            page = evaluate(job, started_at, held)
        except Exception as error:
            log.debug("the evaluation failed", exc_info=True)
            print(f"beamscribe evaluate: {cause(error)}; no score was written, run again", file=sys.stderr)
            return 1
    print(page)
    if job.references.rows_without:
        print(f"{job.references.rows_without} rows without a `reference` were left out")
    print(f"tables: {job.options.output}/utterance_scores, group_scores")
    return 0


if __name__ == "__main__":
    from pipelines.cli import leave, run

    leave(run("evaluate", sys.argv[1:]))
