"""Whisper checkpoints as Hugging Face Transformers saves them: config.json and one or more .safetensors files.

Layout of a .safetensors file: https://huggingface.co/docs/safetensors (a u64 length, a JSON header, then the bytes).
Read here rather than by its package because that has no NumPy type for bfloat16, and headers are enough to check.
"""

import json
import struct
from pathlib import Path
from typing import Any

from model.errors import BeamscribeError
from model.whisper.dimensions import Dimensions, weight_shapes
from model.whisper.tensor_file import StoredCheckpoint, StoredTensor, file_size, read_json

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
MEND = "copy the model again from where it came"
TYPE_OF_NAME = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}

# OpenAI's part of a block -> Hugging Face's part of a layer
LAYER_PARTS = {
    "attn.query": "self_attn.q_proj",
    "attn.key": "self_attn.k_proj",
    "attn.value": "self_attn.v_proj",
    "attn.out": "self_attn.out_proj",
    "attn_ln": "self_attn_layer_norm",
    "cross_attn.query": "encoder_attn.q_proj",
    "cross_attn.key": "encoder_attn.k_proj",
    "cross_attn.value": "encoder_attn.v_proj",
    "cross_attn.out": "encoder_attn.out_proj",
    "cross_attn_ln": "encoder_attn_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
    "mlp_ln": "final_layer_norm",
}
OUTER_PARTS = {
    "encoder.positional_embedding": "encoder.embed_positions.weight",
    "encoder.ln_post.weight": "encoder.layer_norm.weight",
    "encoder.ln_post.bias": "encoder.layer_norm.bias",
    "decoder.token_embedding.weight": "decoder.embed_tokens.weight",
    "decoder.positional_embedding": "decoder.embed_positions.weight",
    "decoder.ln.weight": "decoder.layer_norm.weight",
    "decoder.ln.bias": "decoder.layer_norm.bias",
}


def is_huggingface_folder(folder: Path) -> bool:
    return (folder / WEIGHTS_FILE).exists() or (folder / INDEX_FILE).exists()


def read_stored(folder: Path) -> StoredCheckpoint:
    """The checkpoint in a Hugging Face folder, from the headers alone; BeamscribeError where it is broken."""
    config = read_json(folder / "config.json", MEND)
    dims = _dimensions(folder / "config.json", config)
    generation_file = folder / "generation_config.json"
    generation = read_json(generation_file, MEND) if generation_file.exists() else {}
    files = _weight_files(folder)
    stored = {name: tensor for file in files for name, tensor in read_headers(file).items()}
    _check_output(folder, config, stored)
    names = {name: huggingface_name(name) for name in weight_shapes(dims)}
    # WhisperModel saves the names that WhisperForConditionalGeneration prefixes with "model."
    found = {name: stored.get(f"model.{theirs}") or stored.get(theirs) for name, theirs in names.items()}

    def setting(key: str) -> Any:
        return config.get(key) if generation.get(key) is None else generation[key]

    return StoredCheckpoint(
        dims=dims,
        tensors={name: tensor for name, tensor in found.items() if tensor},
        weight_files=files,
        settings={
            "alignment_heads": setting("alignment_heads"),
            "suppress_tokens": setting("suppress_tokens"),
            "suppress_at_begin": setting("begin_suppress_tokens"),
        },
    )


def huggingface_name(name: str) -> str:
    """Hugging Face's name (without its "model.") of a weight in OpenAI's names."""
    if name in OUTER_PARTS:
        return OUTER_PARTS[name]
    side, blocks, *rest = name.split(".")
    if blocks != "blocks":
        return name
    layer, part, kind = rest[0], ".".join(rest[1:-1]), rest[-1]
    return f"{side}.layers.{layer}.{LAYER_PARTS[part]}.{kind}"


def read_headers(path: Path) -> dict[str, StoredTensor]:
    """Every floating-point tensor of a .safetensors file by name, without reading the numbers."""
    size = file_size(path)
    try:
        with path.open("rb") as file:
            (header_bytes,) = struct.unpack("<Q", file.read(8))
            # read(n) allocates n bytes at once: a corrupt length must not
            header = json.loads(file.read(min(header_bytes, size)))
        start = 8 + header_bytes
        header.pop("__metadata__", None)
        if start + max(entry["data_offsets"][1] for entry in header.values()) != size:
            raise ValueError("the tensors do not fill the file")
        tensors = {
            name: _stored_tensor(path, start, entry) for name, entry in header.items() if entry["dtype"] in TYPE_OF_NAME
        }
    except (struct.error, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BeamscribeError(f"{path} is truncated or corrupt ({size} bytes): {MEND}") from error
    return tensors


def _stored_tensor(path: Path, start: int, entry: dict) -> StoredTensor:
    begin, end = entry["data_offsets"]
    tensor = StoredTensor(path, TYPE_OF_NAME[entry["dtype"]], tuple(entry["shape"]), start + begin)
    if tensor.n_bytes != end - begin or begin < 0:
        raise ValueError("a tensor does not fit its place in the file")
    return tensor


def _weight_files(folder: Path) -> tuple[Path, ...]:
    if (folder / WEIGHTS_FILE).exists():
        return (folder / WEIGHTS_FILE,)
    shards = read_json(folder / INDEX_FILE, MEND).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()) or not shards:
        raise BeamscribeError(f"{folder / INDEX_FILE} names no files: {MEND}")
    files = tuple(folder / name for name in sorted(set(shards.values())))
    for file in files:
        if not file.exists():
            raise BeamscribeError(f"{file} is missing ({INDEX_FILE} names it): {MEND}")
    return files


def _dimensions(path: Path, config: dict) -> Dimensions:
    if config.get("model_type") != "whisper":
        raise BeamscribeError(
            f"{path} describes a {config.get('model_type')} model: give the folder of a Whisper model"
        )
    try:
        return Dimensions(
            n_mels=int(config["num_mel_bins"]),
            n_vocab=int(config["vocab_size"]),
            n_audio_ctx=int(config["max_source_positions"]),
            n_audio_state=int(config["d_model"]),
            n_audio_head=int(config["encoder_attention_heads"]),
            n_audio_layer=int(config["encoder_layers"]),
            n_text_ctx=int(config["max_target_positions"]),
            n_text_state=int(config["d_model"]),
            n_text_head=int(config["decoder_attention_heads"]),
            n_text_layer=int(config["decoder_layers"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BeamscribeError(f"{path} lacks a usable {error}: {MEND}") from error


def _check_output(folder: Path, config: dict, stored: dict[str, StoredTensor]) -> None:
    """Refuses variants whose numbers the network would get wrong."""
    untied = not config.get("tie_word_embeddings", True) and "proj_out.weight" in stored
    activation = config.get("activation_function", "gelu")
    if untied or activation != "gelu" or config.get("scale_embedding"):
        raise BeamscribeError(
            f"{folder / 'config.json'} asks for untied output embeddings, scaled embeddings or another activation "
            "than gelu: such variants of Whisper are not supported, give another model"
        )
