"""What a CTC model is made of and what it costs, from its sizes; and whether it is sound."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from model.ctc.config import WEIGHTS_FILE, CtcConfig
from model.ctc.files import CtcFiles, inspect_ctc
from model.ctc.weights_file import STD, read_arrays
from model.errors import BeamscribeError
from model.recognizer import SAMPLE_RATE_HZ, DecodeOptions

PARTS = {"convolutions": "halving_", "entry": "enter/", "blocks": "block_", "labels": "leave/"}
# of the sound by which a model is tried, in seconds
TRIAL_S = 2
# how far from one the probabilities of a frame may add up
SUM_TOLERANCE = 1e-3
MEND = "train the model again, or copy its folder again from where it came"


def ctc_facts(files: CtcFiles) -> dict[str, Any]:
    """Shape of the network, its labels and its features."""
    shape = asdict(files.config)
    features = shape.pop("log_mel")
    del shape["language"]
    if files.config.architecture == "lstm":
        del shape["n_heads"], shape["n_kernel_frames"]
    return {
        **shape,
        "frame_s": files.config.frame_s,
        "labels": len(files.vocabulary),
        **{f"log-mel {name}": value for name, value in features.items()},
    }


def parameters_by_part(files: CtcFiles) -> dict[str, int]:
    """How many numbers each part of the network has."""
    return {
        part: sum(math.prod(shape) for name, shape in files.shapes.items() if name.startswith(prefix))
        for part, prefix in PARTS.items()
    }


def window_flops(config: CtcConfig, shapes: Mapping[str, tuple[int, ...]], n_frames: int) -> int:
    """Floating-point operations of the products of one window, a multiplication and an addition being two.

    Each number of a kernel is multiplied once for each frame that its layer makes. A Conformer's block of width d over
    T frames has 2 d T^2 more for the products of queries and keys, 2 d T (2T - 1) for those with distances, 2 d T^2
    for values; and it projects 2T - 1 distances, not T frames.
    """
    n_outputs, flops = config.count_outputs(n_frames), 0
    for name, shape in shapes.items():
        if name.endswith("kernel"):
            flops += 2 * math.prod(shape) * _n_applied(name, n_frames, n_outputs)
    if config.architecture == "conformer":
        flops += config.depth * 2 * config.width * n_outputs * (2 * n_outputs + 2 * n_outputs - 1)
    return flops


def _n_applied(name: str, n_frames: int, n_outputs: int) -> int:
    """For how many frames of a window the kernel is applied."""
    if name.startswith("halving_"):
        n_halvings = int(name.removeprefix("halving_").split("/")[0]) + 1
        return -(-n_frames // 2**n_halvings)
    return 2 * n_outputs - 1 if name.endswith("distance/kernel") else n_outputs


def verify_ctc(folder: Path) -> int:
    """Reads all numbers, builds the network and has it hear a sound; how many numbers there are.

    BeamscribeError for the first thing that is unsound.
    """
    inspect_ctc(folder)
    arrays, _ = read_arrays(folder / WEIGHTS_FILE)
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise BeamscribeError(f"{folder}: {name} holds numbers that are not finite: {MEND}")
    if not (arrays[STD] > 0).all():
        raise BeamscribeError(f"{folder}: {STD} holds a deviation that is not above 0: {MEND}")
    from model.ctc.recognizer import CtcRecognizer

    recognizer = CtcRecognizer(folder, DecodeOptions(beam_size=1))
    [logprobs] = recognizer.logprobs([trial_sound()])
    check_logprobs(folder, logprobs)
    return sum(array.size for array in arrays.values())


def trial_sound() -> np.ndarray:
    """A tone that rises, in noise: [TRIAL_S * SAMPLE_RATE_HZ] float32."""
    times_s = np.arange(TRIAL_S * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    tone = np.sin(2 * np.pi * (200 + 400 * times_s) * times_s)
    return (0.2 * tone + np.random.default_rng(0).normal(0, 0.01, len(tone))).astype(np.float32)


def check_logprobs(folder: Path, logprobs: np.ndarray) -> None:
    """BeamscribeError where what a network makes of a sound are no log-probabilities [n_frames, n_labels]."""
    if not len(logprobs):
        raise BeamscribeError(f"{folder}: the network makes nothing of {TRIAL_S} s of sound: {MEND}")
    if not np.abs(np.exp(logprobs, dtype=np.float64).sum(axis=1) - 1).max() < SUM_TOLERANCE:
        raise BeamscribeError(f"{folder}: what the network makes of a sound is not finite: {MEND}")
