"""Dataflow as far as it is known without an account: a template's metadata, the job as its runner translates it."""

import json
import re
from datetime import UTC, datetime

import pytest

from pipelines.jobs import check, make_plan
from pipelines.options import transcribe_options
from pipelines.transcribe import build, parser, site_in
from tests.conftest import REPOSITORY, missing
from transforms.commit import PartOf
from transforms.plan_files import in_ranges, write_plan
from transforms.results import ResultStore

EXAMPLES = REPOSITORY / "docs" / "examples" / "dataflow"
# https://cloud.google.com/dataflow/docs/guides/templates/configuring-flex-templates#metadata
PARAMETER_KEYS = {"name", "label", "helpText", "isOptional", "regexes", "paramType", "defaultValue"}
DATAFLOW = [
    "--runner=DataflowRunner", "--project=some-project", "--region=europe-west1", "--temp_location=gs://some/temp",
    "--dry_run=True", "--no_auth", "--sdk_container_image=some/image", "--sdk_location=container",
]  # fmt: skip


def test_metadata_is_what_a_flex_template_takes():
    metadata = json.loads((EXAMPLES / "metadata.json").read_text())
    assert metadata.keys() == {"name", "description", "parameters"}
    for parameter in metadata["parameters"]:
        assert parameter.keys() <= PARAMETER_KEYS
        assert {"name", "label", "helpText"} <= parameter.keys()
        assert parameter["paramType"] == "TEXT"
        assert all(re.compile(pattern) for pattern in parameter.get("regexes", []))
    names = [parameter["name"] for parameter in metadata["parameters"]]
    assert len(set(names)) == len(names)


def test_every_parameter_is_a_flag():
    metadata = json.loads((EXAMPLES / "metadata.json").read_text())
    values = {"input": "gs://b/in", "output": "gs://b/out", "model": "tiny.en", "language": "en", "max_hours": "1.5",
              "beam_size": "1", "batch_windows": "8", "sdk_container_image": "some/image"}  # fmt: skip
    assert values.keys() == {parameter["name"] for parameter in metadata["parameters"]}
    for parameter in metadata["parameters"]:
        assert all(re.search(pattern, values[parameter["name"]]) for pattern in parameter.get("regexes", []))
    options = transcribe_options(parser(), [f"--{name}={value}" for name, value in values.items()])
    assert (options.output, options.max_hours, options.decode.beam_size) == ("gs://b/out", 1.5, 1)
    assert "--sdk_container_image=some/image" in options.beam_args


def test_launcher_and_image_name_what_is_there():
    recipe = (EXAMPLES / "Dockerfile").read_text()
    (launcher,) = re.findall(r"FLEX_TEMPLATE_PYTHON_PY_FILE=/opt/beamscribe/(\S+)", recipe)
    compile((REPOSITORY / launcher).read_text(), launcher, "exec")
    import apache_beam

    assert f"apache/beam_python3.11_sdk:{apache_beam.__version__}" in recipe


def steps(proto):
    """Names and kinds of all steps that do something, of a pipeline as a runner gets it."""
    transforms = proto.components.transforms.values()
    # a step that is nothing but a name for others, as an empty composite, has no urn that a runner knows
    named = {(step.unique_name, step.spec.urn) for step in transforms if not step.subtransforms and step.spec.urn}
    return sorted(step for step in named if "pickled_python" not in step[1])


@pytest.mark.parametrize("longest_s", [1.0, 1e9], ids=["divided", "undivided"])
def test_dataflow_translates_the_whole_job(tmp_path, longest_s):
    try:
        import google.cloud.dataflow  # noqa: F401
    except ImportError:
        missing("google-cloud-dataflow-client")

    def pipeline(flags):
        options = transcribe_options(
            parser(), ["--input", str(REPOSITORY / "samples"), "--output", str(tmp_path / "out"), *flags]
        )
        job = make_plan(check(options))
        parts = PartOf(job.output, "run1", f"{datetime.now(UTC):%Y-%m-%d}", 1)
        ranges = in_ranges(job.plan.work, 1, lambda item: (job.sizes.seconds(item.asset) or 0.0) > longest_s)
        plan = write_plan(str(tmp_path / "plan.jsonl"), ranges, 1)
        return build(job, parts, ResultStore(job.output), plan, [], site_in(job, parts))

    local = pipeline([]).to_runner_api()
    translated = pipeline(DATAFLOW).run().job.proto_pipeline
    assert steps(translated) == steps(local)
    assert ("LongRanges" in str(local)) == (longest_s == 1.0)
    assert sum("GroupByKey" in name or urn.endswith("group_by_key:v1") for name, urn in steps(translated)) >= 1
    (image,) = {
        environment.payload for environment in translated.components.environments.values() if environment.payload
    }
    assert b"some/image" in image
