"""One engine in a process of its own, for `benchmarks/speed.py`: it loads once and hears what it is told to.

Started as `python benchmarks/speed_child.py ENGINE BEAM_SIZE THREADS MODEL_FOLDER`. Prints a line of JSON when it has
loaded; then for every line of JSON on standard input, a list of paths, one more: seconds, texts and peak memory so far,
its own and that of its largest process beside.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

Hear = Callable[[Sequence[str]], list[str]]


def beamscribe(beam_size: int, threads: int, folder: str, precision: str | None = None, exact: bool = False) -> Hear:
    """Our recogniser without the pipeline: decoding, search for speech, both passes with all guards."""
    from passes import listen_to, texts_of

    from model.precision import fastest_precision
    from model.recognizer import DecodeOptions
    from model.registry import batch_windows_of, load_recognizer, resolve_model
    from model.vad import load_detector
    from transforms.decoder import Decoder

    options = DecodeOptions(
        beam_size=beam_size,
        word_timestamps=False,
        precision=precision or fastest_precision(),
        short_windows=not exact,
    )
    files = resolve_model(folder)
    batch_windows = batch_windows_of(files, options, None)
    model, detector, decoder = load_recognizer(files, options, batch_windows), load_detector(), Decoder()

    def hear(paths: Sequence[str]) -> list[str]:
        tasks = [task for path in paths for task in listen_to(path, detector, decoder)]
        texts = texts_of(tasks, model, batch_windows)
        return [texts.get(path, "") for path in paths]

    return hear


def faster_whisper(beam_size: int, threads: int, folder: str, compute_type: str, batch_size: int | None) -> Hear:
    """faster-whisper with its filter of silence, file by file; batched with its own pipeline."""
    import ctranslate2
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    ctranslate2.set_random_seed(0)
    model = WhisperModel(folder, device="cpu", compute_type=compute_type, cpu_threads=threads, local_files_only=True)
    batched = BatchedInferencePipeline(model) if batch_size else None

    def hear(paths: Sequence[str]) -> list[str]:
        texts = []
        for path in paths:
            if batched:
                found, _ = batched.transcribe(path, beam_size=beam_size, language="en", batch_size=batch_size)
            else:
                found, _ = model.transcribe(path, beam_size=beam_size, language="en", vad_filter=True)
            texts.append(" ".join(segment.text.strip() for segment in found))
        return texts

    return hear


def whisper_cpp(beam_size: int, threads: int, folder: str) -> Hear:
    """whisper.cpp through pywhispercpp, file by file, with its own filter of silence."""
    # its filter of silence always starts four threads, and ones without a processor cost more than all the rest;
    # read where OpenMP is loaded
    os.environ["OMP_THREAD_LIMIT"] = str(threads)
    from whisper_cpp_peer import load

    return load(beam_size, threads, folder)


def openai_whisper(beam_size: int, threads: int, folder: str) -> Hear:
    """openai-whisper, file by file; it has no filter of silence."""
    from dataclasses import asdict

    import torch
    import whisper
    from openai_whisper_peer import BEST_OF, load
    from peers import read_samples

    from model.whisper.checkpoint import load_checkpoint

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    checkpoint = load_checkpoint(Path(folder))
    model = load(asdict(checkpoint.dims), checkpoint.weights)
    search = {"beam_size": beam_size if beam_size > 1 else None, "best_of": BEST_OF, "language": "en", "fp16": False}

    def hear(paths: Sequence[str]) -> list[str]:
        return [whisper.transcribe(model, read_samples(Path(path)), **search)["text"].strip() for path in paths]

    return hear


ENGINES: dict[str, Callable[[int, int, str], Hear]] = {
    "Beamscribe": beamscribe,
    "Beamscribe, float32": lambda *args: beamscribe(*args, precision="float32"),
    "Beamscribe, exact": lambda *args: beamscribe(*args, precision="float32", exact=True),
    "faster-whisper, int8": lambda *args: faster_whisper(*args, "int8", None),
    "faster-whisper, float32": lambda *args: faster_whisper(*args, "float32", None),
    "faster-whisper batched 8, int8": lambda *args: faster_whisper(*args, "int8", 8),
    "faster-whisper batched 16, int8": lambda *args: faster_whisper(*args, "int8", 16),
    "faster-whisper batched 8, float32": lambda *args: faster_whisper(*args, "float32", 8),
    "faster-whisper batched 16, float32": lambda *args: faster_whisper(*args, "float32", 16),
    "whisper.cpp": whisper_cpp,
    "openai-whisper": openai_whisper,
}


def peak_beside_kb() -> int:
    """Peak memory of the largest process that this one has started and not ended: our decoder's."""
    peaks = [0]
    for children in Path("/proc/self/task").glob("*/children"):
        # threads and processes may end while they are looked at
        with suppress(OSError):
            for pid in children.read_text().split():
                status = Path(f"/proc/{pid}/status").read_text()
                peaks += [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    return max(peaks)


def main() -> None:
    name, beam_size, threads, folder = sys.argv[1:]
    # what an engine prints is not for the parent
    answers, sys.stdout = sys.stdout, sys.stderr
    started_s = time.monotonic()
    hear = ENGINES[name](int(beam_size), int(threads), folder)
    print(json.dumps({"load_s": time.monotonic() - started_s}), file=answers, flush=True)
    for line in sys.stdin:
        started_s = time.monotonic()
        texts = hear(json.loads(line))
        seconds = time.monotonic() - started_s
        peak_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + peak_beside_kb()) / 1024
        print(json.dumps({"seconds": seconds, "texts": texts, "peak_mb": peak_mb}), file=answers, flush=True)


if __name__ == "__main__":
    main()
