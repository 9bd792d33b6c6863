"""Whisper's encoder and decoder (Radford et al. 2022; Vaswani et al. 2017), as functions over their weights.

The decoder has no state: its cache is passed in and handed back.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.recognizer import MAX_BATCH_WINDOWS
from model.whisper import rowwise
from model.whisper.coarse import CoarseWeight, coarse_product, coarse_weight, multiplies_integers
from model.whisper.dimensions import Dimensions
from model.whisper.grammar import BLOCK, Scores

NORM_EPSILON = 1e-5
# the embedding as [n_vocab, n_text_state], for the exact scores of a few tokens
ROWS = "decoder.token_embedding.rows"
# the embedding's columns from end-of-text on, whose scores are never coarse
MARKS = "decoder.token_embedding.marks"
# of a window that `Network.row_unit` is found for; a prompt has more
MOST_ROWS = 5


@dataclass(frozen=True)
class Network:
    """A Whisper network ready to run."""

    dims: Dimensions
    # named as in the checkpoint, but transposed to [in, out], and with the projections of one input side by side
    parameters: dict[str, tf.Tensor]
    # what the encoder multiplies in, and what the decoder attends to is kept in; sums over layers are in float32
    compute_dtype: tf.DType = tf.float32
    # the most that are decoded together: a product of the decoder is filled up to so many
    most_windows: int = MAX_BATCH_WINDOWS
    # what products of the decoder are filled up to a multiple of, where this machine lets them (`rowwise.row_unit`)
    row_unit: int | None = None
    # the embedding for scores of which only the best are worked out exactly; None: all are
    coarse: CoarseWeight | None = None

    @property
    def tensors(self) -> dict[str, tf.Tensor]:
        """All that functions over the network use beside their arguments."""
        coarse = self.coarse._asdict() if self.coarse else {}
        return {**self.parameters, **{f"coarse.{name}": tensor for name, tensor in coarse.items()}}


class KeysValues(NamedTuple):
    """What the queries of one layer attend to."""

    # [..., n_head, n_channels, n_positions] in float32, [..., n_head, n_positions, n_channels] in bfloat16
    keys: tf.Tensor
    # [..., n_head, n_positions, n_channels] in float32, [..., n_head, n_channels, n_positions] in bfloat16
    values: tf.Tensor


class AudioContext(NamedTuple):
    """What the decoder attends to of a batch of windows."""

    # of each layer of the decoder
    layers: list[KeysValues]
    # [n_batch, n_positions] which positions are of the window's own audio; the others only fill it up
    heard: tf.Tensor


def build_network(
    dims: Dimensions,
    weights: Mapping[str, np.ndarray],
    precision: str = "float32",
    most_windows: int = MAX_BATCH_WINDOWS,
    eot: int | None = None,
) -> Network:
    """Lays a checkpoint's weights out for the functions below. precision: "float32" or "bfloat16".

    eot: the token from which on scores are exact, where those before it may be coarse; None: all are exact.
    """
    compute_dtype = tf.dtypes.as_dtype(precision)
    laid_out = {name: array if name.endswith("positional_embedding") else array.T for name, array in weights.items()}
    for attention in [name.removesuffix(".query.weight") for name in weights if name.endswith(".query.weight")]:
        laid_out[f"{attention}.key.bias"] = np.zeros_like(weights[f"{attention}.value.bias"])
        joined = ("key", "value") if attention.endswith("cross_attn") else ("query", "key", "value")
        for kind in ("weight", "bias"):
            parts = [laid_out.pop(f"{attention}.{linear}.{kind}") for linear in joined]
            laid_out[f"{attention}.{'_'.join(joined)}.{kind}"] = np.concatenate(parts, axis=-1)
    embedding = laid_out["decoder.token_embedding.weight"]
    laid_out["decoder.token_embedding.weight"] = np.pad(embedding, [(0, 0), (0, -dims.n_vocab % BLOCK)])
    parameters = {
        name: tf.cast(array, compute_dtype if _is_factor(name) else tf.float32) for name, array in laid_out.items()
    }
    coarse = None
    if eot is not None and compute_dtype == tf.bfloat16 and multiplies_integers():
        embedding = laid_out["decoder.token_embedding.weight"]
        coarse = coarse_weight(embedding, laid_out["decoder.ln.weight"])
        parameters[ROWS] = tf.constant(np.ascontiguousarray(embedding.T))
        parameters[MARKS] = tf.constant(np.ascontiguousarray(embedding[:, eot:]))
    shapes = [array.shape for name, array in laid_out.items() if _multiplies_rows(name)]
    unit = rowwise.row_unit(shapes, most_windows * MOST_ROWS)
    return Network(dims, parameters, compute_dtype, most_windows, unit, coarse)


def _is_factor(name: str) -> bool:
    """Whether a parameter is of the products that `Network.compute_dtype` is about."""
    of_encoder = name.startswith("encoder.") and not re.search(r"\.\w*ln(_post)?\.|positional", name)
    return of_encoder or ".cross_attn.key_value." in name


def _multiplies_rows(name: str) -> bool:
    """Whether a parameter is a factor of `rowwise.project`."""
    return bool(re.match(r"decoder\.blocks\..*(attn|mlp).*\.weight$", name)) and not re.search(r"_ln\.|key_value", name)


def encode(network: Network, mel: tf.Tensor) -> tf.Tensor:
    """Log-mel [n_mels, 2 * n_positions] of one window -> [n_positions, n_audio_state], at most n_audio_ctx positions.

    One window at a time: the attention scores of a batch would be gigabytes, and so the numbers of a window do not
    depend on the size of its batch.
    """
    dims, compute = network.dims, network.compute_dtype
    x = _convolve(network, "encoder.conv1", tf.cast(tf.transpose(mel), compute), stride=1)
    x = tf.cast(_convolve(network, "encoder.conv2", x, stride=2), tf.float32)
    x = x + network.parameters["encoder.positional_embedding"][: tf.shape(x)[0]]
    for layer in range(dims.n_audio_layer):
        block = f"encoder.blocks.{layer}"
        normalized = tf.cast(_normalize(network, f"{block}.attn_ln", x), compute)
        x = x + tf.cast(_attend_over_audio(network, f"{block}.attn", normalized), tf.float32)
        x = x + tf.cast(_feed_forward(network, block, x, compute), tf.float32)
    return _normalize(network, "encoder.ln_post", x)


def audio_context(network: Network, audio: tf.Tensor, n_positions: tf.Tensor | int | None = None) -> AudioContext:
    """What the decoder attends to in encoder outputs [..., n, n_audio_state], filled up to n_positions."""
    n_filling = 0 if n_positions is None else n_positions - tf.shape(audio)[-2]
    filling = [[0, 0]] * (audio.shape.rank - 2) + [[0, n_filling], [0, 0]]
    heard = tf.pad(tf.ones(tf.shape(audio)[:-1], tf.bool), filling[:-1])
    audio = tf.pad(audio, filling)
    context = []
    for layer in range(network.dims.n_text_layer):
        of_layer = f"decoder.blocks.{layer}.cross_attn.key_value"
        projected = _linear(network, of_layer, tf.cast(audio, network.compute_dtype))
        keys, values = (_split_heads(part, network.dims.n_text_head) for part in tf.split(projected, 2, axis=-1))
        if sums_along_rows(keys):
            values = tf.linalg.matrix_transpose(values)
        else:
            keys = tf.linalg.matrix_transpose(keys)
        context.append(KeysValues(keys, values))
    return AudioContext(context, heard)


def context_spec(network: Network) -> AudioContext:
    """The shapes of `audio_context` for a batch."""
    dims, compute = network.dims, network.compute_dtype
    n_channels = dims.n_text_state // dims.n_text_head
    by_position = tf.TensorSpec([None, dims.n_text_head, None, n_channels], compute)
    by_channel = tf.TensorSpec([None, dims.n_text_head, n_channels, None], compute)
    in_rows = sums_along_rows(by_position)
    layer = KeysValues(by_position, by_channel) if in_rows else KeysValues(by_channel, by_position)
    return AudioContext([layer] * dims.n_text_layer, tf.TensorSpec([None, None], tf.bool))


def sums_along_rows(part: tf.Tensor | tf.TensorSpec) -> bool:
    """Whether products with keys or values are sums along their last axis, or along the one before.

    TensorFlow is faster with the first in bfloat16, and with the second in float32.
    """
    return bool(part.dtype == tf.bfloat16)


def empty_cache(network: Network, n_batch: tf.Tensor | int) -> list[KeysValues]:
    """The cache of a decoder that has read nothing yet."""
    n_head = network.dims.n_text_head
    n_channels = network.dims.n_text_state // n_head
    nothing = KeysValues(tf.zeros([n_batch, n_head, n_channels, 0]), tf.zeros([n_batch, n_head, 0, n_channels]))
    return [nothing] * network.dims.n_text_layer


def decode(
    network: Network,
    tokens: tf.Tensor,
    positions: tf.Tensor,
    visible: tf.Tensor,
    cache: list[KeysValues],
    context: AudioContext,
) -> tuple[tf.Tensor, list[KeysValues]]:
    """Reads tokens [n_batch, n_new] at positions [n_new]; what comes back is their state [n_batch, n_new, n_text_state]
    and the cache with them appended.

    visible [n_batch or 1, n_new, n_cached + n_new] is true where a token may look at a cached or new one. The new
    tokens may follow each other, or be alternatives at one position: hypotheses of a beam differ in what they see,
    so they share one cache of what any of them said, and nothing is moved when they branch.
    """
    states, grown, _ = decode_with_queries(network, tokens, positions, visible, cache, context)
    return states, grown


def decode_with_queries(
    network: Network,
    tokens: tf.Tensor,
    positions: tf.Tensor,
    visible: tf.Tensor,
    cache: list[KeysValues],
    context: AudioContext,
) -> tuple[tf.Tensor, list[KeysValues], list[tf.Tensor]]:
    """As `decode`, and what each layer asked of the audio: queries [n_batch, n_head, n_new, n_channels].

    They are small, and with the keys of the context give the attention of those heads whose attention is wanted.
    """
    dims = network.dims
    x = embed(network, tokens) + tf.gather(network.parameters["decoder.positional_embedding"], positions)
    grown, asked = [], []
    heard = context.heard[:, None, None]
    for layer in range(dims.n_text_layer):
        block = f"decoder.blocks.{layer}"
        normalized = _normalize(network, f"{block}.attn_ln", x)
        projected = _linear(network, f"{block}.attn.query_key_value", normalized)
        queries, keys, values = (_split_heads(part, dims.n_text_head) for part in tf.split(projected, 3, axis=-1))
        grown.append(_append(cache[layer], KeysValues(tf.linalg.matrix_transpose(keys), values)))
        x = x + _linear(network, f"{block}.attn.out", _merge_heads(_attend(queries, grown[layer], visible[:, None])))
        normalized = _normalize(network, f"{block}.cross_attn_ln", x)
        queries = _split_heads(_linear(network, f"{block}.cross_attn.query", normalized), dims.n_text_head)
        asked.append(queries)
        x = x + _linear(
            network, f"{block}.cross_attn.out", _merge_heads(_attend(queries, context.layers[layer], heard))
        )
        x = x + _feed_forward(network, block, x)
    return _normalize(network, "decoder.ln", x), grown, asked


def embed(network: Network, tokens: tf.Tensor) -> tf.Tensor:
    """Tokens [n_batch, n] -> [n_batch, n, n_text_state]."""
    if ROWS in network.parameters:
        return tf.gather(network.parameters[ROWS], tokens)
    # kept as its transpose, for `logits`
    return tf.transpose(tf.gather(network.parameters["decoder.token_embedding.weight"], tokens, axis=1), [1, 2, 0])


def logits(network: Network, states: tf.Tensor) -> tf.Tensor:
    """Decoder states [n_batch, n, n_text_state] -> scores of the next token [n_batch, n, n_vocab]."""
    return filled_logits(network, states)[..., : network.dims.n_vocab]


def filled_logits(network: Network, states: tf.Tensor) -> tf.Tensor:
    """As `logits`, followed by columns of no meaning up to whole blocks (`grammar.BLOCK`)."""
    return rowwise.project_to_many(states, network.parameters["decoder.token_embedding.weight"], network.row_unit)


def next_scores(network: Network, states: tf.Tensor, eot: int) -> Scores:
    """Decoder states [n_batch, n, n_text_state] -> scores of the next token; those of text may be coarse.

    Of a token chosen from coarse scores the exact one is asked for.
    """
    if network.coarse is None:
        scores = filled_logits(network, states)
        return Scores(scores, scores[..., eot : network.dims.n_vocab])
    marks = rowwise.project_to_many(states, network.parameters[MARKS])

    def exact(tokens: tf.Tensor) -> tf.Tensor:
        rows = tf.gather(network.parameters[ROWS], tokens)
        return rowwise.total(rows * states[:, :, None])[..., 0]

    return Scores(coarse_product(states, network.coarse), marks[..., : network.dims.n_vocab - eot], exact)


def attention_scores(queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """Queries [..., n_queries, n_channels] and keys of `KeysValues` -> [..., n_queries, n_positions], in their type."""
    scaled = tf.cast(queries * queries.shape[-1] ** -0.5, keys.dtype)
    return tf.matmul(scaled, keys, transpose_b=sums_along_rows(keys))


def _attend_over_audio(network: Network, attention: str, x: tf.Tensor) -> tf.Tensor:
    projected = _linear(network, f"{attention}.query_key_value", x)
    queries, keys, values = (_split_heads(part, network.dims.n_audio_head) for part in tf.split(projected, 3, axis=-1))
    scaled = queries * tf.cast(queries.shape[-1] ** -0.5, queries.dtype)
    weights = tf.nn.softmax(tf.matmul(scaled, keys, transpose_b=True))
    return _linear(network, f"{attention}.out", _merge_heads(tf.matmul(weights, values)))


def _attend(queries: tf.Tensor, memory: KeysValues, visible: tf.Tensor) -> tf.Tensor:
    """Queries [..., n_head, n_queries, n_channels] float32 -> their mixture of the values, of the same shape."""
    scores = tf.cast(attention_scores(queries, memory.keys), tf.float32)
    # not a sum: TensorFlow fuses it with the product before, which takes a hundred times as long
    scores = tf.where(visible, scores, -np.inf)
    weights = tf.cast(rowwise.softmax(scores), memory.values.dtype)
    return tf.cast(tf.matmul(weights, memory.values, transpose_b=sums_along_rows(memory.values)), tf.float32)


def _append(cached: KeysValues, new: KeysValues) -> KeysValues:
    return KeysValues(
        tf.concat([cached.keys, new.keys], axis=-1),
        tf.concat([cached.values, new.values], axis=-2),
    )


def _split_heads(x: tf.Tensor, n_head: int) -> tf.Tensor:
    """[..., n_positions, n_state] -> [..., n_head, n_positions, n_channels]."""
    shape = tf.shape(x)
    split = tf.reshape(x, tf.concat([shape[:-1], [n_head, x.shape[-1] // n_head]], axis=0))
    return tf.experimental.numpy.swapaxes(split, -3, -2)


def _merge_heads(x: tf.Tensor) -> tf.Tensor:
    n_state = x.shape[-3] * x.shape[-1]
    merged = tf.experimental.numpy.swapaxes(x, -3, -2)
    return tf.reshape(merged, tf.concat([tf.shape(merged)[:-2], [n_state]], axis=0))


def _feed_forward(network: Network, block: str, x: tf.Tensor, compute: tf.DType = tf.float32) -> tf.Tensor:
    normalized = tf.cast(_normalize(network, f"{block}.mlp_ln", x), compute)
    return _linear(network, f"{block}.mlp.2", _gelu(_linear(network, f"{block}.mlp.0", normalized)))


def _normalize(network: Network, name: str, x: tf.Tensor) -> tf.Tensor:
    weight, bias = (network.parameters[f"{name}.{kind}"] for kind in ("weight", "bias"))
    return rowwise.normalize(x, NORM_EPSILON) * weight + bias


def _linear(network: Network, name: str, x: tf.Tensor) -> tf.Tensor:
    """The positions of one window, or those of a batch of windows, by a weight [n_in, n_out]."""
    weight, bias = (network.parameters[f"{name}.{kind}"] for kind in ("weight", "bias"))
    of_batch = x.shape.rank > 2
    product = _project(network, x, weight) if of_batch else tf.matmul(x, weight)
    # `bias_add`, because TensorFlow fuses it, and a GELU after it, with the product
    return tf.nn.bias_add(product, bias)


def _project(network: Network, x: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    unit = network.row_unit if x.shape[1] <= MOST_ROWS else None
    return rowwise.project(x, weight, network.most_windows, unit)


def _convolve(network: Network, name: str, x: tf.Tensor, stride: int) -> tf.Tensor:
    """Frames [n, n_in], n a multiple of `stride`, by a kernel [3, n_in, n_out] -> [n / stride, n_out].

    As one product of each frame and its neighbours: TensorFlow fuses bias and GELU with it, but not with a convolution.
    """
    kernel = network.parameters[f"{name}.weight"]
    n_taps, n_in, n_out = kernel.shape
    # so many frames a row: slices with a stride are slow
    rows = tf.reshape(tf.pad(x, [[1, 1], [0, 0]]), [-1, stride * n_in])
    n_rows = tf.shape(x)[0] // stride
    taps = [divmod(tap, stride) for tap in range(n_taps)]
    neighbours = tf.concat([rows[i : i + n_rows, k * n_in : (k + 1) * n_in] for i, k in taps], axis=-1)
    product = tf.matmul(neighbours, tf.reshape(kernel, [n_taps * n_in, n_out]))
    return _gelu(tf.nn.bias_add(product, network.parameters[f"{name}.bias"]))


def _gelu(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.gelu(x, approximate=False)
