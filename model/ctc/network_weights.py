"""The weights of a network by name, out of it and back into it."""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from model.errors import BeamscribeError


def weights_of(network: keras.Model) -> dict[str, np.ndarray]:
    """Those that recognition needs; the states of dropout's random numbers are not among them."""
    weights = {_name(weight): np.array(weight) for weight in network.trainable_variables}
    # else one would be lost
    assert len(weights) == len(network.trainable_variables)
    return weights


def set_weights(network: keras.Model, arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """BeamscribeError where an array is missing or has another shape. path: where they are from."""
    for weight in network.trainable_variables:
        array = arrays.get(_name(weight))
        if array is None or array.shape != tuple(weight.shape):
            raise BeamscribeError(f"{path}: {_name(weight)} is missing or of another model: train the model again")
        weight.assign(array)


def _name(weight: keras.Variable) -> str:
    """Its path without the name of the network."""
    return weight.path.removeprefix("ctc/")
