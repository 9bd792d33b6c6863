"""What recognition makes of a window: small, because the audio is gone."""

from dataclasses import dataclass

import numpy as np

from model.recognizer import Hypothesis
from transforms.windows import Span


@dataclass(frozen=True)
class RecognizedWindow:
    """What the model heard in one window."""

    uri: str
    channel: int | None
    window_index: int
    spans: tuple[Span, ...]
    # where in the recording the detector heard speech, inside the spans
    speech: tuple[Span, ...]
    # mean square of each LEVEL_FRAME_S of the window's audio: float32 [n]
    mean_squares: np.ndarray
    # fraction of samples at full scale of each of these: float32 [n]
    clipped: np.ndarray
    # None where the model failed on this window
    hypothesis: Hypothesis | None
    # what a second pass did: `rescue.Rescued`
    flags: tuple[str, ...] = ()
    # what that took, in seconds; None: the first hypothesis held
    rescue_s: float | None = None
    # type and message of what the model raised
    error: tuple[str, str] | None = None
