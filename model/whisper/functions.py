"""What a recogniser runs, traced once for batches of any size and windows of any length: TensorFlow functions."""

from collections.abc import Callable

import tensorflow as tf

from model.whisper.audio import log_mel
from model.whisper.biasing import Bias
from model.whisper.decoding import Decoded, Sot, read_prompt, search
from model.whisper.grammar import Grammar
from model.whisper.network import AudioContext, Network, audio_context, context_spec, encode, logits
from model.whisper.rowwise import softmax
from model.whisper.sampling import sample
from model.whisper.tokenizer import WhisperTokenizer


def encode_function(network: Network) -> Callable[..., AudioContext]:
    """Waveforms [n_windows, n_samples], how many samples of each count, and how many positions to fill up to."""
    one_window = tf.nest.map_structure(lambda spec: tf.TensorSpec(spec.shape[1:], spec.dtype), context_spec(network))
    signature = [tf.TensorSpec([None, None]), tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)]

    @tf.function(autograph=False, input_signature=signature)
    def encode_batch(waveforms: tf.Tensor, n_samples: tf.Tensor, n_positions: tf.Tensor) -> AudioContext:
        def encode_window(window: tuple[tf.Tensor, tf.Tensor]) -> AudioContext:
            mel = log_mel(window[0][: window[1]], network.dims.n_mels)
            return audio_context(network, encode(network, mel), n_positions)

        return tf.map_fn(encode_window, (waveforms, n_samples), fn_output_signature=one_window, parallel_iterations=1)

    return encode_batch


def search_function(
    network: Network,
    grammar: Grammar,
    n_prompt: int,
    sot: Sot,
    beam_size: int,
    max_tokens: int,
    bias: Bias | None = None,
    n_best: int = 1,
) -> Callable[..., Decoded]:
    """Context, prompts [n_windows, n_prompt] and how many tokens are enough [n_windows] -> the best transcripts."""
    prompts, limits = tf.TensorSpec([None, n_prompt], tf.int32), tf.TensorSpec([None], tf.int32)

    @tf.function(autograph=False, input_signature=[context_spec(network), prompts, limits])
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

    return search_batch


def sample_function(
    network: Network, grammar: Grammar, n_prompt: int, sot: Sot, n_draws: int, max_tokens: int
) -> Callable[..., Decoded]:
    """Context, prompts [n_windows, n_prompt], temperature and numbers [n_windows, n_draws, max_tokens] -> draws."""
    prompts, numbers = tf.TensorSpec([None, n_prompt], tf.int32), tf.TensorSpec([None, n_draws, max_tokens])

    @tf.function(autograph=False, input_signature=[context_spec(network), prompts, tf.TensorSpec([]), numbers])
    def sample_batch(context: AudioContext, prompts: tf.Tensor, temperature: tf.Tensor, numbers: tf.Tensor) -> Decoded:
        return sample(network, grammar, context, prompts, temperature, numbers, sot=sot)

    return sample_batch


def language_function(network: Network, tokenizer: WhisperTokenizer) -> Callable[..., tf.Tensor]:
    """Context -> probabilities of the languages [n_windows, n_languages], in the order of `language_tokens`."""
    languages = list(tokenizer.language_tokens.values())

    @tf.function(autograph=False, input_signature=[context_spec(network)])
    def language_probs(context: AudioContext) -> tf.Tensor:
        prompts = tf.fill([tf.shape(context.heard)[0], 1], tokenizer.sot)
        states, _ = read_prompt(network, prompts, context)
        return softmax(tf.gather(logits(network, states)[:, 0], languages, axis=-1))

    return language_probs
