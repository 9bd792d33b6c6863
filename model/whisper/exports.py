"""A Whisper checkpoint for other programs: TensorFlow's SavedModel, and LiteRT files, whole or in int8.

Both hold an encoder and a decoder without a cache: the caller decodes by giving all tokens so far. The tokenizer is
copied beside them. int8 is LiteRT's dynamic-range quantisation: weights in int8, sums in float32.
"""

import shutil
from pathlib import Path

import tensorflow as tf

from model.whisper.audio import log_mel
from model.whisper.checkpoint import Checkpoint
from model.whisper.tokenizer import TOKENIZER_FILE, WhisperTokenizer
from model.whisper.trainable import decode, decode_last, encode

ENCODER_FILE, DECODER_FILE = "encoder.tflite", "decoder.tflite"


class WhisperModule(tf.Module):
    """The functions of a SavedModel, over weights that are its variables."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self._dims = checkpoint.dims
        self._weights = {name: tf.Variable(weight, trainable=False) for name, weight in checkpoint.weights.items()}

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, None], name="waveform")])
    def encode(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
        """Samples [n, n_samples] at 16 kHz, at most 30 s, a multiple of 320 -> audio [n, n_samples / 320, n_state]."""
        mel = log_mel(waveform, self._dims.n_mels)
        return {"audio": encode(self._dims, self._weights.__getitem__, mel)}

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec([None, None, None], name="audio"),
            tf.TensorSpec([None, None], tf.int32, name="tokens"),
        ],
    )
    def decode(self, audio: tf.Tensor, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """Audio and tokens [n, n_tokens] -> logits of the token after each, [n, n_tokens, n_vocab]."""
        return {"logits": decode(self._dims, self._weights.__getitem__, audio, tokens)}


def write_saved_model(checkpoint: Checkpoint, tokenizer: WhisperTokenizer, folder: Path) -> None:
    """Writes a SavedModel with the signatures `encode` and `decode`, and tokenizer.json."""
    module = WhisperModule(checkpoint)
    signatures = {"encode": module.encode, "decode": module.decode}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    shutil.copyfile(tokenizer.path, folder / TOKENIZER_FILE)


def write_litert(checkpoint: Checkpoint, tokenizer: WhisperTokenizer, folder: Path, int8: bool) -> None:
    """Writes encoder.tflite, decoder.tflite and tokenizer.json.

    encoder: log-mel [1, n_mels, n_frames of 30 s] -> audio [1, n_audio_ctx, n_state]; decoder: audio, and tokens
    [1, n_tokens] (resized by the caller) -> logits of the token after the last, [1, n_vocab].
    """
    folder.mkdir(parents=True, exist_ok=True)
    dims = checkpoint.dims
    constants = {name: tf.constant(weight) for name, weight in checkpoint.weights.items()}
    weights = constants.__getitem__
    mel = tf.TensorSpec([1, dims.n_mels, 2 * dims.n_audio_ctx], name="mel")
    audio = tf.TensorSpec([1, dims.n_audio_ctx, dims.n_audio_state], name="audio")
    tokens = tf.TensorSpec([1, None], tf.int32, name="tokens")

    @tf.function(autograph=False, input_signature=[mel])
    def encoder(mel: tf.Tensor) -> tf.Tensor:
        return encode(dims, weights, mel)

    @tf.function(autograph=False, input_signature=[audio, tokens])
    def decoder(audio: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        return decode_last(dims, weights, audio, tokens)

    for name, function in ((ENCODER_FILE, encoder), (DECODER_FILE, decoder)):
        (folder / name).write_bytes(_converted(function, int8))
    shutil.copyfile(tokenizer.path, folder / TOKENIZER_FILE)


def _converted(function: tf.types.experimental.PolymorphicFunction, int8: bool) -> bytes:
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()
