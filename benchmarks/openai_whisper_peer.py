"""Transcribes with openai-whisper what benchmarks/peers.py put into a folder. Needs openai-whisper and nothing of ours.

    PYTHON_WITH_OPENAI_WHISPER benchmarks/openai_whisper_peer.py FOLDER

FOLDER holds `job.json` (dims, beam_size, threads, n_clips), `weights.npz` (float32, in the names of its state dict)
and `0.npy` … (float32 samples at 16 kHz). Writes `heard.jsonl`, {text, language} a clip, and `version.txt`.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import whisper

# candidates drawn where the search fails its checks: the default of its command line
BEST_OF = 5


def load(dims: dict[str, int], weights: Mapping[str, np.ndarray]) -> whisper.Whisper:
    """The network of these sizes with these weights, all of them and no others."""
    model = whisper.Whisper(whisper.ModelDimensions(**dims))
    model.load_state_dict({name: torch.from_numpy(weight) for name, weight in weights.items()}, strict=True)
    return model.eval()


def main() -> None:
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    torch.set_num_threads(job["threads"])
    # where the search fails its checks it samples, so a fixed seed is what makes its figures repeat
    torch.manual_seed(0)
    with np.load(folder / "weights.npz") as weights:
        model = load(job["dims"], weights)
    with (folder / "heard.jsonl").open("w") as sink:
        for index in range(job["n_clips"]):
            samples = np.load(folder / f"{index}.npy")
            heard = whisper.transcribe(model, samples, beam_size=job["beam_size"], best_of=BEST_OF, fp16=False)
            sink.write(json.dumps({"text": heard["text"].strip(), "language": heard["language"]}) + "\n")
    (folder / "version.txt").write_text(f"openai-whisper {whisper.__version__}, torch {torch.__version__}")


if __name__ == "__main__":
    main()
