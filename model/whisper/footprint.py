"""How much memory a batch takes, and so which batch fits: what was measured on tiny.en and base, as a formula."""

import math

from model.errors import BeamscribeError
from model.recognizer import MAX_BATCH_WINDOWS
from model.whisper.dimensions import Dimensions, weight_shapes

# Python, TensorFlow, Beam and the traced functions, without a model
PROCESS_BYTES = 1_450_000_000
# of the weights: read as float32, laid out anew, some kept as constants of graphs
WEIGHT_COPIES = 1.75
# of what the decoder attends to: as it is encoded, gathered, and moved where windows are done
CONTEXT_COPIES = 2.5
# scores of a hypothesis over the vocabulary, at the steps from logits to log-probabilities
SCORE_COPIES = 6
# audio of a window in a pool, unpadded and padded, for twice as many windows as a batch has
AUDIO_BYTES = 2 * 2 * 480_000 * 4


def process_bytes(dims: Dimensions, precision: str, beam_size: int, batch_windows: int, n_threads: int) -> int:
    """Peak memory of a worker process that decodes n_threads batches at once."""
    n_weights = sum(math.prod(shape) for shape in weight_shapes(dims).values())
    n_bytes = 2 if precision == "bfloat16" else 4
    context = 2 * dims.n_text_layer * dims.n_audio_ctx * dims.n_text_state * n_bytes
    window = CONTEXT_COPIES * context + SCORE_COPIES * beam_size * dims.n_vocab * 4 + AUDIO_BYTES
    return round(PROCESS_BYTES + WEIGHT_COPIES * 4 * n_weights + n_threads * batch_windows * window)


def fitting_batch(dims: Dimensions, precision: str, beam_size: int, n_threads: int, max_memory_gb: float) -> int:
    """The largest batch of windows whose process stays below so many gigabytes; BeamscribeError where none does."""
    for n_windows in range(MAX_BATCH_WINDOWS, 0, -1):
        if process_bytes(dims, precision, beam_size, n_windows, n_threads) <= max_memory_gb * 1e9:
            return n_windows
    least = process_bytes(dims, precision, beam_size, 1, n_threads) / 1e9
    raise BeamscribeError(
        f"--max_memory {max_memory_gb:g}: this model takes {least:.1f} GB even with batches of one window on "
        f"{n_threads} threads; allow that, or give a smaller model"
    )
