"""How fast the encoder is beside the same in LiteRT, on one thread: milliseconds a window of 30 s, and how far off.

    python benchmarks/encoders.py

LiteRT's operators are XNNPACK's. "int8" is its dynamic range quantisation: weights in int8, and what they are
multiplied with as it comes. The distance is that from the float32 encoder's output, relative to its norm.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from ours import SPEECH, speech_manifest
from peers import read_samples
from wer import read_clips

from model.registry import resolve_model
from model.whisper.audio import log_mel
from model.whisper.checkpoint import load_checkpoint
from model.whisper.network import build_network, encode

ROUNDS = 7
N_MEL_FRAMES = 3000

Encoder = Callable[[np.ndarray], np.ndarray]


def of_tensorflow(precision: str) -> Encoder:
    """Ours, in float32 or bfloat16."""
    checkpoint = load_checkpoint(resolve_model("tiny.en").folder)
    network = build_network(checkpoint.dims, checkpoint.weights, precision)
    function = tf.function(lambda mel: encode(network, mel), input_signature=[tf.TensorSpec([80, N_MEL_FRAMES])])
    return lambda mel: function(mel).numpy()


def of_litert(quantised: bool) -> Encoder:
    """The float32 network, converted."""
    checkpoint = load_checkpoint(resolve_model("tiny.en").folder)
    network = build_network(checkpoint.dims, checkpoint.weights)
    function = tf.function(lambda mel: encode(network, mel), input_signature=[tf.TensorSpec([80, N_MEL_FRAMES])])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    if quantised:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    interpreter = tf.lite.Interpreter(model_content=converter.convert(), num_threads=1)
    interpreter.allocate_tensors()
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(mel: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(given["index"], mel)
        interpreter.invoke()
        return interpreter.get_tensor(made["index"])

    return run


def main() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    (clip,) = read_clips(speech_manifest(), str(SPEECH), ["longform"])
    samples = read_samples(Path(clip.uri))[: 30 * 16_000]
    mel = log_mel(tf.constant(samples), 80).numpy()
    encoders = {
        "float32": of_tensorflow("float32"),
        "bfloat16": of_tensorflow("bfloat16"),
        "LiteRT, float32": of_litert(quantised=False),
        "LiteRT, int8": of_litert(quantised=True),
    }
    exact = encoders["float32"](mel)
    seconds: dict[str, list[float]] = {name: [] for name in encoders}
    for _ in range(ROUNDS):
        for name, encoder in encoders.items():
            started_s = time.perf_counter()
            encoder(mel)
            seconds[name].append(time.perf_counter() - started_s)
    print("| encoder | ms a window | distance |\n|---|---:|---:|")
    for name, encoder in encoders.items():
        distance = np.linalg.norm(encoder(mel) - exact) / np.linalg.norm(exact)
        print(f"| {name} | {1e3 * statistics.median(seconds[name]):.0f} | {distance:.3f} |")


if __name__ == "__main__":
    main()
