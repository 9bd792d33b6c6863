"""What a recogniser runs, traced once for batches of any size and windows of any length: TensorFlow functions."""

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from model.graphs import Graphs
from model.whisper.audio import log_mel
from model.whisper.biasing import Bias
from model.whisper.decoding import Decoded, Sot, read_prompt, search
from model.whisper.grammar import Grammar
from model.whisper.network import AudioContext, Network, audio_context, context_spec, encode, logits
from model.whisper.rowwise import softmax
from model.whisper.sampling import sample
from model.whisper.tokenizer import WhisperTokenizer


def graphs_of(network: Network, folder: Path | None) -> Graphs:
    """What keeps the functions of a network in a folder; None: nothing is kept."""
    facts = (network.dims, network.compute_dtype, network.most_windows, network.row_unit, network.coarse is not None)
    return Graphs(folder, network.tensors, repr(facts))


def encode_function(network: Network, graphs: Graphs) -> Callable[..., AudioContext]:
    """Waveforms [n_windows, n_samples], how many samples of each count, and how many positions to fill up to."""
    one_window = tf.nest.map_structure(lambda spec: tf.TensorSpec(spec.shape[1:], spec.dtype), context_spec(network))
    signature = [tf.TensorSpec([None, None]), tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)]

    def encode_batch(waveforms: tf.Tensor, n_samples: tf.Tensor, n_positions: tf.Tensor) -> AudioContext:
        def encode_window(window: tuple[tf.Tensor, tf.Tensor]) -> AudioContext:
            mel = log_mel(window[0][: window[1]], network.dims.n_mels)
            return audio_context(network, encode(network, mel), n_positions)

        return tf.map_fn(encode_window, (waveforms, n_samples), fn_output_signature=one_window, parallel_iterations=1)

    return graphs.function(encode_batch, signature, context_spec(network), "encode")


def search_function(
    network: Network,
    graphs: Graphs,
    grammar: Grammar,
    n_prompt: int,
    sot: Sot,
    beam_size: int,
    max_tokens: int,
    bias: Bias | None = None,
    n_best: int = 1,
) -> Callable[..., Decoded]:
    """Context, prompts [n_windows, n_prompt] and how many tokens are enough [n_windows] -> the best transcripts."""
    signature = [context_spec(network), tf.TensorSpec([None, n_prompt], tf.int32), tf.TensorSpec([None], tf.int32)]

    def search_batch(context: AudioContext, prompts: tf.Tensor, limits: tf.Tensor) -> Decoded:
        return search(
            network,
            grammar,
            context,
            prompts,
            limits,
            beam_size=beam_size,
            max_tokens=max_tokens,
            sot=sot,
            bias=bias,
            n_best=n_best,
        )

    # the vocabulary of a user stays where it is
    graphs = Graphs(None) if bias else graphs
    settings = f"search {grammar} {sot} {beam_size} {max_tokens} {n_best}"
    return graphs.function(search_batch, signature, Decoded(*Decoded._fields), settings)


def sample_function(
    network: Network, graphs: Graphs, grammar: Grammar, n_prompt: int, sot: Sot, n_draws: int, max_tokens: int
) -> Callable[..., Decoded]:
    """Context, prompts [n_windows, n_prompt], temperature and numbers [n_windows, n_draws, max_tokens] -> draws."""
    prompts, numbers = tf.TensorSpec([None, n_prompt], tf.int32), tf.TensorSpec([None, n_draws, max_tokens])
    signature = [context_spec(network), prompts, tf.TensorSpec([]), numbers]

    def sample_batch(context: AudioContext, prompts: tf.Tensor, temperature: tf.Tensor, numbers: tf.Tensor) -> Decoded:
        return sample(network, grammar, context, prompts, temperature, numbers, sot=sot)

    return graphs.function(sample_batch, signature, Decoded(*Decoded._fields), f"sample {grammar} {sot}")


def language_function(network: Network, graphs: Graphs, tokenizer: WhisperTokenizer) -> Callable[..., tf.Tensor]:
    """Context -> probabilities of the languages [n_windows, n_languages], in the order of `language_tokens`."""
    languages = list(tokenizer.language_tokens.values())

    def language_probs(context: AudioContext) -> tf.Tensor:
        prompts = tf.fill([tf.shape(context.heard)[0], 1], tokenizer.sot)
        states, _ = read_prompt(network, prompts, context)
        return softmax(tf.gather(logits(network, states)[:, 0], languages, axis=-1))

    settings = f"languages {tokenizer.sot} {languages}"
    return graphs.function(language_probs, [context_spec(network)], "probabilities", settings)
