"""The main job: audio in, Parquet tables of transcripts out.

    find inputs → plan → [ (divide long recordings →) spread ranges of the plan, and stretches → read items
    → find speech → recognise → stage results → gather by part → assemble ] → commit

What is in brackets is the Beam pipeline. Only names cross a shuffle: what is spread are numbers of ranges of the plan,
what is gathered are files of results. Results are staged before they are gathered, because nothing after a gathering
runs before all before it has: a run that is killed leaves them to the next, which takes them in at the same place; and
a runner that keeps all elements between two steps in memory has little to keep. Finding inputs and planning
come before the pipeline, because the command line has to answer for them (exit status 2) and `beamscribe plan` shows
them; the commit comes after it, because nothing may be visible before all is staged.
"""

import contextlib
import logging
import secrets
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference

from pipelines.beam_runs import beam_options, cause
from pipelines.jobs import CODE_VERSION, Job, check, make_plan
from pipelines.options import Parser, add_transcribe_flags, transcribe_options
from pipelines.progress import watch
from pipelines.resume import alone_first, edits_of, run_to_end, site_of, taken_over, with_staged
from pipelines.run_rows import Finished, run_row, summary
from transforms import crashes, stopping, storage
from transforms.assemble import Provenance
from transforms.commit import PartOf, claimed, commit, stage_table
from transforms.history import read_history
from transforms.lease import Lease
from transforms.listen import DivideIntoStretches, FindSpeech, ListenOptions
from transforms.mute import MuteAudio
from transforms.parts import AssemblePart, Receipt, by_shard, read_receipts, staged_uris, total
from transforms.plan_files import PlanFile, in_ranges, write_plan
from transforms.read_items import ReadItems
from transforms.recognize import ModelUse, RecognizerHandler, RescueHandler, SplitDoubtful
from transforms.results import ResultStore, StagedFile, drop_results, find_results
from transforms.rows import RunRow
from transforms.seal import Seal, derived, machine_key
from transforms.site import Site
from transforms.stage_records import StageHeard
from transforms.stopping import Stop
from transforms.tables import to_arrow
from transforms.text.options import TextOptions

log = logging.getLogger(__name__)

# a longer recording is divided, so that no worker is left with it alone
MAX_UNDIVIDED_S = 600.0
# a part is as large as what one worker writes at once: about 10 GB of audio, or this many assets
ASSETS_PER_PART = 20_000
BYTES_PER_PART = 10_000_000_000


def execute(job: Job, started_at: datetime, held: Lease, stop: Stop) -> RunRow | None:
    """Transcribes what is planned, commits it, and returns the row of the run; None where only a template is made."""
    work = list(job.plan.work)
    run_id = f"{started_at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    n_bytes = sum(item.asset.size_bytes or 0 for item in work)
    n_shards = 1 + max(len(work) // ASSETS_PER_PART, n_bytes // BYTES_PER_PART)
    parts = PartOf(job.output, run_id, f"{started_at:%Y-%m-%d}", n_shards)
    store = ResultStore(job.output, seal_of(job.options.text))
    n_resumed = 0
    if work:
        site = site_in(job, parts)
        work = alone_first(parts, store, work, partial(transcribe_alone, job, parts, store))
        found = find_results(store, (item.key for item in work))
        work = [with_staged(item, found) for item in work]
        n_resumed = sum(len(item.staged.windows) for item in work)
        ranges = in_ranges(work, n_shards, lambda item: (job.sizes.seconds(item.asset) or 0.0) > MAX_UNDIVIDED_S)
        plan = write_plan(storage.join(parts.staging, "plan.jsonl"), ranges, n_shards)
        with watch(len(work), n_bytes, None if site.is_here else job.runner), stopping.passed_on(site.stop_path):
            run_to_end(build(job, parts, store, plan, taken_over(ranges, found), site))
        if job.makes_template:
            return None
    receipt = total(read_receipts(parts, Receipt) if work else [], Receipt)
    if receipt.assets != len(work) and stop.signal is None:
        raise RuntimeError(f"{len(work)} assets were planned and {receipt.assets} staged; nothing was committed")
    finished = staged_uris(parts) if stop.signal else {item.asset.uri for item in work}
    done = Finished(receipt, len(work) - len(finished), n_resumed, stop.exit_status)
    row = run_row(job, done, run_id, started_at)
    if shown := unredacted(job, parts):
        # first: where this is all that gets done, the next run does it again
        commit_run(shown, row, replace(job, history=read_history(shown.output)), finished, receipt)
    held.check()
    commit_run(parts, row, job, finished, receipt)
    drop_results(store, {i.key for i in (*work, *job.plan.deferred) if i.asset.uri not in finished})
    crashes.forget()
    return row


def commit_run(parts: PartOf, row: RunRow, job: Job, finished: set[str], receipt: Receipt) -> None:
    """Makes the rows of a run visible, its own among them."""
    stage_table(parts.staged("runs", f"dt={parts.date}/{parts.run_id}.parquet"), to_arrow("runs", [row]))
    tables = ("transcripts", "segments", "words")
    commit(parts, edits_of(job.plan, job.history, finished, set(receipt.kept_old), tables))


@cache
def seal_of(text: TextOptions) -> Seal | None:
    """What closes results until they are redacted; None where nothing is hidden."""
    if text.redaction is None:
        return None
    return Seal(derived(text.redaction.key or machine_key(), "staging"))


def build(
    job: Job, parts: PartOf, store: ResultStore, plan: PlanFile, staged: Sequence[StagedFile], site: Site
) -> beam.Pipeline:
    """The pipeline, in reading order."""
    options = job.options
    provenance = Provenance(
        parts.run_id, job.model.name, job.model.sha256, CODE_VERSION, options.decode.prompt, options.text
    )
    pipeline = beam.Pipeline(options=beam_options(job.options.beam_args))
    gathered = (
        [recognised(pipeline, job, parts, store, plan, site), pipeline | "TakenOver" >> beam.Create(staged)]
        | "AllResults" >> beam.Flatten()
        | "ByPart" >> beam.FlatMap(by_shard)
        | "GatherByPart" >> beam.GroupByKey()
    )
    assemble = AssemblePart(parts, provenance, plan, store, site, finds_mutings=bool(options.redact_audio))
    assembled = gathered | "AssemblePart" >> beam.ParDo(assemble).with_outputs(AssemblePart.MUTINGS, main="shards")
    if shown := unredacted(job, parts):
        plain = replace(provenance, text=replace(options.text, redaction=None))
        gathered | "AssembleUnredacted" >> beam.ParDo(AssemblePart(shown, plain, plan, store, site))
    if options.redact_audio:
        folder = storage.normalise(options.redact_audio)
        (
            assembled[AssemblePart.MUTINGS]
            | "SpreadMutings" >> beam.Reshuffle()
            | "MuteAudio" >> beam.ParDo(MuteAudio(folder, options.asset_timeout_s, site))
        )
    return pipeline


def unredacted(job: Job, parts: PartOf) -> PartOf | None:
    """The same parts in the place where nothing is hidden; None where there is none."""
    folder = job.options.unredacted_output
    return replace(parts, output=storage.normalise(folder)) if folder else None


def recognised(
    pipeline: beam.Pipeline, job: Job, parts: PartOf, store: ResultStore, plan: PlanFile, site: Site
) -> beam.PCollection:
    """The first part of the pipeline: the files of all results of what is planned."""
    options = job.options
    listen = ListenOptions(
        options.channels, options.language, options.speech, options.language_per_segment, options.asset_timeout_s
    )
    use = model_use(job)
    ends, earlier, todo = [], [], [pipeline | "Ranges" >> beam.Create(plan.whole_ranges)]
    if plan.long_ranges:
        folder = storage.join(parts.staging, "stretches")
        long = (
            pipeline
            | "LongRanges" >> beam.Create(plan.long_ranges)
            | "SpreadLong" >> beam.Reshuffle()
            | "ReadLongItems" >> beam.ParDo(ReadItems(plan, store, site)).with_outputs(ReadItems.STAGED, main="items")
        )
        earlier.append(long[ReadItems.STAGED])
        divided = long.items | "DivideIntoStretches" >> beam.ParDo(
            DivideIntoStretches(listen, use, site, folder)
        ).with_outputs(FindSpeech.HEARD, main="stretches")
        todo.append(divided.stretches)
        ends.append(divided[FindSpeech.HEARD] | "StageHeardLong" >> beam.ParDo(StageHeard(store, site)))
    read = (
        todo
        | "AllWork" >> beam.Flatten()
        | "SpreadWork" >> beam.Reshuffle()
        | "ReadItems" >> beam.ParDo(ReadItems(plan, store, site)).with_outputs(ReadItems.STAGED, main="items")
    )
    earlier.append(read[ReadItems.STAGED])
    heard = read.items | "FindSpeech" >> beam.ParDo(FindSpeech(listen, use, site)).with_outputs(
        FindSpeech.HEARD, main="windows"
    )
    recognizer = RecognizerHandler(use, store, site)
    first = (
        heard.windows
        | "Recognize" >> RunInference(recognizer)
        | "SplitDoubtful" >> beam.ParDo(SplitDoubtful()).with_outputs(SplitDoubtful.DOUBTFUL, main="holding")
    )
    rescuer = RescueHandler(use, store, site)
    rescued = first[SplitDoubtful.DOUBTFUL] | "RecognizeAgain" >> RunInference(rescuer)
    ends.append(heard[FindSpeech.HEARD] | "StageHeard" >> beam.ParDo(StageHeard(store, site)))
    return [first.holding, rescued, *ends, *earlier] | "AllHeard" >> beam.Flatten()


def model_use(job: Job) -> ModelUse:
    """The model as every step of the run uses it."""
    return ModelUse(job.model, job.options.decode, job.checked.batch_windows, job.options.max_memory_gb)


def transcribe_alone(job: Job, parts: PartOf, store: ResultStore, plan: PlanFile) -> None:
    """Recognises the assets of a plan, and stages what is heard."""
    pipeline = beam.Pipeline(options=beam_options(job.options.beam_args))
    recognised(pipeline, job, parts, store, plan, site_in(job, parts))
    run_to_end(pipeline)


def site_in(job: Job, parts: PartOf) -> Site:
    """What the steps of this run are told."""
    return replace(site_of(job.options.beam_args, job.runner, parts), seal=seal_of(job.options.text))


def parser(command_name: str = "transcribe") -> Parser:
    """The parser of the main job's flags."""
    made = Parser(
        prog=f"beamscribe {command_name}",
        description="Reads audio, finds the speech, recognises it, writes the tables.",
        allow_abbrev=False,
    )
    add_transcribe_flags(made)
    return made


def command(argv: Sequence[str]) -> int:
    """`beamscribe transcribe`. Returns the exit status; raises BeamscribeError before any work is done."""
    started_at = datetime.now(UTC)
    checked = check(transcribe_options(parser(), argv))
    with stopping.on_signals() as stop, contextlib.ExitStack() as outputs:
        held = outputs.enter_context(claimed(checked.output))
        if folder := checked.options.unredacted_output:
            outputs.enter_context(claimed(storage.normalise(folder)))
        job = make_plan(checked)
        try:
            row = execute(job, started_at, held, stop)
        except KeyboardInterrupt:
            print("beamscribe transcribe: stopped at once; nothing is lost, run again", file=sys.stderr)
            return stop.exit_status or 1
        except Exception as error:
            log.debug("the run failed", exc_info=True)
            print(f"beamscribe transcribe: {cause(error)}; nothing is lost, run again", file=sys.stderr)
            return 1
    if row is None:
        print("a job is made; when it has ended, run the same without --template_location: that commits what it staged")
        return 0
    print(summary(row, checked.output))
    return row.exit_status


if __name__ == "__main__":
    from pipelines.cli import leave, run

    leave(run("transcribe", sys.argv[1:]))
