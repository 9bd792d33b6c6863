"""A random Whisper of a few thousand weights, as Hugging Face and CTranslate2 save it."""

import json
from pathlib import Path

import numpy as np
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.model_spec import LayerSpec
from safetensors.numpy import save_file

N_HEAD = 2
CONFIG = {
    "model_type": "whisper",
    "num_mel_bins": 8,
    "vocab_size": 50,
    "d_model": 16,
    "max_source_positions": 20,
    "max_target_positions": 12,
    "encoder_layers": 2,
    "encoder_attention_heads": N_HEAD,
    "decoder_layers": 3,
    "decoder_attention_heads": N_HEAD,
    "suppress_tokens": [3, 4],
    "begin_suppress_tokens": [5],
}
Tensors = dict[str, np.ndarray]


def random_tensors(config: dict = CONFIG) -> Tensors:
    """Weights under Hugging Face's names, without the "model." before them."""
    width, rng = config["d_model"], np.random.default_rng(7)

    def linear(name: str, n_out: int, *n_in: int, bias: bool = True) -> Tensors:
        weight = {f"{name}.weight": rng.normal(0, 0.3, (n_out, *n_in)).astype(np.float32)}
        return weight | ({f"{name}.bias": rng.normal(0, 0.3, n_out).astype(np.float32)} if bias else {})

    def norm(name: str) -> Tensors:
        return {f"{name}.{kind}": rng.normal(0.5, 0.3, width).astype(np.float32) for kind in ("weight", "bias")}

    def layer(name: str, *attentions: str) -> Tensors:
        tensors = linear(f"{name}.fc1", 4 * width, width) | linear(f"{name}.fc2", width, 4 * width)
        for attention in attentions:
            for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
                tensors |= linear(f"{name}.{attention}.{projection}", width, width, bias=projection != "k_proj")
            tensors |= norm(f"{name}.{attention}_layer_norm")
        return tensors | norm(f"{name}.final_layer_norm")

    tensors = linear("encoder.conv1", width, config["num_mel_bins"], 3) | linear("encoder.conv2", width, width, 3)
    tensors |= linear("encoder.embed_positions", config["max_source_positions"], width, bias=False)
    tensors |= linear("decoder.embed_tokens", config["vocab_size"], width, bias=False)
    tensors |= linear("decoder.embed_positions", config["max_target_positions"], width, bias=False)
    for number in range(config["encoder_layers"]):
        tensors |= layer(f"encoder.layers.{number}", "self_attn")
    for number in range(config["decoder_layers"]):
        tensors |= layer(f"decoder.layers.{number}", "self_attn", "encoder_attn")
    return tensors | norm("encoder.layer_norm") | norm("decoder.layer_norm")


def write_huggingface(
    folder: Path, tensors: Tensors, config: dict = CONFIG, n_shards: int = 1, prefix: str = "model."
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    tensors = {prefix + name: tensor for name, tensor in tensors.items()}
    if n_shards == 1:
        return save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    weight_map = {name: f"model-{i % n_shards + 1:05}-of-{n_shards:05}.safetensors" for i, name in enumerate(tensors)}
    for file in set(weight_map.values()):
        save_file({name: tensors[name] for name in tensors if weight_map[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def write_ctranslate2(
    folder: Path, tensors: Tensors, quantization: str | None = None, encoder_positions: bool = True, tied: bool = True
) -> None:
    """Saves by CTranslate2's own writer."""
    spec = WhisperSpec(CONFIG["encoder_layers"], N_HEAD, CONFIG["decoder_layers"], N_HEAD)
    _fill(spec.encoder.conv1, tensors, "encoder.conv1")
    _fill(spec.encoder.conv2, tensors, "encoder.conv2")
    for side, module in (("encoder", spec.encoder), ("decoder", spec.decoder)):
        _fill_norm(module.layer_norm, tensors, f"{side}.layer_norm")
        if side == "decoder" or encoder_positions:
            module.position_encodings.encodings = tensors[f"{side}.embed_positions.weight"].copy()
        for number, layer in enumerate(module.layer):
            _fill_layer(layer, tensors, f"{side}.layers.{number}")
    spec.decoder.embeddings.weight = tensors["decoder.embed_tokens.weight"].copy()
    # CTranslate2's writer stores equal arrays once
    spec.decoder.projection.weight = tensors["decoder.embed_tokens.weight"] * (1 if tied else 2)
    spec.config.suppress_ids = CONFIG["suppress_tokens"]
    spec.config.suppress_ids_begin = CONFIG["begin_suppress_tokens"]
    spec.config.alignment_heads = [[2, 0], [2, 1]]
    spec.register_vocabulary([str(token) for token in range(CONFIG["vocab_size"])])
    spec.validate()
    spec.optimize(quantization)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))


def _fill_layer(layer: LayerSpec, tensors: Tensors, name: str) -> None:
    attention = f"{name}.self_attn"
    zero_bias = {f"{attention}.k_proj.bias": np.zeros(CONFIG["d_model"], np.float32)}
    _fill(layer.self_attention.linear[0], tensors | zero_bias, *(f"{attention}.{x}_proj" for x in "qkv"))
    _fill(layer.self_attention.linear[1], tensors, f"{attention}.out_proj")
    _fill_norm(layer.self_attention.layer_norm, tensors, f"{attention}_layer_norm")
    if hasattr(layer, "attention"):
        attention = f"{name}.encoder_attn"
        zero_bias = {f"{attention}.k_proj.bias": np.zeros(CONFIG["d_model"], np.float32)}
        _fill(layer.attention.linear[0], tensors, f"{attention}.q_proj")
        _fill(layer.attention.linear[1], tensors | zero_bias, f"{attention}.k_proj", f"{attention}.v_proj")
        _fill(layer.attention.linear[2], tensors, f"{attention}.out_proj")
        _fill_norm(layer.attention.layer_norm, tensors, f"{attention}_layer_norm")
    _fill(layer.ffn.linear_0, tensors, f"{name}.fc1")
    _fill(layer.ffn.linear_1, tensors, f"{name}.fc2")
    _fill_norm(layer.ffn.layer_norm, tensors, f"{name}.final_layer_norm")


def _fill(linear: LayerSpec, tensors: Tensors, *names: str) -> None:
    linear.weight = np.concatenate([tensors[f"{name}.weight"] for name in names])
    linear.bias = np.concatenate([tensors[f"{name}.bias"] for name in names])


def _fill_norm(norm: LayerSpec, tensors: Tensors, name: str) -> None:
    norm.gamma, norm.beta = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
