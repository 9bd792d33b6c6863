"""A run of the job of features before it starts: its command line checked, its inputs held against what is done."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from model.embedding import check_family
from model.errors import BeamscribeError
from model.registry import ModelFiles, resolve_model
from pipelines.beam_runs import runner_of
from pipelines.feature_options import FeaturesOptions
from pipelines.jobs import CODE_VERSION, listed_inputs, plan_inputs, refuse_other_tables
from transforms import storage, stores
from transforms.assets import channel_order
from transforms.estimates import Estimate
from transforms.features.options import FeatureOptions
from transforms.features.tfrecords import TABLE as TFRECORDS
from transforms.history import History, read_history
from transforms.inputs import Inputs
from transforms.manifests import is_manifest
from transforms.planning import Plan, Version
from transforms.references import Reference, references_in


@dataclass(frozen=True)
class FeaturesJob:
    """A run that knows what it has to do."""

    options: FeaturesOptions
    output: str
    # None: no model is used
    model: ModelFiles | None
    inputs: Inputs
    history: History
    plan: Plan
    sizes: Estimate
    # of a set of examples: by uri and channel
    references: Mapping[tuple[str, int | None], Reference]

    @property
    def features(self) -> FeatureOptions:
        return self.options.features

    @property
    def runner(self) -> str:
        """Beam's name of what runs the pipeline."""
        return runner_of(self.options.beam_args)

    @property
    def model_sha256(self) -> str | None:
        return self.model.sha256 if self.model else None


@dataclass(frozen=True)
class CheckedFeatures:
    """A command line in which nothing is wrong."""

    options: FeaturesOptions
    output: str
    model: ModelFiles | None
    inputs: Inputs
    references: Mapping[tuple[str, int | None], Reference]

    @property
    def version(self) -> Version:
        """What decides on rows besides the assets' bytes: of a set of examples their references too."""
        model_sha256 = self.model.sha256 if self.model else None
        rows = self.options.that_change_rows()
        if self.references:
            texts = sorted((uri, channel_order(channel), r.text) for (uri, channel), r in self.references.items())
            rows["references"] = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
        return Version(rows, model_sha256, CODE_VERSION)


def check(options: FeaturesOptions) -> CheckedFeatures:
    """Everything that can be wrong with the command line. Touches nothing. Raises BeamscribeError."""
    stores.use(options.beam_args)
    model = resolve_model(options.model) if options.model else None
    if model:
        check_family(model)
    output = storage.normalise(options.output)
    refuse_other_tables(output, "transcripts")
    _refuse_other_format(output, options.features.format)
    references: Mapping[tuple[str, int | None], Reference] = {}
    if options.features.makes_set:
        paths = (storage.normalise(name) for name in options.inputs)
        references, _ = references_in(path for path in paths if is_manifest(path) and storage.exists(path))
    return CheckedFeatures(options, output, model, listed_inputs(options.inputs, output), references)


def _refuse_other_format(output: str, wanted: str) -> None:
    """One output is of Parquet or of TFRecords: nothing would say which of the two is of today."""
    if storage.is_folder(storage.join(output, "features")):
        found = "tfrecord" if storage.is_folder(storage.join(output, TFRECORDS)) else "parquet"
        if found != wanted:
            raise BeamscribeError(f"{output} was written with --format {found}: choose another --output")


def make_plan(checked: CheckedFeatures) -> FeaturesJob:
    """Finds out what is to be done. Touches nothing. Raises BeamscribeError."""
    options, inputs = checked.options, checked.inputs
    history = read_history(checked.output, "features")
    version = checked.version
    if options.features.makes_set:
        # a set of examples is that of the inputs, nothing else, and is made as a whole
        plan, sizes = plan_inputs(inputs, history, version, replace(options, prune=True))
        if plan.work or plan.removed:
            removed = plan.removed
            plan, sizes = plan_inputs(inputs, History({}, {}), version, options)
            plan = replace(plan, removed=removed)
    else:
        plan, sizes = plan_inputs(inputs, history, version, options)
    return FeaturesJob(options, checked.output, checked.model, inputs, history, plan, sizes, checked.references)
