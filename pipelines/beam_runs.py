"""What every pipeline does with Beam: its options from the flags, its errors in one line."""

import re
from collections.abc import Sequence

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, SetupOptions, StandardOptions


def beam_options(beam_args: Sequence[str]) -> PipelineOptions:
    """Beam's options from its flags."""
    options = PipelineOptions(list(beam_args))
    options.view_as(SetupOptions).save_main_session = False
    return options


def runner_of(beam_args: Sequence[str]) -> str:
    """Beam's name of what runs the pipeline."""
    return str(beam_options(beam_args).view_as(StandardOptions).runner)


def makes_template(beam_args: Sequence[str]) -> bool:
    """Whether the pipeline is not run but written down, for a service to run it later."""
    return beam_options(beam_args).view_as(GoogleCloudOptions).template_location is not None


def cause(error: Exception) -> str:
    """What went wrong, without the traceback that Beam's runners put into the message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Exit)\b", line)]
    last = (named or lines or [type(error).__name__])[-1]
    return (
        re.sub(r" \[while running .*", "", last)
        .removeprefix("RuntimeError: ")
        .removeprefix("model.errors.BeamscribeError: ")
    )
