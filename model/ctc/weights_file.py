"""Arrays of networks and of trainings in files: safetensors."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from model.ctc.statistics import Statistics
from model.errors import BeamscribeError

MEAN, STD = "features/mean", "features/std"


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays by name, and the metadata. BeamscribeError where the file is missing or damaged."""
    try:
        with safe_open(path, framework="np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise BeamscribeError(f"{path} is missing or damaged ({error}): train the model again") from error


def shapes_of(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each array, without reading them. BeamscribeError as of `read_arrays`."""
    try:
        with safe_open(path, framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise BeamscribeError(f"{path} is missing or damaged ({error}): train the model again") from error


def statistics_in(arrays: Mapping[str, np.ndarray]) -> Statistics:
    return Statistics(arrays[MEAN], arrays[STD])


def with_statistics(arrays: Mapping[str, np.ndarray], statistics: Statistics) -> dict[str, np.ndarray]:
    return {**arrays, MEAN: statistics.mean, STD: statistics.std}
