"""Whisper checkpoints of either format as one: sizes, float32 weights in OpenAI's names, and settings."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.errors import BeamscribeError
from model.whisper import ctranslate2_format, huggingface_format
from model.whisper.dimensions import Dimensions, weight_shapes
from model.whisper.tensor_file import StoredCheckpoint

MEND = "copy the model again from where it came"
ENCODER_POSITIONS = "encoder.positional_embedding"


@dataclass(frozen=True)
class Checkpoint:
    """A Whisper network's weights and what its makers fixed about decoding."""

    dims: Dimensions
    # float32, named as in openai/whisper's state dict; linear weights are [out, in], convolutions [out, in, width]
    weights: dict[str, np.ndarray]
    # (decoder layer, head) of the cross-attention heads that follow the speech, for word times
    alignment_heads: tuple[tuple[int, int], ...]
    # tokens that are never written, and those that may not come first
    suppress_tokens: tuple[int, ...]
    suppress_at_begin: tuple[int, ...]


def load_checkpoint(folder: Path) -> Checkpoint:
    """Reads a CTranslate2 or Hugging Face folder; BeamscribeError names what is broken and the mend."""
    stored = inspect_checkpoint(folder)
    dims, settings = stored.dims, stored.settings
    weights = {name: tensor.read() for name, tensor in stored.tensors.items()}
    if ENCODER_POSITIONS not in weights:
        weights[ENCODER_POSITIONS] = sinusoids(dims.n_audio_ctx, dims.n_audio_state)
    return Checkpoint(
        dims=dims,
        weights=weights,
        alignment_heads=_alignment_heads(dims, settings["alignment_heads"]),
        suppress_tokens=tuple(settings["suppress_tokens"] or ()),
        suppress_at_begin=tuple(settings["suppress_at_begin"] or ()),
    )


def inspect_checkpoint(folder: Path) -> StoredCheckpoint:
    """What a folder holds, from its headers alone, checked to be a whole Whisper network."""
    if (folder / ctranslate2_format.WEIGHTS_FILE).exists():
        stored = ctranslate2_format.read_stored(folder)
    elif huggingface_format.is_huggingface_folder(folder):
        stored = huggingface_format.read_stored(folder)
    else:
        raise BeamscribeError(
            f"{folder} holds neither model.bin (CTranslate2) nor model.safetensors (Hugging Face): "
            "give the folder of a Whisper checkpoint in one of these formats"
        )
    _check_weights(folder, stored)
    _check_settings(folder, stored)
    return stored


def sinusoids(length: int, n_channels: int) -> np.ndarray:
    """The encoder's fixed positions [length, n_channels]: sines, then cosines, of wavelengths 2 pi to 20_000 pi."""
    n_waves = n_channels // 2
    rates = np.exp(-math.log(10_000) / (n_waves - 1) * np.arange(n_waves))
    phases = np.arange(length)[:, None] * rates[None, :]
    return np.concatenate([np.sin(phases), np.cos(phases)], axis=1).astype(np.float32)


def _alignment_heads(dims: Dimensions, stated: list[list[int]] | None) -> tuple[tuple[int, int], ...]:
    """The stated heads that exist: distilled models often state those of their teacher, which has more layers.

    Without any: all of the later half of the decoder, openai/whisper's choice where nobody measured better ones.
    """
    heads = tuple((layer, head) for layer in range(dims.n_text_layer) for head in range(dims.n_text_head))
    existing = tuple((layer, head) for layer, head in stated or () if (layer, head) in heads)
    return existing or heads[len(heads) // 2 :]


def _check_weights(folder: Path, stored: StoredCheckpoint) -> None:
    dims = stored.dims
    if min(vars(dims).values()) < 1:
        raise BeamscribeError(f"{folder} describes an impossible network ({dims}): {MEND}")
    for n_state, n_head in ((dims.n_audio_state, dims.n_audio_head), (dims.n_text_state, dims.n_text_head)):
        if n_state % n_head:
            raise BeamscribeError(f"{folder}: width {n_state} is not a multiple of its {n_head} heads: {MEND}")
    for name, shape in weight_shapes(dims).items():
        tensor = stored.tensors.get(name)
        if tensor is None and name == ENCODER_POSITIONS:
            continue
        if tensor is None:
            raise BeamscribeError(f"{folder} has no weight {name}: {MEND}")
        if tensor.shape != shape:
            raise BeamscribeError(f"{tensor.path} has {name} of shape {tensor.shape} where {shape} fits: {MEND}")
        scale_shape = None if tensor.scale is None else tensor.scale.shape
        if tensor.dtype.startswith("int") and scale_shape not in ((), (1,), shape[:1]):
            raise BeamscribeError(f"{tensor.path} has {name} quantised without a scale that fits: {MEND}")


def _check_settings(folder: Path, stored: StoredCheckpoint) -> None:
    heads = stored.settings["alignment_heads"]
    if heads and not (isinstance(heads, list) and all(_are_numbers(head) and len(head) == 2 for head in heads)):
        raise BeamscribeError(f"{folder}: alignment_heads of its configuration are not pairs of numbers: {MEND}")
    for name in ("suppress_tokens", "suppress_at_begin"):
        tokens = stored.settings[name]
        if tokens and not (_are_numbers(tokens) and max(tokens) < stored.dims.n_vocab and min(tokens) >= 0):
            raise BeamscribeError(f"{folder}: {name} of its configuration are not tokens of its vocabulary: {MEND}")


def _are_numbers(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, int) for value in values)
