"""A Whisper checkpoint as a Hugging Face folder, which `model.whisper.huggingface_format` and other tools read.

config.json, generation_config.json and model.safetensors are written from the checkpoint; tokenizer.json is copied.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from model.tensor_writing import write_tensors
from model.whisper.checkpoint import Checkpoint
from model.whisper.huggingface_format import WEIGHTS_FILE, huggingface_name
from model.whisper.tokenizer import TOKENIZER_FILE, WhisperTokenizer


def write_huggingface(checkpoint: Checkpoint, tokenizer: WhisperTokenizer, folder: Path) -> None:
    """Writes the folder, float32. The weights come last: a folder with weights is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    if tokenizer.path.resolve() != (folder / TOKENIZER_FILE).resolve():
        shutil.copyfile(tokenizer.path, folder / TOKENIZER_FILE)
    _write_json(folder / "config.json", _config(checkpoint, tokenizer))
    _write_json(folder / "generation_config.json", _generation_config(checkpoint, tokenizer))
    tensors = {f"model.{huggingface_name(name)}": weight for name, weight in checkpoint.weights.items()}
    write_tensors(folder / WEIGHTS_FILE, tensors, {"format": "pt"})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _config(checkpoint: Checkpoint, tokenizer: WhisperTokenizer) -> dict[str, Any]:
    dims = checkpoint.dims
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "activation_function": "gelu",
        "bos_token_id": tokenizer.eot,
        "d_model": dims.n_text_state,
        "decoder_attention_heads": dims.n_text_head,
        "decoder_ffn_dim": 4 * dims.n_text_state,
        "decoder_layers": dims.n_text_layer,
        "decoder_start_token_id": tokenizer.sot,
        "encoder_attention_heads": dims.n_audio_head,
        "encoder_ffn_dim": 4 * dims.n_audio_state,
        "encoder_layers": dims.n_audio_layer,
        "eos_token_id": tokenizer.eot,
        "is_encoder_decoder": True,
        "max_source_positions": dims.n_audio_ctx,
        "max_target_positions": dims.n_text_ctx,
        "num_mel_bins": dims.n_mels,
        "pad_token_id": tokenizer.eot,
        "scale_embedding": False,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "vocab_size": dims.n_vocab,
        **_token_rules(checkpoint),
    }


def _generation_config(checkpoint: Checkpoint, tokenizer: WhisperTokenizer) -> dict[str, Any]:
    languages = {f"<|{code}|>": token for code, token in tokenizer.language_tokens.items()}
    of_languages = {
        "lang_to_id": languages,
        "task_to_id": {"transcribe": tokenizer.transcribe, "translate": tokenizer.translate},
    }
    return {
        "alignment_heads": [list(head) for head in checkpoint.alignment_heads],
        "bos_token_id": tokenizer.eot,
        "decoder_start_token_id": tokenizer.sot,
        "eos_token_id": tokenizer.eot,
        "pad_token_id": tokenizer.eot,
        "is_multilingual": tokenizer.multilingual,
        "max_initial_timestamp_index": 50,
        "max_length": checkpoint.dims.n_text_ctx,
        "no_timestamps_token_id": tokenizer.no_timestamps,
        "prev_sot_token_id": tokenizer.sot_prev,
        "return_timestamps": False,
        **_token_rules(checkpoint),
        **(of_languages if tokenizer.multilingual else {}),
    }


def _token_rules(checkpoint: Checkpoint) -> dict[str, list[int]]:
    return {
        "suppress_tokens": list(checkpoint.suppress_tokens),
        "begin_suppress_tokens": list(checkpoint.suppress_at_begin),
    }
