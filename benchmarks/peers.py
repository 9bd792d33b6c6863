"""The engines that are compared: each hears clips with the same weights, in float32, with a beam of 5.

In all else every engine is left at its defaults, and none is told the language.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import ctranslate2
import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from ours import transcribe
from wer import Clip, read_transcripts

from model.recognizer import SAMPLE_RATE_HZ
from model.registry import ModelFiles
from model.whisper.checkpoint import load_checkpoint
from transforms.audio import AudioDecodeError, open_audio
from transforms.channels import mix
from transforms.resample import Resampler

BEAM_SIZE = 5
ENGINES = ("beamscribe", "faster-whisper", "faster-whisper-batched", "openai-whisper")
NOT_INSTALLED = "not installed"


@dataclass(frozen=True)
class Heard:
    """What an engine made of one clip; neither text nor language where it failed."""

    text: str | None
    language: str | None


@dataclass(frozen=True)
class EngineRun:
    """What one engine heard, by uri, and what it was."""

    version: str
    model_sha256: str
    heard: dict[str, Heard]


@dataclass(frozen=True)
class Setup:
    """What the engines are run with."""

    model: ModelFiles
    # of the engines compared with; Beamscribe takes what there is
    threads: int
    # interpreter of an environment with openai-whisper: its torch does not belong into ours
    openai_python: str | None


def hear(engine: str, clips: Sequence[Clip], setup: Setup) -> EngineRun | str:
    """What the engine hears in the clips, or why it cannot be asked."""
    if engine == "beamscribe":
        return hear_with_beamscribe(clips, setup)
    if engine != "openai-whisper":
        return hear_with_faster_whisper(clips, setup, batched=engine == "faster-whisper-batched")
    return hear_with_openai_whisper(clips, setup, setup.openai_python) if setup.openai_python else NOT_INSTALLED


def hear_with_beamscribe(clips: Sequence[Clip], setup: Setup) -> EngineRun:
    """One run of the main job into a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        manifest, output = Path(folder, "clips.jsonl"), Path(folder, "out")
        manifest.write_text("".join(json.dumps({"uri": clip.uri}) + "\n" for clip in clips))
        transcribe([manifest], output, ["--model", setup.model.name, "--beam_size", str(BEAM_SIZE), "--exact"])
        rows = {row["uri"]: Heard(row["text"], row["language"]) for row in read_transcripts(output)}
    engine = f"Beamscribe {version('beamscribe')}, TensorFlow {version('tensorflow')}"
    return EngineRun(engine, setup.model.sha256, {c.uri: rows.get(c.uri, Heard(None, None)) for c in clips})


def hear_with_faster_whisper(clips: Sequence[Clip], setup: Setup, batched: bool) -> EngineRun:
    """Its sequential transcription, or its batched pipeline, which cuts at pauses first."""
    # where the search fails its checks it samples, so a fixed seed is what makes its figures repeat
    ctranslate2.set_random_seed(0)
    folder = str(setup.model.folder)
    model = WhisperModel(folder, device="cpu", compute_type="float32", cpu_threads=setup.threads, local_files_only=True)
    engine = BatchedInferencePipeline(model) if batched else model
    heard = {}
    for clip in clips:
        segments, info = engine.transcribe(clip.uri, beam_size=BEAM_SIZE)
        heard[clip.uri] = Heard(" ".join(segment.text.strip() for segment in segments), info.language)
    versions = f"faster-whisper {version('faster-whisper')}, CTranslate2 {version('ctranslate2')}"
    return EngineRun(versions, setup.model.sha256, heard)


def hear_with_openai_whisper(clips: Sequence[Clip], setup: Setup, python: str) -> EngineRun:
    """Its transcription, in an environment of its own: weights and samples are handed over in a temporary folder.

    It would decode with an installed ffmpeg; so that it needs none, the samples are decoded here.
    """
    checkpoint = load_checkpoint(setup.model.folder)
    job = {
        "dims": asdict(checkpoint.dims),
        "beam_size": BEAM_SIZE,
        "threads": setup.threads,
        "n_clips": len(clips),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.json").write_text(json.dumps(job))
        np.savez(folder / "weights.npz", **checkpoint.weights)  # type: ignore[arg-type]  # takes names for its flag
        for index, clip in enumerate(clips):
            np.save(folder / f"{index}.npy", read_samples(Path(clip.uri)))
        peer = Path(__file__).with_name("openai_whisper_peer.py")
        run = subprocess.run([python, str(peer), name], check=False)
        if run.returncode:
            raise SystemExit(f"{python} {peer.name} ended with {run.returncode}: is openai-whisper installed there?")
        rows = [json.loads(line) for line in (folder / "heard.jsonl").read_text().splitlines()]
        versions = (folder / "version.txt").read_text()
    heard = {clip.uri: Heard(**row) for clip, row in zip(clips, rows, strict=True)}
    return EngineRun(versions, setup.model.sha256, heard)


def read_samples(path: Path) -> np.ndarray:
    """All channels of a file mixed, float32 [n] at 16 kHz; of a damaged one what can be decoded."""
    with path.open("rb") as file, open_audio(file) as stream:
        resampler = Resampler(stream.info.sample_rate_hz, SAMPLE_RATE_HZ)
        pieces = []
        try:
            for block in stream.blocks():
                pieces.append(resampler.push(mix(block)[:, None]))
        except AudioDecodeError:
            print(f"{path} is damaged: what can be decoded is transcribed")
        return np.concatenate([*pieces, resampler.flush()])[:, 0]
