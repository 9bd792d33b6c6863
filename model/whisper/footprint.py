"""How much memory a batch takes, and so which batch fits: what was measured on tiny.en and base, as a formula."""

import math
import os

from model.errors import BeamscribeError
from model.recognizer import (
    BATCH_WINDOWS,
    MAX_BATCH_WINDOWS,
    N_DRAWS,
    POOL_BATCHES,
    RESCUE_BEAM_SIZE,
    most_windows,
)
from model.whisper.dimensions import Dimensions, weight_shapes

# Python, TensorFlow, Beam and the traced functions, without a model
PROCESS_BYTES = 1_450_000_000
# of the weights: read as float32, laid out anew, some kept as constants of graphs
WEIGHT_COPIES = 1.75
# of what the decoder attends to: as it is encoded, gathered, and moved where windows are done
CONTEXT_COPIES = 3
# scores of a hypothesis over the vocabulary, at the steps from logits to log-probabilities
SCORE_COPIES = 6
# scores of the encoder's attention of a window: as they come, and as weights
ATTENTION_COPIES = 2.5
# audio of a window, unpadded and padded
AUDIO_BYTES = 2 * 480_000 * 4
# of a decoder as wide as base's or narrower the vocabulary is most of the weights, and a batch takes little memory
SMALL_STATE = 512
# what a run takes of a machine's memory where nobody says: decoders and the system need some too
DEFAULT_SHARE = 0.6


def process_bytes(dims: Dimensions, precision: str, beam_size: int, batch_windows: int, n_threads: int) -> int:
    """Peak memory of a worker process that decodes n_threads batches at once."""
    n_bytes = 2 if precision == "bfloat16" else 4
    context = 2 * dims.n_text_layer * dims.n_audio_ctx * dims.n_text_state * n_bytes
    window, scores = CONTEXT_COPIES * context + POOL_BATCHES * AUDIO_BYTES, SCORE_COPIES * dims.n_vocab * 4
    attention = ATTENTION_COPIES * dims.n_audio_head * dims.n_audio_ctx**2 * n_bytes
    # a window that is alone stands in its batch twice
    first = max(batch_windows, 2) * (window + beam_size * scores)
    # the second pass searches and draws widely, whatever the first does
    second = min(max(batch_windows, 2), MAX_BATCH_WINDOWS) * (window + max(RESCUE_BEAM_SIZE, N_DRAWS) * scores)
    batch = max(first, second) + attention
    n_weights = sum(math.prod(shape) for shape in weight_shapes(dims).values())
    return round(PROCESS_BYTES + WEIGHT_COPIES * 4 * n_weights + n_threads * batch)


def largest_batch(dims: Dimensions, precision: str, beam_size: int, n_threads: int, n_bytes: float) -> int:
    """The largest batch of windows whose process stays below so many bytes; 0 where none does."""
    sizes = range(most_windows(beam_size), 0, -1)
    return next((n for n in sizes if process_bytes(dims, precision, beam_size, n, n_threads) <= n_bytes), 0)


def fitting_batch(
    dims: Dimensions,
    precision: str,
    beam_size: int,
    n_threads: int,
    max_memory_gb: float | None,
    n_taken_bytes: float = 0,
) -> int:
    """The windows that are decoded together: all that fit, or without a limit no more than it takes to be fast.

    n_taken_bytes: of a process, for something else than the network.
    BeamscribeError where a limit is given that nothing fits into.
    """
    if max_memory_gb is None:
        n_fitting = largest_batch(
            dims, precision, beam_size, n_threads, DEFAULT_SHARE * _machine_bytes() - n_taken_bytes
        )
        is_small = dims.n_text_state <= SMALL_STATE
        return min(max(n_fitting, 1), most_windows(beam_size) if is_small else BATCH_WINDOWS)
    n_fitting = largest_batch(dims, precision, beam_size, n_threads, max_memory_gb * 1e9 - n_taken_bytes)
    if n_fitting:
        return n_fitting
    least = (process_bytes(dims, precision, beam_size, 1, n_threads) + n_taken_bytes) / 1e9
    raise BeamscribeError(
        f"--max_memory {max_memory_gb:g}: this model takes {least:.1f} GB even with batches of one window on "
        f"{n_threads} threads; allow that, or give a smaller model"
    )


def _machine_bytes() -> float:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # a system that does not tell
        return float("inf")
