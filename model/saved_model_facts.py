"""What is known of a SavedModel from elsewhere: its signature, its variables, and whether it is sound."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from model.ctc.facts import MEND, check_logprobs, trial_sound
from model.errors import BeamscribeError
from model.recognizer import DecodeOptions
from model.saved_model import SavedModelRecognizer
from model.saved_model_folder import SavedModelFolder

VARIABLES = "variables/variables"
# of a checkpoint, not of a network
BOOKKEEPING = ("_CHECKPOINTABLE_OBJECT_GRAPH", "save_counter")
# what TensorFlow makes of files that are cut or changed
UNREADABLE = (tf.errors.OpError, IndexError, RuntimeError, ValueError)


def saved_model_facts(model: SavedModelFolder) -> dict[str, Any]:
    """What its files say. Constants of the graph are not counted."""
    return {
        "sound": model.sound,
        **({"n_mels": model.n_mels} if model.n_mels else {}),
        "labels": len(model.vocabulary),
        "frame_s": model.frame_s or "evenly over the sound",
    }


def n_variables(model: SavedModelFolder) -> int:
    """How many numbers its variables hold; those of a graph that was frozen hold none."""
    return sum(math.prod(shape) for shape in _shapes(model).values())


def verify_saved_model(model: SavedModelFolder) -> int:
    """Reads all variables and has the network hear a sound; how many numbers there are.

    BeamscribeError for the first thing that is unsound.
    """
    for name in _shapes(model):
        value = _variable(model, name)
        if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
            raise BeamscribeError(f"{model.folder}: {name} holds numbers that are not finite: {MEND}")
    try:
        logprobs, _ = SavedModelRecognizer(model, DecodeOptions(beam_size=1)).logprobs(trial_sound())
    except (tf.errors.OpError, OSError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise BeamscribeError(f"{model.folder}: the network cannot hear a sound ({reason}): {MEND}") from error
    check_logprobs(model.folder, logprobs)
    return n_variables(model)


def _variable(model: SavedModelFolder, name: str) -> np.ndarray:
    try:
        return np.asarray(tf.train.load_variable(str(model.folder / VARIABLES), name))
    except UNREADABLE as error:
        raise BeamscribeError(f"{model.folder / VARIABLES} is damaged at {name} ({error}): {MEND}") from error


def _shapes(model: SavedModelFolder) -> dict[str, list[int]]:
    if not (model.folder / f"{VARIABLES}.index").exists():
        return {}
    try:
        listed = tf.train.list_variables(str(model.folder / VARIABLES))
    except UNREADABLE as error:
        raise BeamscribeError(f"{model.folder / VARIABLES} is damaged ({error}): {MEND}") from error
    return {name: shape for name, shape in listed if not name.startswith(BOOKKEEPING)}
