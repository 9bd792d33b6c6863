"""What planning, reading and writing cost a file, and what memory many files take.

    python benchmarks/many_files.py
    python benchmarks/many_files.py --files 100 --files 20000

Makes folders of one-second files of faint noise, in which there is nothing to recognise, and transcribes each twice in
processes of their own: the first run's time is all that a file costs beside recognition, the second one finds nothing
to do. Then the files of the last folder are only listened to (opened, hashed, decoded, searched for speech) in as many
threads as the runner has workers: what the first run took beyond that is planning, staging and writing. Other flags go
to the main job.
"""

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import soundfile
from memory import peak_bytes
from ours import read_rows

from model.vad import load_detector
from pipelines.options import DEFAULT_WORKERS
from transforms.assets import WorkItem
from transforms.decoder import ASSET_TIMEOUT_S, Decoder
from transforms.inputs import find_inputs
from transforms.listen import ListenOptions, listen
from transforms.speech import SpeechOptions

# as many as the local runner has
N_WORKERS = DEFAULT_WORKERS
RATE_HZ = 16_000


def make_files(folder: Path, n_files: int) -> None:
    """One-second files, each with noise of its own: no two have the same bytes."""
    folder.mkdir()
    for number in range(n_files):
        noise = np.random.default_rng(number).normal(0, 1e-3, RATE_HZ)
        soundfile.write(folder / f"{number:06d}.wav", noise, RATE_HZ)


def listening_s(folder: Path) -> float:
    """How long it takes to listen to all files of a folder, without a pipeline and without tables."""
    items = [WorkItem(asset, "", 1) for asset in find_inputs([str(folder)], leave_out=f"{folder}-out").assets]
    options = ListenOptions("mix", "en", SpeechOptions())
    detectors = [load_detector() for _ in range(N_WORKERS)]

    def work(number: int) -> None:
        with closing(Decoder(ASSET_TIMEOUT_S)) as decoder:
            for item in items[number::N_WORKERS]:
                for _ in listen(item, options, detectors[number], decoder):
                    pass

    started_s = time.monotonic()
    with ThreadPoolExecutor(N_WORKERS) as pool:
        list(pool.map(work, range(N_WORKERS)))
    return time.monotonic() - started_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, action="append", help="may be repeated (default: 100 2000 20000)")
    options, flags = parser.parse_known_args()
    print("| files | first run, s | ms a file over the smallest | second run, s | peak resident memory, GB | rows |")
    print("|---:|---:|---:|---:|---:|---:|", flush=True)
    least: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as name:
        for n_files in options.files or [100, 2_000, 20_000]:
            inputs, output = Path(name, f"in-{n_files}"), Path(name, f"out-{n_files}")
            make_files(inputs, n_files)
            peak, first_s = peak_bytes(inputs, output, flags)
            _, second_s = peak_bytes(inputs, output, flags)
            least = least or (n_files, first_s)
            more = n_files - least[0]
            each = f"{1000 * (first_s - least[1]) / more:.2f}" if more else ""
            n_rows = len(read_rows(output, "transcripts"))
            print(f"| {n_files} | {first_s:.1f} | {each} | {second_s:.1f} | {peak / 1e9:.2f} | {n_rows} |", flush=True)
        heard_s = listening_s(inputs)
        print(f"\nlistening alone: {heard_s:.1f} s for {n_files} files, {1000 * heard_s / n_files:.2f} ms a file")


if __name__ == "__main__":
    main()
