"""What each layout of `beamscribe models export` comes to: its size, its speed, its errors.

    python benchmarks/exports.py --work /tmp/exports

tiny.en, on the first clips of `librispeech`, decoded greedily without timestamps by a loop of a few lines, the same for
all: what differs is the layout alone. The decoders have no cache and read all tokens again for each, so their speed is
not that of `beamscribe transcribe`. On all processors, one clip at a time; times are medians.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from ours import REPOSITORY, SPEECH, speech_manifest
from peers import read_samples
from wer import Clip, read_clips, score

from model.processors import n_processors
from model.registry import resolve_model
from model.whisper.audio import log_mel
from model.whisper.checkpoint import load_checkpoint
from model.whisper.tokenizer import WhisperTokenizer

MODEL = "tiny.en"
WINDOW_SAMPLES = 480_000
MAX_TOKENS = 120


class Layout(NamedTuple):
    """A way to export."""

    name: str
    flags: tuple[str, ...]


LAYOUTS = [
    Layout("SavedModel", ("--format", "saved_model")),
    Layout("LiteRT", ("--format", "litert")),
    Layout("LiteRT, int8", ("--format", "litert", "--quantization", "int8")),
]


class Engine(NamedTuple):
    """An exported model, loaded."""

    # samples [WINDOW_SAMPLES] -> audio
    encode: Callable[[np.ndarray], np.ndarray]
    # audio, tokens -> logits of the token after the last [n_vocab]
    decode: Callable[[np.ndarray, Sequence[int]], np.ndarray]


def load_saved_model(folder: Path) -> Engine:
    """By its signatures."""
    # what is loaded must live as long as its signatures
    loaded = tf.saved_model.load(str(folder))
    encode, decode = loaded.signatures["encode"], loaded.signatures["decode"]

    def decode_last(audio: np.ndarray, tokens: Sequence[int]) -> np.ndarray:
        assert loaded is not None
        return decode(audio=tf.constant(audio), tokens=tf.constant([tokens], tf.int32))["logits"][0, -1].numpy()

    return Engine(lambda samples: encode(waveform=tf.constant(samples[None]))["audio"].numpy(), decode_last)


def load_litert(folder: Path) -> Engine:
    """By TensorFlow's interpreter."""
    encoder, decoder = (
        tf.lite.Interpreter(model_path=str(folder / f"{part}.tflite"), num_threads=n_processors())
        for part in ("encoder", "decoder")
    )
    return Engine(
        lambda samples: _invoke(encoder, log_mel(samples[None], 80).numpy()),
        lambda audio, tokens: _invoke(decoder, audio, np.array([tokens], np.int32))[0],
    )


def _invoke(interpreter: tf.lite.Interpreter, *inputs: np.ndarray) -> np.ndarray:
    slots = interpreter.get_input_details()
    for slot, value in zip(slots, inputs, strict=True):
        if tuple(slot["shape"]) != value.shape:
            interpreter.resize_tensor_input(slot["index"], value.shape)
    interpreter.allocate_tensors()
    for slot, value in zip(slots, inputs, strict=True):
        interpreter.set_tensor(slot["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


class Row(NamedTuple):
    """What was measured of one layout."""

    name: str
    megabytes: float
    encoder_ms: float
    token_ms: float
    wer: float


def measure(layout: Layout, folder: Path, clips: Sequence[Clip]) -> Row:
    """Exports by the command, then hears all clips."""
    command = [sys.executable, "-m", "pipelines.cli", "models", "export", MODEL, str(folder), *layout.flags]
    subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    engine = load_saved_model(folder) if layout.flags[1] == "saved_model" else load_litert(folder)
    files = resolve_model(MODEL)
    tokenizer, suppressed = WhisperTokenizer(files.folder), load_checkpoint(files.folder).suppress_tokens
    texts, encoder_s, token_s = {}, [], []
    for clip in clips:
        samples = read_samples(Path(clip.uri))[:WINDOW_SAMPLES]
        started_s = time.perf_counter()
        audio = engine.encode(np.pad(samples, (0, WINDOW_SAMPLES - len(samples))))
        encoder_s.append(time.perf_counter() - started_s)
        tokens = [tokenizer.sot, tokenizer.no_timestamps]
        while len(tokens) < MAX_TOKENS:
            started_s = time.perf_counter()
            logits = engine.decode(audio, tokens)
            token_s.append(time.perf_counter() - started_s)
            logits[list(suppressed)] = -np.inf
            logits[tokenizer.eot + 1 :] = -np.inf
            if (best := int(logits.argmax())) == tokenizer.eot:
                break
            tokens.append(best)
        texts[clip.uri] = tokenizer.decode(tokens[2:])
    megabytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    median_ms = [1e3 * statistics.median(times[1:]) for times in (encoder_s, token_s)]
    return Row(layout.name, megabytes, median_ms[0], median_ms[1], score(list(clips), texts).wer)


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table."""
    lines = ["| layout | MB | encoder, ms a window | decoder, ms a token | WER % |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {row.name} | {row.megabytes:.0f} | {row.encoder_ms:.0f} | {row.token_ms:.0f} | {100 * row.wer:.2f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="new folder of the exports")
    parser.add_argument("--clips", type=int, default=60)
    options = parser.parse_args()
    options.work.mkdir(parents=True)
    clips = read_clips(speech_manifest(), str(SPEECH), ["librispeech"])[: options.clips]
    print(markdown([measure(layout, options.work / str(i), clips) for i, layout in enumerate(LAYOUTS)]))


if __name__ == "__main__":
    main()
