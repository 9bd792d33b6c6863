"""A run before it starts: its command line checked, its inputs found and held against what is done."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version

from model.errors import BeamscribeError
from model.registry import ModelFiles, batch_windows_of, check_options, fastest_precision_of, resolve_model
from pipelines.beam_runs import makes_template, runner_of
from pipelines.options import AUTO, TranscribeOptions
from pipelines.run_options import RunOptions
from transforms import storage, stores
from transforms.assets import Asset, WorkItem
from transforms.decoder import DecodeFailedError, Decoder
from transforms.estimates import Estimate, bounded, estimate
from transforms.history import History, read_history
from transforms.inputs import Inputs, find_inputs
from transforms.planning import Plan, Version, plan_work

CODE_VERSION = version("beamscribe")


@dataclass(frozen=True)
class Checked:
    """A command line in which nothing is wrong."""

    options: TranscribeOptions
    output: str
    model: ModelFiles
    # windows that are decoded together
    batch_windows: int
    inputs: Inputs

    @property
    def version(self) -> Version:
        return Version(self.options.that_change_rows(), self.model.sha256, CODE_VERSION)


@dataclass(frozen=True)
class Job:
    """A run that knows what it has to do."""

    checked: Checked
    history: History
    plan: Plan
    sizes: Estimate

    @property
    def options(self) -> TranscribeOptions:
        return self.checked.options

    @property
    def output(self) -> str:
        return self.checked.output

    @property
    def inputs(self) -> Inputs:
        return self.checked.inputs

    @property
    def runner(self) -> str:
        """Beam's name of what runs the pipeline."""
        return runner_of(self.options.beam_args)

    @property
    def model(self) -> ModelFiles:
        return self.checked.model

    @property
    def makes_template(self) -> bool:
        """Whether the pipeline is not run but written down, for a service to run it later."""
        return makes_template(self.options.beam_args)


def check(options: TranscribeOptions) -> Checked:
    """Everything that can be wrong with the command line. Touches nothing. Raises BeamscribeError."""
    stores.use(options.beam_args)
    model = resolve_model(options.model)
    options = with_precision(options, model)
    check_options(model, options.decode, [options.language] if options.language else [])
    if options.language_per_segment and not model.multilingual:
        raise BeamscribeError(f"{model.name} knows English only: leave --language_per_segment out")
    output = storage.normalise(options.output)
    refuse_other_tables(output, "features")
    for flag in ("unredacted_output", "redact_audio"):
        folder = getattr(options, flag)
        if folder and _is_within(storage.normalise(folder), output):
            raise BeamscribeError(f"--{flag} {folder} is within --output: name a place apart from it")
    inputs = listed_inputs(options.inputs, output)
    languages = {track.language for asset in inputs.assets for track in asset.tracks if track.language}
    check_options(model, options.decode, sorted(languages))
    n_windows = options.batch_windows or batch_windows_of(model, options.decode, options.max_memory_gb)
    return Checked(options, output, model, n_windows, inputs)


def with_precision(options: TranscribeOptions, model: ModelFiles) -> TranscribeOptions:
    """The options with what `auto` comes to for a model on this machine."""
    if options.precision != AUTO:
        return options
    return replace(options, decode=replace(options.decode, precision=fastest_precision_of(model)))


def listed_inputs(names: Sequence[str], output: str) -> Inputs:
    """The assets that inputs name, those in the output left out. Raises BeamscribeError."""
    try:
        return find_inputs(names, leave_out=output)
    except OSError as error:
        raise BeamscribeError(f"the inputs cannot be listed ({error}); check paths, rights and credentials") from error


def refuse_other_tables(output: str, other: str) -> None:
    """BeamscribeError where an output belongs to another job: both have `failures`, each only its own."""
    try:
        holds_other = storage.is_folder(storage.join(output, other))
    except OSError:  # it is said where the output is claimed
        return
    if holds_other:
        raise BeamscribeError(f"{output} holds the table {other} of another job: choose another --output")


def _is_within(one: str, other: str) -> bool:
    """Whether one of two folders is the other or lies in it."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def make_plan(checked: Checked) -> Job:
    """Finds out what is to be done. Touches nothing. Raises BeamscribeError."""
    history = read_history(checked.output)
    plan, sizes = plan_inputs(checked.inputs, history, checked.version, checked.options)
    return Job(checked, history, plan, sizes)


def plan_inputs(inputs: Inputs, history: History, version: Version, options: RunOptions) -> tuple[Plan, Estimate]:
    """What is to be done with inputs, and about how long they are. Touches nothing. Raises BeamscribeError."""
    plan = plan_work(inputs.assets, history, version, retry_failed=options.retry_failed, prune=options.prune)
    with closing(Decoder(options.asset_timeout_s)) as decoder:
        sizes = estimate(plan.work, history, partial(length_of, decoder))
    if options.max_hours is not None:
        items = plan.work if options.first == "largest" else sorted(plan.work, key=_age)
        taken, deferred = bounded(items, sizes, options.max_hours * 3600)
        plan = plan.only(taken, deferred)
    return plan, sizes


def _age(item: WorkItem) -> tuple[int, str]:
    return item.asset.modified_at_us or 0, item.asset.uri


def length_of(decoder: Decoder, asset: Asset) -> float | None:
    """Seconds of a file as its header says, or its decoder guesses; None where it cannot be opened."""
    try:
        with storage.open_read(asset.path) as file:
            return decoder.open(file).probe().duration_s
    except (OSError, DecodeFailedError):  # the run tells
        return None
