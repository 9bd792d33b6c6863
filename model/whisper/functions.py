"""What a recogniser runs, traced once for batches of any size and windows of any length: TensorFlow functions."""

from collections.abc import Callable

import tensorflow as tf

from model.whisper.audio import log_mel
from model.whisper.decoding import Decoded, Sot, read_prompt, search
from model.whisper.grammar import Grammar
from model.whisper.network import KeysValues, Network, audio_context, context_spec, encode, logits
from model.whisper.rowwise import softmax
from model.whisper.sampling import sample
from model.whisper.tokenizer import WhisperTokenizer


def encode_function(network: Network) -> Callable[..., list[KeysValues]]:
    """Waveforms [n_windows, n_samples] -> what the decoder attends to in them."""
    one_window = tf.nest.map_structure(
        lambda spec: tf.TensorSpec(spec.shape[1:], spec.dtype), context_spec(network, None)
    )

    def encode_window(waveform: tf.Tensor) -> list[KeysValues]:
        return audio_context(network, encode(network, log_mel(waveform, network.dims.n_mels)))

    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def encode_batch(waveforms: tf.Tensor) -> list[KeysValues]:
        return tf.map_fn(encode_window, waveforms, fn_output_signature=one_window, parallel_iterations=1)

    return encode_batch


def search_function(
    network: Network, grammar: Grammar, n_prompt: int, sot: Sot, beam_size: int, max_tokens: int
) -> Callable[..., Decoded]:
    """Context, prompts [n_windows, n_prompt] and how many tokens are enough -> the best transcripts."""
    prompts, limit = tf.TensorSpec([None, n_prompt], tf.int32), tf.TensorSpec([], tf.int32)

    @tf.function(input_signature=[context_spec(network, None), prompts, limit])
    def search_batch(context: list[KeysValues], prompts: tf.Tensor, limit: tf.Tensor) -> Decoded:
        return search(network, grammar, context, prompts, limit, beam_size=beam_size, max_tokens=max_tokens, sot=sot)

    return search_batch


def sample_function(
    network: Network, grammar: Grammar, n_prompt: int, sot: Sot, n_draws: int, max_tokens: int
) -> Callable[..., Decoded]:
    """Context, prompts [n_windows, n_prompt], temperature and numbers [n_windows, n_draws, max_tokens] -> draws."""
    prompts, numbers = tf.TensorSpec([None, n_prompt], tf.int32), tf.TensorSpec([None, n_draws, max_tokens])

    @tf.function(input_signature=[context_spec(network, None), prompts, tf.TensorSpec([]), numbers])
    def sample_batch(
        context: list[KeysValues], prompts: tf.Tensor, temperature: tf.Tensor, numbers: tf.Tensor
    ) -> Decoded:
        return sample(network, grammar, context, prompts, temperature, numbers, sot=sot)

    return sample_batch


def language_function(network: Network, tokenizer: WhisperTokenizer) -> Callable[..., tf.Tensor]:
    """Context -> probabilities of the languages [n_windows, n_languages], in the order of `language_tokens`."""
    languages = list(tokenizer.language_tokens.values())

    @tf.function(input_signature=[context_spec(network, None)])
    def language_probs(context: list[KeysValues]) -> tf.Tensor:
        prompts = tf.fill([tf.shape(context[0].keys)[0], 1], tokenizer.sot)
        states, _ = read_prompt(network, prompts, context)
        return softmax(tf.gather(logits(network, states)[:, 0], languages, axis=-1))

    return language_probs
