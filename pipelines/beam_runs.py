"""What every pipeline does with Beam: its options from the flags, its errors in one line."""

import re
from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions


def beam_options(beam_args: Sequence[str]) -> PipelineOptions:
    """Beam's options from its flags."""
    options = PipelineOptions(list(beam_args))
    options.view_as(SetupOptions).save_main_session = False
    return options


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
