"""What there is to say of a Whisper checkpoint: its sizes, its parts, and whether its numbers are sound."""

import math
from collections.abc import Iterator

import numpy as np

from model.errors import BeamscribeError
from model.registry import ModelFiles
from model.whisper.checkpoint import MEND, inspect_checkpoint
from model.whisper.dimensions import Dimensions, weight_shapes

WINDOW_S = 30
# of English, read fluently
SPOKEN_TOKENS_A_SECOND = 4
# beyond this no weight of a network that was trained lies
LARGEST_WEIGHT = 1e4
PARTS = {
    "encoder convolutions": "encoder.conv",
    "encoder positions": "encoder.positional_embedding",
    "encoder layers": "encoder.blocks.",
    "encoder output norm": "encoder.ln_post",
    "token embedding": "decoder.token_embedding",
    "decoder positions": "decoder.positional_embedding",
    "decoder layers": "decoder.blocks.",
    "decoder output norm": "decoder.ln.",
}


def parameters_by_part(dims: Dimensions) -> dict[str, int]:
    """How many numbers each part of the network has."""
    shapes = weight_shapes(dims)
    return {
        part: sum(math.prod(shape) for name, shape in shapes.items() if name.startswith(prefix))
        for part, prefix in PARTS.items()
    }


def encoder_flops(dims: Dimensions) -> int:
    """Floating-point operations of the products of one window, a multiplication and an addition being two.

    With T positions of width d: convolutions 2 * 3 * n_mels * d * 2T + 2 * 3 * d * d * T; a layer 24 d^2 T for its
    projections and feed-forward, 4 T^2 d for attention.
    """
    d, t = dims.n_audio_state, dims.n_audio_ctx
    convolutions = 2 * 3 * dims.n_mels * d * 2 * t + 2 * 3 * d * d * t
    return convolutions + dims.n_audio_layer * (24 * d * d * t + 4 * t * t * d)


def context_flops(dims: Dimensions) -> int:
    """Keys and values of one window, which every token attends to: 4 d^2 T a layer."""
    return dims.n_text_layer * 4 * dims.n_text_state**2 * dims.n_audio_ctx


def token_flops(dims: Dimensions, n_before: int) -> int:
    """Of one more token of one hypothesis, after n_before others.

    With width d and a vocabulary of V: a layer 28 d^2 for its projections and feed-forward, 4 d for each token it
    attends to and each of the T positions of the audio; 2 d V for the scores of the next token.
    """
    d = dims.n_text_state
    layer = 28 * d * d + 4 * d * (n_before + 1 + dims.n_audio_ctx)
    return dims.n_text_layer * layer + 2 * d * dims.n_vocab


def flops_a_second(dims: Dimensions, beam_size: int) -> int:
    """Of a second of English audio in full windows, searched with so many hypotheses."""
    n_tokens = SPOKEN_TOKENS_A_SECOND * WINDOW_S
    tokens = sum(token_flops(dims, n_before) for n_before in range(n_tokens))
    return (encoder_flops(dims) + context_flops(dims) + beam_size * tokens) // WINDOW_S


def verify_weights(files: ModelFiles) -> int:
    """Reads all numbers of a checkpoint; how many there are. BeamscribeError for the first that is unsound."""
    return sum(_sound(files, name, weight) for name, weight in _weights(files))


def _weights(files: ModelFiles) -> Iterator[tuple[str, np.ndarray]]:
    for name, tensor in inspect_checkpoint(files.folder).tensors.items():
        yield name, tensor.read()


def _sound(files: ModelFiles, name: str, weight: np.ndarray) -> int:
    if not np.isfinite(weight).all():
        raise BeamscribeError(f"{files.name}: the weight {name} holds numbers that are not finite: {MEND}")
    largest = float(np.abs(weight).max())
    if largest > LARGEST_WEIGHT:
        raise BeamscribeError(f"{files.name}: the weight {name} holds a number of {largest:.3g}: {MEND}")
    if largest == 0 and weight.ndim > 1:
        raise BeamscribeError(f"{files.name}: the weight {name} is all zeros: {MEND}")
    return weight.size
