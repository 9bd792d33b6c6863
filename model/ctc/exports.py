"""A CTC model for other programs: TensorFlow's SavedModel, and a LiteRT file, whole or in int8.

The SavedModel hears waveforms and has the signature of `model.saved_model_folder`: `--model` takes it again. LiteRT has
no Fourier transform of 400 samples, so that its network takes the log-mel of `model.ctc.features`. Both have vocab.json
beside them, and recognizer.json with the language, the seconds of a frame and what the log-mel is made of. int8 is
LiteRT's dynamic-range quantisation: weights in int8, sums in float32.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

# before Keras is loaded
os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np
import tensorflow as tf

from model.ctc.config import CtcConfig
from model.ctc.features import LogMelDefinition, mel_filters
from model.ctc.files import CtcFiles
from model.ctc.network import CtcNetwork
from model.ctc.trained import load_trained
from model.saved_model_folder import SETTINGS_FILE, SIGNATURE, VOCABULARY_FILE

NETWORK_FILE = "network.tflite"


def hearing(network: CtcNetwork, config: CtcConfig) -> tf.types.experimental.PolymorphicFunction:
    """The function of a SavedModel."""
    definition, subsampling = config.log_mel, config.subsampling

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], name="waveform"), tf.TensorSpec([None], tf.int32, name="lengths")]
    )
    def hear(waveform: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Samples [n, n_samples] at 16 kHz and how many count [n] -> logits [n, n_outputs, n_labels], lengths [n]."""
        n_frames = 1 + (tf.maximum(lengths, definition.n_fft) - definition.n_fft) // definition.hop
        logits = network(log_mel(waveform, definition), n_frames)
        return {"logits": logits, "lengths": (n_frames + subsampling - 1) // subsampling}

    return hear


def log_mel(waveform: tf.Tensor, definition: LogMelDefinition) -> tf.Tensor:
    """`model.ctc.features.log_mel` in a graph: [n, n_samples] -> [n, n_frames, n_mels]."""
    missing = tf.maximum(0, definition.n_fft - tf.shape(waveform)[1])
    windows = tf.signal.frame(tf.pad(waveform, [[0, 0], [0, missing]]), definition.n_fft, definition.hop)
    hann = np.hanning(definition.n_fft + 1)[:-1].astype(np.float32)
    power = tf.square(tf.abs(tf.signal.rfft(windows * hann)))
    mel = tf.matmul(power, tf.constant(mel_filters(definition)))
    return tf.math.log(tf.maximum(mel, definition.floor))


def export_saved_model(source: Path, folder: Path) -> None:
    """Writes a SavedModel that is a `--model` again."""
    files, network = load_trained(source)
    module = tf.Module()
    # not the network: Keras would add functions of its own, for which this one takes too much
    module.weights = [weight.value for weight in network.trainable_variables]
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: hearing(network, files.config)})
    _write_settings(files, folder)


def export_litert(source: Path, folder: Path, int8: bool) -> None:
    """Writes network.tflite.

    Log-mel [1, n_frames, n_mels] (resized by the caller) -> logits [1, n_outputs, n_labels].
    """
    files, network = load_trained(source)
    log_mel_spec = tf.TensorSpec([1, None, files.config.log_mel.n_mels], name="log_mel")

    @tf.function(input_signature=[log_mel_spec])
    def hear(log_mel: tf.Tensor) -> tf.Tensor:
        return network(log_mel, tf.shape(log_mel)[1:2])

    converter = tf.lite.TFLiteConverter.from_concrete_functions([hear.get_concrete_function()], network)
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NETWORK_FILE).write_bytes(converter.convert())
    _write_settings(files, folder)


def _write_settings(files: CtcFiles, folder: Path) -> None:
    config = files.config
    settings = {"language": config.language, "frame_s": config.frame_s, "log_mel": asdict(config.log_mel)}
    (folder / SETTINGS_FILE).write_text(json.dumps(settings, indent=1), encoding="utf-8")
    (folder / VOCABULARY_FILE).write_text(files.vocabulary.to_json(), encoding="utf-8")
