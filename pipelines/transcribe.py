"""The main job: audio in, Parquet tables of transcripts out.

    find inputs → plan → [ read plan → spread assets → find speech → recognise → gather by asset → assemble
    → gather by part → stage ] → commit

What is in brackets is the Beam pipeline. Audio never crosses a shuffle: what is spread are descriptors, what is
gathered is text. Finding inputs and planning come before it, because the command line has to answer for them (exit
status 2) and `beamscribe plan` shows them; the commit comes after it, because nothing may be visible before all is
staged.
"""

import json
import logging
import platform
import secrets
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference
from apache_beam.options.pipeline_options import StandardOptions

from model.errors import BeamscribeError
from model.registry import ModelFiles, check_options, resolve_model
from pipelines.beam_runs import beam_options, cause, use_stores
from pipelines.options import Parser, TranscribeOptions, add_transcribe_flags, transcribe_options
from pipelines.progress import watch
from transforms import storage
from transforms.assemble import AssetRows, Provenance, assemble
from transforms.assets import WorkItem, work_item
from transforms.commit import STAGING, PartOf, claim_output, commit, stage_table
from transforms.heard import Heard
from transforms.inputs import Inputs, find_inputs
from transforms.listen import FindSpeech, ListenOptions
from transforms.parts import Receipt, StagePart, read_receipts, total
from transforms.planning import History, Plan, config_hash, plan_work, read_history
from transforms.recognize import RecognizedWindow, RecognizerHandler, RescueHandler, SplitDoubtful
from transforms.rows import RunRow
from transforms.tables import to_arrow

log = logging.getLogger(__name__)

CODE_VERSION = version("beamscribe")
LIBRARIES = ("apache-beam", "tensorflow", "numpy", "librosa", "soxr", "soundfile", "av", "pyarrow", "tokenizers")
# a part is as large as what one worker writes at once: about 10 GB of audio, or this many assets
ASSETS_PER_PART = 20_000
BYTES_PER_PART = 10_000_000_000


@dataclass(frozen=True)
class Job:
    """A run that was checked: everything that can be wrong with the command line has been found."""

    options: TranscribeOptions
    output: str
    model: ModelFiles
    inputs: Inputs
    history: History
    plan: Plan


def prepare(options: TranscribeOptions, claim: bool) -> Job:
    """Checks everything that can be known before work starts, and finds what is to be done.

    claim: make the output ready to be written; otherwise nothing is touched. Raises BeamscribeError.
    """
    use_stores(options.beam_args)
    model = resolve_model(options.model)
    check_options(model, options.decode, [options.language] if options.language else [])
    if options.language_per_segment and not model.multilingual:
        raise BeamscribeError(f"{model.name} knows English only: leave --language_per_segment out")
    output = storage.normalise(options.output)
    try:
        inputs = find_inputs(options.inputs, leave_out=output)
    except OSError as error:
        raise BeamscribeError(f"the inputs cannot be listed ({error}); check paths, rights and credentials") from error
    languages = {track.language for asset in inputs.assets for track in asset.tracks if track.language}
    check_options(model, options.decode, sorted(languages))
    if claim:
        claim_output(output)
    history = read_history(output)
    plan = plan_work(inputs.assets, history, options.that_change_rows(), model.sha256, options.retry_failed)
    return Job(options, output, model, inputs, history, plan)


def execute(job: Job, started_at: datetime) -> RunRow:
    """Transcribes what is planned, commits it, and returns the row of the run."""
    work = job.plan.work
    run_id = f"{started_at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    n_bytes = sum(item.asset.size_bytes or 0 for item in work)
    n_shards = 1 + max(len(work) // ASSETS_PER_PART, n_bytes // BYTES_PER_PART)
    parts = PartOf(job.output, run_id, f"{started_at:%Y-%m-%d}", n_shards)
    if work:
        plan_path = storage.join(parts.staging, "plan.jsonl")
        storage.write_whole(plan_path, "".join(item.to_json() + "\n" for item in work).encode())
        with watch(len(work), n_bytes):
            build(job, parts, plan_path).run().wait_until_finish()
    receipt = total(read_receipts(parts)) if work else total([])
    if receipt and receipt.assets != len(work):
        raise RuntimeError(f"{len(work)} assets were planned and {receipt.assets} staged; nothing was committed")
    row = _run_row(job, run_id, started_at, receipt)
    stage_table(parts.staged("runs", f"dt={parts.date}/{run_id}.parquet"), to_arrow("runs", [row]))
    commit(parts, _replaced(job, set(receipt.kept_old)))
    storage.delete_folder(storage.join(job.output, STAGING))
    return row


def build(job: Job, parts: PartOf, plan_path: str) -> beam.Pipeline:
    """The pipeline, in reading order."""
    options = job.options
    provenance = Provenance(parts.run_id, job.model.name, job.model.sha256, CODE_VERSION, options.decode.prompt)
    listen = ListenOptions(options.channels, options.language, options.speech, options.language_per_segment)
    pipeline = beam.Pipeline(options=beam_options(options.beam_args))
    heard = (
        pipeline
        | "Start" >> beam.Create([plan_path])
        | "ReadPlan" >> beam.FlatMap(read_plan)
        | "SpreadAssets" >> beam.Reshuffle()
        | "FindSpeech"
        >> beam.ParDo(FindSpeech(listen, job.model, options.decode)).with_outputs(FindSpeech.HEARD, main="windows")
    )
    recognizer = RecognizerHandler(job.model, options.decode, options.batch_windows)
    first = (
        heard.windows
        | "Recognize" >> RunInference(recognizer)
        | "SplitDoubtful" >> beam.ParDo(SplitDoubtful()).with_outputs(SplitDoubtful.DOUBTFUL, main="holding")
    )
    rescuer = RescueHandler(job.model, options.decode, options.batch_windows)
    rescued = first[SplitDoubtful.DOUBTFUL] | "RecognizeAgain" >> RunInference(rescuer)
    recognized = (first.holding, rescued) | "AllWindows" >> beam.Flatten()
    (
        {
            "heard": heard[FindSpeech.HEARD] | "KeyHeardByAsset" >> beam.Map(lambda h: (h.item.asset.uri, h)),
            "windows": recognized | "KeyWindowsByAsset" >> beam.Map(lambda w: (w.uri, w)),
        }
        | "GatherByAsset" >> beam.CoGroupByKey()
        | "AssembleAsset" >> beam.Map(assemble_group, provenance)
        | "KeyByPart" >> beam.Map(lambda rows, parts: (parts.shard_of(rows.uri), rows), parts)
        | "GatherByPart" >> beam.GroupByKey()
        | "StagePart" >> beam.ParDo(StagePart(parts))
    )
    return pipeline


def read_plan(path: str) -> Iterator[WorkItem]:
    """The items of a plan file."""
    for line in storage.read_whole(path).decode().splitlines():
        yield work_item(line)


def assemble_group(group: tuple[str, dict[str, Iterable[Any]]], provenance: Provenance) -> AssetRows:
    """The rows of one asset from all that was gathered for it."""
    heard: list[Heard] = list(group[1]["heard"])
    windows: list[RecognizedWindow] = list(group[1]["windows"])
    return assemble(heard[0], windows, provenance)


def _replaced(job: Job, kept_old: set[str]) -> dict[tuple[str, str], set[str]]:
    """The uris whose old rows give way, by table and part."""
    replaced: dict[tuple[str, str], set[str]] = {}
    for item in job.plan.work:
        uri = item.asset.uri
        if (done := job.history.done.get(uri)) and uri not in kept_old:
            for table in ("transcripts", "segments", "words"):
                replaced.setdefault((table, done.part), set()).add(uri)
        if failed := job.history.failed.get(uri):
            replaced.setdefault(("failures", failed.done.part), set()).add(uri)
    return replaced


def _run_row(job: Job, run_id: str, started_at: datetime, receipt: Receipt) -> RunRow:
    finished_at = datetime.now(UTC)
    wall_s = (finished_at - started_at).total_seconds()
    options = job.options
    failed_fraction = receipt.failed / receipt.assets if receipt.assets else 0.0
    return RunRow(
        run_id=run_id,
        started_at=started_at,
        finished_at=finished_at,
        wall_s=wall_s,
        exit_status=3 if failed_fraction > options.max_failed_fraction else 0,
        found=len(job.inputs.assets),
        skipped_not_media=job.inputs.skipped_not_media,
        unchanged=job.plan.n_unchanged,
        failed_before=job.plan.n_failed_before,
        planned=receipt.assets,
        ok=receipt.ok,
        no_speech=receipt.no_speech,
        partial=receipt.partial,
        failed=receipt.failed,
        transcripts=receipt.transcripts,
        segments=receipt.segments,
        words=receipt.words,
        windows=receipt.windows,
        windows_rescued=receipt.windows_rescued,
        rescue_s=receipt.rescue_s,
        violations=receipt.violations,
        audio_s=receipt.audio_s,
        speech_s=receipt.speech_s,
        speed=receipt.audio_s / wall_s,
        model=job.model.name,
        model_sha256=job.model.sha256,
        config_hash=config_hash(options.that_change_rows()),
        code_version=CODE_VERSION,
        options=json.dumps(asdict(options) | {"beam_args": _without_secrets(options.beam_args)}, sort_keys=True),
        versions=json.dumps({"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}),
        runner=str(beam_options(options.beam_args).view_as(StandardOptions).runner),
    )


def _without_secrets(args: Sequence[str]) -> list[str]:
    """Beam flags with the values of keys, tokens and connection strings taken out."""
    secret = ("key", "secret", "token", "password", "connection_string")
    kept: list[str] = []
    hide_next = False
    for arg in args:
        flag, equals, _ = arg.partition("=")
        is_secret = flag.startswith("--") and any(word in flag for word in secret)
        kept.append("…" if hide_next and not arg.startswith("--") else f"{flag}=…" if is_secret and equals else arg)
        hide_next = is_secret and not equals
    return kept


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
    job = prepare(transcribe_options(parser(), argv), claim=True)
    try:
        row = execute(job, started_at)
    except Exception as error:
        log.debug("the run failed", exc_info=True)
        print(f"beamscribe transcribe: {cause(error)}; nothing is lost, run again", file=sys.stderr)
        return 1
    print(summary(row, job.output))
    return row.exit_status


def summary(row: RunRow, output: str) -> str:
    """What a run did, in a few lines."""
    lines = [
        f"{row.planned} of {row.found} assets done now ({row.unchanged} unchanged, {row.failed_before} failed before): "
        f"{row.ok} ok, {row.no_speech} without speech, {row.partial} partial, {row.failed} failed",
        f"{row.audio_s / 3600:.2f} h of audio in {row.wall_s:.0f} s: {row.speed:.1f} times real time",
        f"tables: {output}/transcripts, segments, failures, runs (run {row.run_id})",
    ]
    if row.exit_status == 3:
        lines.append("more assets failed than --max_failed_fraction allows: see failures")
    return "\n".join(lines)


if __name__ == "__main__":
    from pipelines.cli import leave, run

    leave(run("transcribe", sys.argv[1:]))
