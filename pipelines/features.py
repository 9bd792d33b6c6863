"""The job of features: audio in, Parquet tables of features out, or TFRecords for training.

    find inputs → plan → [ spread ranges of the plan → read items → extract, stage results → gather by part
    → assemble ] → commit

Planning, failures, what an interrupted run leaves, and the commit are those of the main job (`pipelines.transcribe`).
Values of frames do not cross a shuffle: they are staged chunk by chunk under names that follow from their asset, and
read again when its rows are assembled.
"""

import logging
import secrets
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

import apache_beam as beam

from pipelines.beam_runs import beam_options, cause, makes_template
from pipelines.feature_jobs import FeaturesJob, check, make_plan
from pipelines.feature_options import add_features_flags, features_options
from pipelines.feature_rows import run_row, summary
from pipelines.jobs import CODE_VERSION
from pipelines.options import Parser
from pipelines.progress import watch
from pipelines.resume import alone_first, edits_of, run_to_end, site_of, taken_over, with_staged
from transforms import crashes, stopping, storage
from transforms.commit import PartEdits, PartOf, claimed, commit, stage_table
from transforms.features.assemble import Origin
from transforms.features.frame_files import drop_frames
from transforms.features.parts import FRAME_TABLES, AssembleFeatures, FeatureReceipt, frame_parts
from transforms.features.rows import FeatureRunRow
from transforms.features.steps import ExtractFeatures, extracted_record, tables_of
from transforms.features.tfrecords import TABLE as TFRECORDS
from transforms.features.tfrecords import references_path, stage_set
from transforms.lease import Lease
from transforms.parts import by_shard, read_receipts, staged_uris, total
from transforms.plan_files import PlanFile, Range, in_ranges, write_plan
from transforms.read_items import ReadItems
from transforms.references import Reference, write_references
from transforms.results import ResultStore, StagedFile, drop_results, find_results
from transforms.site import Site
from transforms.stage_records import StageHeard
from transforms.stopping import Stop
from transforms.tables import to_arrow

log = logging.getLogger(__name__)

# a part is as large as what one worker writes at once
ASSETS_PER_PART = 20_000
# a file of examples is put together in memory: 160 MB of utterances of 10 s
EXAMPLES_PER_FILE = 500


def execute(job: FeaturesJob, started_at: datetime, held: Lease, stop: Stop) -> FeatureRunRow | None:
    """Works out what is planned, commits it, and returns the row of the run; None where only a template is made."""
    work = list(job.plan.work)
    run_id = f"{started_at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    parts = PartOf(job.output, run_id, f"{started_at:%Y-%m-%d}", n_shards(job))
    store = ResultStore(job.output)
    if work:
        if job.features.finds_speech or job.model or job.features.makes_set:
            load_tensorflow()
        site = site_of(job.options.beam_args, job.runner, parts)
        work = alone_first(parts, store, work, partial(extract_alone, job, store, site))
        found = find_results(store, (item.key for item in work))
        ranges = in_ranges([with_staged(item, found) for item in work], parts.n_shards)
        if job.features.makes_set:
            write_shard_references(job, parts, ranges)
        plan = write_plan(storage.join(parts.staging, "plan.jsonl"), ranges, parts.n_shards)
        n_bytes = sum(item.asset.size_bytes or 0 for item in work)
        with watch(len(work), n_bytes, None if site.is_here else job.runner), stopping.passed_on(site.stop_path):
            run_to_end(build(job, parts, store, plan, taken_over(ranges, found), site))
        if makes_template(job.options.beam_args):
            return None
    receipt = total(read_receipts(parts, FeatureReceipt) if work else [], FeatureReceipt)
    if receipt.assets != len(work) and stop.signal is None:
        raise RuntimeError(f"{len(work)} assets were planned and {receipt.assets} staged; nothing was committed")
    if job.features.makes_set and work:
        if stop.signal:
            # half of a set is none; what is extracted waits for the next run
            raise KeyboardInterrupt
        stage_set(parts, {"code_version": CODE_VERSION, "channels": job.features.channels})
    finished = staged_uris(parts, ("features", "failures")) if stop.signal else {item.asset.uri for item in work}
    row = run_row(job, receipt, len(work) - len(finished), stop.exit_status, run_id, started_at)
    stage_table(parts.staged("feature_runs", f"dt={parts.date}/{run_id}.parquet"), to_arrow("feature_runs", [row]))
    held.check()
    kept_old = set() if job.features.makes_set else set(receipt.kept_old)
    commit(parts, edits(job, finished, kept_old), old_set(job) if work else [])
    left = {item.key for item in (*work, *job.plan.deferred) if item.asset.uri not in finished}
    drop_frames(store, left)
    drop_results(store, left)
    crashes.forget()
    return row


def n_shards(job: FeaturesJob) -> int:
    """How many parts the rows are in, and files the examples."""
    n_assets = len(job.plan.work)
    if not job.features.makes_set:
        return 1 + n_assets // ASSETS_PER_PART
    return max(1, min(n_assets, job.options.shards or 1 + n_assets // EXAMPLES_PER_FILE))


def write_shard_references(job: FeaturesJob, parts: PartOf, ranges: Iterable[Range]) -> None:
    """Writes the references of each shard's utterances for the worker that assembles it."""
    by_uri: dict[str, list[Reference]] = {}
    for reference in job.references.values():
        by_uri.setdefault(reference.uri, []).append(reference)
    of_shards: dict[int, list[Reference]] = {}
    for item in (item for one in ranges for item in one.items):
        of_shards.setdefault(item.shard, []).extend(by_uri.get(item.asset.uri, []))
    for shard, references in of_shards.items():
        if references:
            write_references(references_path(parts, shard), references)


def old_set(job: FeaturesJob) -> list[str]:
    """The files of the set of examples that there is."""
    return [info.path for info in storage.files_named(storage.join(job.output, TFRECORDS), "")]


def extract_alone(job: FeaturesJob, store: ResultStore, site: Site, plan: PlanFile) -> None:
    """Extracts the features of the assets of a plan, and stages them."""
    pipeline = beam.Pipeline(options=beam_options(job.options.beam_args))
    extracted(pipeline, job, store, plan, site)
    run_to_end(pipeline)


def build(
    job: FeaturesJob, parts: PartOf, store: ResultStore, plan: PlanFile, staged: Sequence[StagedFile], site: Site
) -> beam.Pipeline:
    """The pipeline, in reading order."""
    name = job.model.name if job.model else None
    origin = Origin(parts.run_id, job.features.groups, name, job.model_sha256, CODE_VERSION)
    pipeline = beam.Pipeline(options=beam_options(job.options.beam_args))
    (
        [extracted(pipeline, job, store, plan, site), pipeline | "TakenOver" >> beam.Create(staged)]
        | "AllResults" >> beam.Flatten()
        | "ByPart" >> beam.FlatMap(by_shard)
        | "GatherByPart" >> beam.GroupByKey()
        | "AssembleFeatures" >> beam.ParDo(AssembleFeatures(parts, origin, plan, store, site, tables_of(job.features)))
    )
    return pipeline


def extracted(
    pipeline: beam.Pipeline, job: FeaturesJob, store: ResultStore, plan: PlanFile, site: Site
) -> beam.PCollection:
    """The first part of the pipeline: the files of all results of what is planned."""
    read = (
        pipeline
        | "Ranges" >> beam.Create(plan.whole_ranges)
        | "SpreadWork" >> beam.Reshuffle()
        | "ReadItems" >> beam.ParDo(ReadItems(plan, store, site)).with_outputs(ReadItems.STAGED, main="items")
    )
    extract = ExtractFeatures(job.features, job.model, job.options.asset_timeout_s, store, site)
    made = (
        read.items
        | "ExtractFeatures" >> beam.ParDo(extract)
        | "StageExtracted" >> beam.ParDo(StageHeard(store, site, extracted_record))
    )
    return [made, read[ReadItems.STAGED]] | "AllExtracted" >> beam.Flatten()


def edits(job: FeaturesJob, finished: set[str], kept_old: set[str]) -> dict[tuple[str, str], PartEdits]:
    """What changes in parts of earlier runs; those of frames have several files of their own names."""
    of_parts = edits_of(job.plan, job.history, finished, kept_old, ("features", "regions"))
    gone = {part: edit for (table, part), edit in of_parts.items() if table == "features" and edit.gone}
    of_frames = {
        (table, name): PartEdits(gone=gone[part].gone)
        for table in FRAME_TABLES
        for part, names in frame_parts(job.output, table, gone).items()
        for name in names
    }
    return of_parts | of_frames


def parser() -> Parser:
    """The parser of the job's flags."""
    made = Parser(
        prog="beamscribe features",
        description="Reads audio and writes tables of its features, or log-mel spectrograms for training.",
        allow_abbrev=False,
    )
    add_features_flags(made)
    return made


def command(argv: Sequence[str]) -> int:
    """`beamscribe features`. Returns the exit status; raises BeamscribeError before any work is done."""
    started_at = datetime.now(UTC)
    checked = check(features_options(parser(), argv))
    if checked.options.dry_run:
        return dry_run(make_plan(checked))
    with stopping.on_signals() as stop, claimed(checked.output) as held:
        job = make_plan(checked)
        try:
            row = execute(job, started_at, held, stop)
        except KeyboardInterrupt:
            print("beamscribe features: stopped at once; nothing is lost, run again", file=sys.stderr)
            return stop.exit_status or 1
        except Exception as error:
            log.debug("the run failed", exc_info=True)
            print(f"beamscribe features: {cause(error)}; nothing is lost, run again", file=sys.stderr)
            return 1
    if row is None:
        print("a job is made; when it has ended, run the same without --template_location: that commits what it staged")
        return 0
    print(summary(row, job))
    return row.exit_status


def load_tensorflow() -> None:
    """Loads TensorFlow, which most features do without, and keeps what it prints off the terminal."""
    from pipelines.cli import quiet

    with quiet():
        import tensorflow  # noqa: F401


def dry_run(job: FeaturesJob) -> int:
    """Prints what a run would do."""
    from pipelines.plan import print_work, totals

    print_work(job.plan, job.sizes)
    print(totals(job.plan, "work on"))
    return 0


if __name__ == "__main__":
    from pipelines.cli import leave, run

    leave(run("features", sys.argv[1:]))
