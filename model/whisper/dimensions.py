"""The sizes of a Whisper network and the shapes of its weights, in OpenAI's names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dimensions:
    """Sizes of a Whisper network, named as in openai/whisper."""

    n_mels: int
    n_vocab: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int


def weight_shapes(dims: Dimensions) -> dict[str, tuple[int, ...]]:
    """Shape of every weight of a network of these sizes."""
    n_state = dims.n_audio_state
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.conv1.weight": (n_state, dims.n_mels, 3),
        "encoder.conv1.bias": (n_state,),
        "encoder.conv2.weight": (n_state, n_state, 3),
        "encoder.conv2.bias": (n_state,),
        "encoder.positional_embedding": (dims.n_audio_ctx, n_state),
        **_norm_shapes("encoder.ln_post", n_state),
        "decoder.token_embedding.weight": (dims.n_vocab, dims.n_text_state),
        "decoder.positional_embedding": (dims.n_text_ctx, dims.n_text_state),
        **_norm_shapes("decoder.ln", dims.n_text_state),
    }
    for layer in range(dims.n_audio_layer):
        shapes |= _block_shapes(f"encoder.blocks.{layer}", n_state, ("attn",))
    for layer in range(dims.n_text_layer):
        shapes |= _block_shapes(f"decoder.blocks.{layer}", dims.n_text_state, ("attn", "cross_attn"))
    return shapes


def _norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _block_shapes(block: str, width: int, attentions: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        f"{block}.mlp.0.weight": (4 * width, width),
        f"{block}.mlp.0.bias": (4 * width,),
        f"{block}.mlp.2.weight": (width, 4 * width),
        f"{block}.mlp.2.bias": (width,),
        **_norm_shapes(f"{block}.mlp_ln", width),
    }
    for attention in attentions:
        shapes |= _norm_shapes(f"{block}.{attention}_ln", width)
        for linear in ("query", "key", "value", "out"):
            shapes[f"{block}.{attention}.{linear}.weight"] = (width, width)
            if linear != "key":
                shapes[f"{block}.{attention}.{linear}.bias"] = (width,)
    return shapes
