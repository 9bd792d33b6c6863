"""Speech that is made here: each letter a tone of its own, spaces silent. Enough for a network to learn by heart."""

import json
from pathlib import Path

import numpy as np
import soundfile

from model.ctc.config import CtcConfig
from model.ctc.data import Clip, Clips, write_clips
from model.ctc.features import log_mel
from model.recognizer import SAMPLE_RATE_HZ

TEXTS = ("abba", "cab", "deaf", "bead", "a bed", "face", "fed", "cafe bad")
LETTER_S = 0.12
LOWEST_HZ, STEP = 300, 1.35


def say(text: str, seed: int = 0) -> np.ndarray:
    """[n] float32: tones of LETTER_S in faint noise."""
    random = np.random.default_rng((seed, *text.encode()))
    times = np.arange(int(LETTER_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    envelope = np.sin(np.pi * times / LETTER_S)
    parts = [
        np.zeros_like(times) if letter == " " else envelope * np.sin(2 * np.pi * _pitch(letter) * times)
        for letter in text
    ]
    return (0.3 * np.concatenate(parts) + random.normal(0, 1e-3, len(parts) * len(times))).astype(np.float32)


def toy_clips(folder: Path, config: CtcConfig, texts: tuple[str, ...] = TEXTS) -> Clips:
    """Clips of the texts, kept in a folder."""
    return write_clips(folder, [Clip(text, text, log_mel(say(text), config.log_mel)) for text in texts], config.log_mel)


def write_manifest(folder: Path, texts: tuple[str, ...] = TEXTS) -> Path:
    """Sound files and `manifest.jsonl`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i, text in enumerate(texts):
        soundfile.write(folder / f"{i}.wav", say(text), SAMPLE_RATE_HZ)
        rows.append({"uri": f"{i}.wav", "reference": text})
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return manifest


def _pitch(letter: str) -> float:
    return LOWEST_HZ * STEP ** (ord(letter) - ord("a"))
