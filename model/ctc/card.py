"""The card of a trained model: what it was trained on, how, and what came of it; its curves as a picture."""

from dataclasses import asdict
from pathlib import Path

from PIL import Image, ImageDraw

from model.ctc.config import WEIGHTS_FILE
from model.ctc.progress import Epoch
from model.ctc.train_options import TrainOptions
from model.ctc.training import Trained

CARD_FILE, CURVES_FILE = "README.md", "curves.png"
# of a picture and of the margin around its curves, in pixels
WIDTH, HEIGHT, MARGIN = 720, 360, 48
COLOURS = ((0, 90, 181), (220, 50, 32), (0, 130, 80), (130, 80, 160))


def write_card(folder: Path, trained: Trained, options: TrainOptions, hours: float, n_clips: int) -> None:
    """Writes the page and its picture beside the weights."""
    draw_curves(folder / CURVES_FILE, trained.history)
    (folder / CARD_FILE).write_text(card(folder, trained, options, hours, n_clips), encoding="utf-8")


def card(folder: Path, trained: Trained, options: TrainOptions, hours: float, n_clips: int) -> str:
    """A page in Markdown."""
    config = trained.config
    weights_mb = (folder / WEIGHTS_FILE).stat().st_size / 1e6
    values = {**asdict(config), **asdict(options)}
    features = values.pop("log_mel")
    return "\n".join(
        [
            f"# CTC recogniser: {config.architecture}, {config.depth} x {config.width}",
            "",
            "Made by `beamscribe train`; `beamscribe transcribe --model` takes this folder.",
            "",
            f"Data: {n_clips} clips, {hours:.2f} h, of which {trained.n_left_out} were left out: without a text, or "
            "too short for it.",
            f"Size: {trained.n_parameters:,} parameters, {weights_mb:.1f} MB. Language: {config.language}.",
            "",
            f"![curves]({CURVES_FILE})",
            "",
            f"Losses are natural-log, a label. Kept are the weights of epoch {trained.best_epoch}.",
            "",
            "| epoch | loss | development loss | WER | CER |",
            "| ---: | ---: | ---: | ---: | ---: |",
            *(_row(number, epoch) for number, epoch in enumerate(trained.history, 1)),
            "",
            "| option | value |",
            "| --- | --- |",
            *(f"| {name} | {value} |" for name, value in values.items()),
            *(f"| log-mel {name} | {value} |" for name, value in features.items()),
            "",
        ]
    )


def _row(number: int, epoch: Epoch) -> str:
    scored = epoch.development
    cells = (f"{scored.loss:.3f}", f"{scored.wer:.1%}", f"{scored.cer:.1%}") if scored else ("", "", "")
    return f"| {number} | {epoch.loss:.3f} | {' | '.join(cells)} |"


def draw_curves(path: Path, history: tuple[Epoch, ...]) -> None:
    """Each figure over the epochs, from zero to its own highest value, which stands beside its name."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(picture)
    left, right, top, bottom = MARGIN, WIDTH - MARGIN, MARGIN, HEIGHT - MARGIN
    pen.line([(left, top), (left, bottom), (right, bottom)], fill="black")
    pen.text((left, bottom + 8), "epoch 1", fill="black")
    pen.text((right - 24, bottom + 8), str(len(history)), fill="black")
    for i, name in enumerate(history[0].figures()):
        values = [epoch.figures()[name] for epoch in history]
        highest = max(values) or 1.0
        step = (right - left) / max(1, len(values) - 1)
        points = [(left + k * step, bottom - (bottom - top) * value / highest) for k, value in enumerate(values)]
        pen.line(points if len(points) > 1 else points * 2, fill=COLOURS[i], width=2)
        pen.text((left + 160 * i, 16), f"{name} (to {highest:.3g})", fill=COLOURS[i])
    picture.save(path)
