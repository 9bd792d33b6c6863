"""The card of a tuned model: what it was made from, how, and what came of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from model.registry import ModelFiles
from model.whisper.tuning_options import Epoch


def model_card(
    base: ModelFiles, clips: str, tune: Mapping[str, Any], training: Mapping[str, Any], history: Sequence[Epoch]
) -> str:
    """A page in Markdown. clips: how many there were of each kind."""
    best = min(history, key=lambda epoch: epoch.held_out_loss)
    options = {**tune, **training}
    return "\n".join(
        [
            f"# Whisper, tuned from {base.name}",
            "",
            f"Made by `beamscribe finetune` from {base.name} (sha256 of its weights {base.sha256}).",
            "A checkpoint in the layout of Hugging Face: `beamscribe transcribe --model` takes this folder.",
            "",
            f"Clips: {clips}.",
            "",
            "| option | value |",
            "| --- | --- |",
            *(f"| {name} | {_written(value)} |" for name, value in options.items()),
            "",
            f"Losses are natural-log, a token. Kept are the weights of epoch {best.epoch}; epoch 0 is untuned.",
            "",
            "| epoch | loss | anchors | held out |",
            "| ---: | ---: | ---: | ---: |",
            *(
                f"| {e.epoch} | {_loss(e.text_loss)} | {_loss(e.anchor_loss)} | {_loss(e.held_out_loss)} |"
                for e in history
            ),
            "",
        ]
    )


def _written(value: Any) -> str:
    return ", ".join(value) or "none" if isinstance(value, (tuple, list)) else f"{value}"


def _loss(loss: float | None) -> str:
    return "" if loss is None else f"{loss:.3f}"
