"""When each token was said: the decoder's attention to the audio, and dynamic time warping through it.

openai/whisper's method for word times (`timing.py`), after Giorgino 2009 for the warping: the decoder reads the text
again, and some heads of its cross-attention follow the speech. A row's numbers do not depend on the rows beside it:
the batch is read in blocks of one shape, and the rest is done for each row alone.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.graphs import Graphs
from model.whisper import network as whisper
from model.whisper.network import AudioContext, KeysValues, Network
from model.whisper.rowwise import ROWS_A_KERNEL, VECTOR_WIDTH, logsumexp
from model.whisper.warping import warp

# tokens that the decoder reads at once: more would only take more memory
BLOCK_TOKENS = 64
# what the tokens of one window are filled up to for the warping, each size compiled on its own; at last the context
TOKEN_BUCKETS = (64, 128, 256)
# positions of the encoder, 0.14 s
MEDIAN_WIDTH = 7
NORM_EPSILON = 1e-12
# times ROWS_A_KERNEL states are scored over the vocabulary at once
BLOCK_ROWS = 4


class TokenTimes(NamedTuple):
    """The tokens of one window's text."""

    # [n_text + 1] position of the encoder at which each begins, and at which the text has ended
    starts: np.ndarray
    # [n_text] probability of each after those before it, among text tokens and end-of-text
    probabilities: np.ndarray


class Aligner:
    """Finds the times of tokens with some heads of a network. Safe to share between threads."""

    def __init__(
        self,
        network: Network,
        graphs: Graphs,
        heads: Sequence[tuple[int, int]],
        no_timestamps: int,
        eot: int,
    ) -> None:
        """heads: (layer, head) of the cross-attention that follows the speech."""
        self._heads = {layer: [head for at, head in heads if at == layer] for layer in sorted({at for at, _ in heads})}
        self._n_text_ctx = network.dims.n_text_ctx
        self._n_audio_ctx = network.dims.n_audio_ctx
        self._no_timestamps = no_timestamps
        self._eot = eot
        self._read = _read_function(network, graphs, list(self._heads), eot)

    def warm_up(self, context: AudioContext, sot_sequence: Sequence[int]) -> None:
        """Traces, and compiles for texts of up to two sentences; longer ones are compiled for when they come."""
        self.align(context, [sot_sequence], [[0]], [1])

    def align(
        self,
        context: AudioContext,
        sot_sequences: Sequence[Sequence[int]],
        texts: Sequence[Sequence[int]],
        n_positions: Sequence[int],
    ) -> list[TokenTimes | None]:
        """The times of the text tokens of each row; None where there is no text, or more than the decoder can read.

        context: of `network.audio_context`, for the batch; rows beyond those given only fill it up. n_positions: how
        many positions of the encoder are of a row's own audio.
        """
        rows = [[*sot, self._no_timestamps, *text, self._eot] for sot, text in zip(sot_sequences, texts, strict=True)]
        readable = [i for i, text in enumerate(texts) if text and len(rows[i]) <= self._n_text_ctx]
        found: list[TokenTimes | None] = [None] * len(rows)
        if not readable:
            return found
        tokens = _fill_up([rows[i] if i in readable else [] for i in range(context.heard.shape[0])], self._eot)
        n_before = [len(sot) for sot in sot_sequences]
        targets = [(i, n_before[i] + k) for i in readable for k in range(len(texts[i]))]
        queries, probabilities = self._read(context, tokens, np.array(targets, np.int32))
        ends = np.cumsum([len(texts[i]) for i in readable])[:-1]
        for i, probs in zip(readable, np.split(probabilities.numpy(), ends), strict=True):
            starts = self._starts(context, queries, i, n_before[i], len(rows[i]), n_positions[i])
            found[i] = TokenTimes(starts, probs)
        return found

    def _starts(
        self,
        context: AudioContext,
        queries: list[tf.Tensor],
        row: int,
        n_before: int,
        n_tokens: int,
        n_positions: int,
    ) -> np.ndarray:
        size = next((size for size in TOKEN_BUCKETS if size >= n_tokens), self._n_text_ctx)
        own_queries, own_keys = [], []
        for (layer, heads), asked in zip(self._heads.items(), queries, strict=True):
            own = tf.gather(asked[row], heads)[:, :size]
            own_queries.append(tf.pad(own, [[0, 0], [0, size - own.shape[1]], [0, 0]]))
            own_keys.append(self._whole_keys(tf.gather(context.layers[layer].keys[row], heads)))
        counts = (tf.constant(n_tokens), tf.constant(n_positions))
        starts, _ = token_starts(own_queries, own_keys, n_before, *counts)
        # one for each text token and one for the end
        return starts.numpy()[: n_tokens - n_before - 1]

    def _whole_keys(self, keys: tf.Tensor) -> tf.Tensor:
        """Keys of some heads as [n_heads, n_channels, n_audio_ctx] float32, zeros after those of a short window."""
        by_channel = tf.linalg.matrix_transpose(keys) if whisper.sums_along_rows(keys) else keys
        own = by_channel[..., : self._n_audio_ctx]
        return tf.pad(tf.cast(own, tf.float32), [[0, 0], [0, 0], [0, self._n_audio_ctx - own.shape[-1]]])


# it holds no weights: what is compiled for a shape serves every network of a process
@tf.function(autograph=False, jit_compile=True)
def token_starts(
    queries: list[tf.Tensor], keys: list[tf.Tensor], n_before: int, n_tokens: tf.Tensor, n_positions: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Of one window: the position at which each token after the first `n_before` begins, and the cost of the path.

    queries [n_heads, n, n_channels] and keys [n_heads, n_channels, n_audio_ctx] for some layers; only the first
    `n_tokens` and `n_positions` count. A token begins where the one before it attends when it is predicted.
    """
    followed = [
        tf.reduce_sum(followed_positions(whisper.attention_scores(*layer), n_tokens, n_positions), axis=0)
        for layer in zip(queries, keys, strict=True)
    ]
    mean = tf.add_n(followed) / float(sum(layer.shape[0] for layer in queries))
    return warp(-mean[n_before:], n_tokens - n_before - 1, n_positions)


def followed_positions(scores: tf.Tensor, n_tokens: tf.Tensor, n_positions: tf.Tensor) -> tf.Tensor:
    """Attention scores [n_heads, n, n_audio_ctx] -> how much more than other tokens each attends to each position.

    Only the first `n_tokens` and `n_positions` count and are of any meaning in the result.
    """
    is_token = (tf.range(scores.shape[1]) < n_tokens)[:, None]
    own = tf.where(tf.range(scores.shape[2]) < n_positions, scores, -np.inf)
    weights = tf.where(is_token, tf.nn.softmax(own), 0.0)
    count = tf.cast(n_tokens, tf.float32)
    mean = tf.reduce_sum(weights, axis=1, keepdims=True) / count
    centred = tf.where(is_token, weights - mean, 0.0)
    variance = tf.reduce_sum(tf.square(centred), axis=1, keepdims=True) / count
    return _median_filter(centred * tf.math.rsqrt(variance + NORM_EPSILON), n_positions)


def _median_filter(x: tf.Tensor, n_positions: tf.Tensor) -> tf.Tensor:
    """The median of the MEDIAN_WIDTH values around each of the first `n_positions` of the last axis, mirrored there."""
    reach = MEDIAN_WIDTH // 2
    indices = tf.abs(tf.range(-reach, x.shape[-1] + reach))
    indices = tf.maximum(tf.minimum(indices, 2 * (n_positions - 1) - indices), 0)
    mirrored = tf.gather(x, indices, axis=-1)
    values = [mirrored[..., shift : shift + x.shape[-1]] for shift in range(MEDIAN_WIDTH)]
    # a selection: the larger half of what is left is sorted away until the middle is the largest
    for n_left in range(MEDIAN_WIDTH, reach, -1):
        for i in range(n_left - 1):
            values[i], values[i + 1] = tf.minimum(values[i], values[i + 1]), tf.maximum(values[i], values[i + 1])
    return values[reach]


def _fill_up(rows: Sequence[Sequence[int]], filling: int) -> np.ndarray:
    """[n_rows, n] int32, n a multiple of BLOCK_TOKENS."""
    n_blocks = -(-max(len(row) for row in rows) // BLOCK_TOKENS)
    tokens = np.full([len(rows), n_blocks * BLOCK_TOKENS], filling, np.int32)
    for row, written in zip(tokens, rows, strict=True):
        row[: len(written)] = written
    return tokens


def _read_function(
    network: Network, graphs: Graphs, layers: list[int], eot: int
) -> Callable[..., tuple[list[tf.Tensor], tf.Tensor]]:
    """Tokens and the (row, position) of some -> what some layers ask at all, and the probabilities of what follows."""
    signature = [
        whisper.context_spec(network),
        tf.TensorSpec([None, None], tf.int32),
        tf.TensorSpec([None, 2], tf.int32),
    ]

    def read(context: AudioContext, tokens: tf.Tensor, before: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        states, queries = read_text(network, layers, context, tokens)
        following = tf.gather_nd(tokens, before + [0, 1])
        return queries, following_probabilities(network, tf.gather_nd(states, before), following, eot)

    return graphs.function(read, signature, (layers, "probabilities"), f"read {layers} {eot}")


def read_text(
    network: Network, layers: list[int], context: AudioContext, tokens: tf.Tensor
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The decoder's states after tokens [n_batch, n], and what these layers asked of the audio at each of them.

    n is a multiple of BLOCK_TOKENS. A loop over blocks of one shape: a row is the same however long the others are.
    """
    dims, n_batch = network.dims, tf.shape(tokens)[0]
    n_channels = dims.n_text_state // dims.n_text_head
    states = tf.zeros([n_batch, 0, dims.n_text_state])
    queries = [tf.zeros([n_batch, dims.n_text_head, 0, n_channels])] * len(layers)
    loop = (tf.constant(0), states, queries, whisper.empty_cache(network, n_batch))

    def read_block(
        start: tf.Tensor, states: tf.Tensor, queries: list[tf.Tensor], cache: list[KeysValues]
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor], list[KeysValues]]:
        block = tf.ensure_shape(tokens[:, start : start + BLOCK_TOKENS], [None, BLOCK_TOKENS])
        positions = start + tf.range(BLOCK_TOKENS)
        visible = (tf.range(start + BLOCK_TOKENS) <= positions[:, None])[None]
        # the last block may be longer than the context; nothing is written there
        places = tf.minimum(positions, dims.n_text_ctx - 1)
        new_states, cache, asked = whisper.decode_with_queries(network, block, places, visible, cache, context)
        queries = [tf.concat([old, asked[at]], axis=2) for old, at in zip(queries, layers, strict=True)]
        return start + BLOCK_TOKENS, tf.concat([states, new_states], axis=1), queries, cache

    _, states, queries, _ = tf.while_loop(
        lambda start, *_: start < tf.shape(tokens)[1],
        read_block,
        loop,
        shape_invariants=tf.nest.map_structure(_growing, loop),
    )
    return states, queries


def _growing(tensor: tf.Tensor) -> tf.TensorShape:
    """Its shape, free where it has nothing yet."""
    return tf.TensorShape([size or None for size in tensor.shape])


def following_probabilities(network: Network, states: tf.Tensor, following: tf.Tensor, eot: int) -> tf.Tensor:
    """Of the tokens [n] that follow states [n, n_text_state], among text tokens and end-of-text: [n].

    A block of states at a time, because there are as many scores to each as the vocabulary is large.
    """
    n_block = BLOCK_ROWS * ROWS_A_KERNEL
    n = tf.shape(states)[0]
    padding = [[0, -n % n_block]]
    blocks = tf.reshape(tf.pad(states, [*padding, [0, 0]]), [-1, BLOCK_ROWS, ROWS_A_KERNEL, network.dims.n_text_state])
    tokens = tf.reshape(tf.pad(following, padding), [-1, BLOCK_ROWS, ROWS_A_KERNEL])

    def logprobs(block: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        # a sum over rows that do not begin where vector registers do depends on which row of the block it is of
        filling = [[0, 0], [0, 0], [0, -(eot + 1) % VECTOR_WIDTH]]
        scores = tf.pad(whisper.logits(network, block[0])[..., : eot + 1], filling, constant_values=-np.inf)
        return tf.gather(scores, block[1], batch_dims=2) - logsumexp(scores)[..., 0]

    found = tf.map_fn(
        logprobs,
        (blocks, tokens),
        fn_output_signature=tf.TensorSpec([BLOCK_ROWS, ROWS_A_KERNEL]),
        parallel_iterations=1,
    )
    # the probability of what is filled in goes with it
    return tf.exp(tf.reshape(found, [-1]))[:n]
