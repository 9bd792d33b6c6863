"""Whisper checkpoints as CTranslate2 writes them (and faster-whisper reads them): model.bin and config.json.

Layout of model.bin: the writer `ModelSpec._serialize` of https://github.com/OpenNMT/CTranslate2, binary version 6.
All numbers are little-endian; a string is its length as u16, then its bytes with a closing NUL.
"""

import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from model.errors import BeamscribeError
from model.whisper.dimensions import Dimensions
from model.whisper.tensor_file import StoredCheckpoint, StoredTensor, file_size, read_json

WEIGHTS_FILE = "model.bin"
ENCODER_POSITIONS = "encoder/position_encodings/encodings"
MEND = "copy the model again from where it came, or convert it again with ct2-transformers-converter"
# version 4 brought the type byte that the walk below relies on
BINARY_VERSIONS = range(4, 7)
TYPE_OF_CODE = dict(enumerate(("float32", "int8", "int16", "int32", "float16", "bfloat16")))

# one name of CTranslate2 -> the names of OpenAI that it stands for
Names = dict[str, tuple[str, ...]]

# CTranslate2's name in a layer -> OpenAI's; several where CTranslate2 stacks their rows in one matrix
SELF_ATTENTION: Names = {"linear_0": ("attn.query", "attn.key", "attn.value"), "linear_1": ("attn.out",)}
CROSS_ATTENTION: Names = {
    "linear_0": ("cross_attn.query",),
    "linear_1": ("cross_attn.key", "cross_attn.value"),
    "linear_2": ("cross_attn.out",),
}
FEED_FORWARD: Names = {"linear_0": ("mlp.0",), "linear_1": ("mlp.2",)}


def read_stored(folder: Path) -> StoredCheckpoint:
    """The checkpoint in a CTranslate2 folder, from the headers alone; BeamscribeError where it is broken."""
    config = read_json(folder / "config.json", MEND)
    path = folder / WEIGHTS_FILE
    stored = read_headers(path)
    dims = _dimensions(path, stored)
    _check_output(path, stored)
    return StoredCheckpoint(
        dims=dims,
        tensors=_openai_tensors(path, stored, dims),
        weight_files=(path,),
        settings={
            "alignment_heads": config.get("alignment_heads"),
            "suppress_tokens": config.get("suppress_ids"),
            "suppress_at_begin": config.get("suppress_ids_begin"),
        },
    )


def read_headers(path: Path) -> dict[str, StoredTensor]:
    """Every tensor of a model.bin by name, aliases and scales resolved, without reading the numbers."""
    size = file_size(path)
    try:
        with path.open("rb") as file:
            _check_kind(path, file)
            tensors = dict(_read_tensor_header(path, file, size) for _ in range(_number(file, "I")))
            for _ in range(_number(file, "I")):
                alias, target = _string(file), _string(file)
                tensors[alias] = tensors[target]
            if file.tell() != size:
                raise EOFError
    except (struct.error, EOFError, UnicodeDecodeError, KeyError) as error:
        raise BeamscribeError(f"{path} is truncated or corrupt ({size} bytes): {MEND}") from error
    return {name: replace(tensor, scale=tensors.get(f"{name}_scale")) for name, tensor in tensors.items()}


def _check_kind(path: Path, file: BinaryIO) -> None:
    version = _number(file, "I")
    if version not in BINARY_VERSIONS:
        raise BeamscribeError(f"{path} is not a CTranslate2 model of version 4 to 6 (found {version}): {MEND}")
    spec, _revision = _string(file), _number(file, "I")
    if spec != "WhisperSpec":
        raise BeamscribeError(f"{path} holds a {spec}, not a Whisper model: give the folder of a Whisper model")


def _read_tensor_header(path: Path, file: BinaryIO, size: int) -> tuple[str, StoredTensor]:
    name = _string(file)
    shape = tuple(_number(file, "I") for _ in range(_number(file, "B")))
    dtype = TYPE_OF_CODE[_number(file, "B")]
    n_bytes = _number(file, "I")
    tensor = StoredTensor(path, dtype, shape, file.tell())
    if tensor.n_bytes != n_bytes or tensor.offset + n_bytes > size:
        raise BeamscribeError(f"{path} is truncated or corrupt at {name} ({size} bytes): {MEND}")
    file.seek(n_bytes, 1)
    return name, tensor


def _number(file: BinaryIO, code: str) -> int:
    return struct.unpack(f"<{code}", file.read(struct.calcsize(code)))[0]


def _string(file: BinaryIO) -> str:
    n_bytes = _number(file, "H")
    text = file.read(n_bytes)
    if len(text) != n_bytes:
        raise EOFError
    return text.rstrip(b"\0").decode("ascii")


def _dimensions(path: Path, stored: dict[str, StoredTensor]) -> Dimensions:
    def shape(name: str, rank: int) -> tuple[int, ...]:
        if name not in stored or len(stored[name].shape) != rank:
            raise BeamscribeError(f"{path} has no tensor {name} of rank {rank}: {MEND}")
        return stored[name].shape

    def number(name: str) -> int:
        shape(name, 0)
        return int(stored[name].read())

    n_audio_state, n_mels, _ = shape("encoder/conv1/weight", 3)
    n_vocab, n_text_state = shape("decoder/embeddings/weight", 2)
    # files of before the encoder's positions were stored: they are always computed, for 30 s at 50 frames a second
    n_audio_ctx = shape(ENCODER_POSITIONS, 2)[0] if ENCODER_POSITIONS in stored else 1500
    return Dimensions(
        n_mels=n_mels,
        n_vocab=n_vocab,
        n_audio_ctx=n_audio_ctx,
        n_audio_state=n_audio_state,
        n_audio_head=number("encoder/num_heads"),
        n_audio_layer=_n_layers("encoder", stored),
        n_text_ctx=shape("decoder/position_encodings/encodings", 2)[0],
        n_text_state=n_text_state,
        n_text_head=number("decoder/num_heads"),
        n_text_layer=_n_layers("decoder", stored),
    )


def _check_output(path: Path, stored: dict[str, StoredTensor]) -> None:
    """Refuses output embeddings of their own, which the network has no place for."""
    projection = stored.get("decoder/projection/weight")
    if projection and projection.offset != stored["decoder/embeddings/weight"].offset:
        raise BeamscribeError(f"{path} has untied output embeddings, which are not supported: give another model")


def _n_layers(side: str, stored: dict[str, StoredTensor]) -> int:
    numbers = (re.match(rf"{side}/layer_(\d+)/", name) for name in stored)
    return len({number[1] for number in numbers if number})


def _openai_tensors(path: Path, stored: dict[str, StoredTensor], dims: Dimensions) -> dict[str, StoredTensor]:
    """The stored tensors under OpenAI's names, stacked matrices cut into theirs."""
    tensors = {}
    for name, parts in _names(dims).items():
        tensor = stored.get(name)
        if tensor is None:
            if name == ENCODER_POSITIONS:
                continue
            raise BeamscribeError(f"{path} has no tensor {name}: {MEND}")
        n_rows, rest = divmod(tensor.shape[0] if tensor.shape else 0, len(parts))
        if rest or not n_rows:
            raise BeamscribeError(f"{path} has tensor {name} of shape {tensor.shape}: {MEND}")
        for position, part in enumerate(parts):
            tensors[part] = tensor.rows(position * n_rows, (position + 1) * n_rows)
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(".key.bias")}


def _names(dims: Dimensions) -> Names:
    """CTranslate2's name of every weight -> OpenAI's names of the equal parts of its rows."""
    names: Names = {
        ENCODER_POSITIONS: ("encoder.positional_embedding",),
        "decoder/position_encodings/encodings": ("decoder.positional_embedding",),
        "decoder/embeddings/weight": ("decoder.token_embedding.weight",),
        **_norm_names("encoder/layer_norm", "encoder.ln_post"),
        **_norm_names("decoder/layer_norm", "decoder.ln"),
    }
    for conv in ("conv1", "conv2"):
        names |= _linear_names(f"encoder/{conv}", (f"encoder.{conv}",))
    for side, n_layers in (("encoder", dims.n_audio_layer), ("decoder", dims.n_text_layer)):
        for layer in range(n_layers):
            names |= _layer_names(side, layer)
    return names


def _layer_names(side: str, layer: int) -> Names:
    parts = {"self_attention": (SELF_ATTENTION, "attn_ln"), "ffn": (FEED_FORWARD, "mlp_ln")}
    if side == "decoder":
        parts["attention"] = (CROSS_ATTENTION, "cross_attn_ln")
    names: Names = {}
    for part, (linears, norm) in parts.items():
        prefix, block = f"{side}/layer_{layer}/{part}", f"{side}.blocks.{layer}"
        names |= _norm_names(f"{prefix}/layer_norm", f"{block}.{norm}")
        for linear, targets in linears.items():
            names |= _linear_names(f"{prefix}/{linear}", tuple(f"{block}.{target}" for target in targets))
    return names


def _linear_names(name: str, targets: tuple[str, ...]) -> Names:
    return {f"{name}/{kind}": tuple(f"{target}.{kind}" for target in targets) for kind in ("weight", "bias")}


def _norm_names(name: str, target: str) -> Names:
    return {f"{name}/gamma": (f"{target}.weight",), f"{name}/beta": (f"{target}.bias",)}
