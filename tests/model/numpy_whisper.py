"""Whisper in plain NumPy from Hugging Face's weights, written from the paper: what the real network must agree with."""

import math

import numpy as np

Tensors = dict[str, np.ndarray]
erf = np.vectorize(math.erf)


def reference_logits(tensors: Tensors, n_head: int, mel: np.ndarray, tokens: list[int]) -> np.ndarray:
    """Log-mel [n_mels, n_frames] and tokens -> scores [n_tokens, n_vocab], in float64."""
    w = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    audio = encode(w, n_head, mel.astype(np.float64))
    x = w["decoder.embed_tokens.weight"][tokens] + w["decoder.embed_positions.weight"][: len(tokens)]
    hidden = np.triu(np.full((len(tokens), len(tokens)), -np.inf), k=1)
    for layer in layers(w, "decoder"):
        normed = norm(w, f"{layer}.self_attn_layer_norm", x)
        x = x + attention(w, f"{layer}.self_attn", n_head, normed, normed, hidden)
        x = x + attention(w, f"{layer}.encoder_attn", n_head, norm(w, f"{layer}.encoder_attn_layer_norm", x), audio)
        x = x + feed_forward(w, layer, x)
    return norm(w, "decoder.layer_norm", x) @ w["decoder.embed_tokens.weight"].T


def encode(w: Tensors, n_head: int, mel: np.ndarray) -> np.ndarray:
    x = gelu(convolution(w, "encoder.conv1", mel, stride=1))
    x = gelu(convolution(w, "encoder.conv2", x, stride=2)).T + w["encoder.embed_positions.weight"]
    for layer in layers(w, "encoder"):
        normed = norm(w, f"{layer}.self_attn_layer_norm", x)
        x = x + attention(w, f"{layer}.self_attn", n_head, normed, normed)
        x = x + feed_forward(w, layer, x)
    return norm(w, "encoder.layer_norm", x)


def layers(w: Tensors, side: str) -> list[str]:
    return sorted({".".join(name.split(".")[:3]) for name in w if name.startswith(f"{side}.layers.")})


def convolution(w: Tensors, name: str, x: np.ndarray, stride: int) -> np.ndarray:
    """[n_in, n_frames] -> [n_out, n_frames / stride], kernel 3, padded by one frame on either side."""
    padded = np.pad(x, ((0, 0), (1, 1)))
    starts = range(0, x.shape[1], stride)
    columns = [np.einsum("oik,ik->o", w[f"{name}.weight"], padded[:, start : start + 3]) for start in starts]
    return np.stack(columns, axis=1) + w[f"{name}.bias"][:, None]


def attention(w: Tensors, name: str, n_head: int, x: np.ndarray, source: np.ndarray, mask: np.ndarray | float = 0.0):
    queries, keys, values = (
        linear(w, f"{name}.q_proj", x),
        linear(w, f"{name}.k_proj", source),
        linear(w, f"{name}.v_proj", source),
    )
    mixed = []
    for q, k, v in zip(*(np.split(part, n_head, axis=1) for part in (queries, keys, values)), strict=True):
        scores = np.exp(q @ k.T / math.sqrt(q.shape[1]) + mask)
        mixed.append(scores / scores.sum(axis=1, keepdims=True) @ v)
    return linear(w, f"{name}.out_proj", np.concatenate(mixed, axis=1))


def feed_forward(w: Tensors, layer: str, x: np.ndarray) -> np.ndarray:
    return linear(w, f"{layer}.fc2", gelu(linear(w, f"{layer}.fc1", norm(w, f"{layer}.final_layer_norm", x))))


def linear(w: Tensors, name: str, x: np.ndarray) -> np.ndarray:
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)


def norm(w: Tensors, name: str, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + erf(x / math.sqrt(2))) / 2
