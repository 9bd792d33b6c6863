"""Peak memory grows neither with the number of files nor with the length of one. In processes of their own."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import REPOSITORY, missing

LISTEN = """
import sys
from model.vad import load_detector
from transforms import storage
from transforms.assets import Asset, WorkItem
from transforms.decoder import Decoder
from transforms.listen import ListenOptions, listen
from transforms.speech import SpeechOptions
info = storage.stat(sys.argv[1])
item = WorkItem(Asset(info.path, info.path, info.size_bytes, info.modified_at_us), "config", 1)
n_found = sum(1 for _ in listen(item, ListenOptions("mix", "en", SpeechOptions()), load_detector(), Decoder()))
assert n_found > 1
"""
TRANSCRIBE = """
import sys
from pipelines.cli import main
assert main(["transcribe", "--input", sys.argv[1], "--output", sys.argv[2]]) == 0
"""
# the process's own high-water mark: what the parent of a fork held does not count
PEAK = """
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0])
"""


def peak_bytes(code, *args):
    if not Path("/proc/self/status").exists():
        missing("/proc, to read the peak memory of a process")
    command = [sys.executable, "-c", code + PEAK, *map(str, args)]
    run = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
    return int(run.stdout.splitlines()[-1]) * 1024


@pytest.fixture(scope="module")
def speech_and_silence():
    """Half a minute, a third of it speech, at 8 kHz."""
    samples, rate = soundfile.read(REPOSITORY / "samples" / "voicemail.wav", dtype="float32")
    assert rate == 8_000
    return np.pad(samples, (0, 30 * rate - len(samples)))


def test_length_of_a_file(speech_and_silence, tmp_path):
    peaks = []
    for n_minutes in (5, 120):
        path = tmp_path / f"{n_minutes}.wav"
        with soundfile.SoundFile(path, "w", 8_000, 1, "PCM_16") as file:
            for _ in range(2 * n_minutes):
                file.write(speech_and_silence)
        peaks.append(peak_bytes(LISTEN, path))
    assert peaks[1] < 1.1 * peaks[0]


def test_number_of_files(tmp_path):
    peaks = []
    for n_files in (20, 400):
        folder = tmp_path / str(n_files)
        folder.mkdir()
        for index in range(n_files):
            shutil.copy(REPOSITORY / "samples" / "silence.wav", folder / f"{index}.wav")
        peaks.append(peak_bytes(TRANSCRIBE, folder, tmp_path / f"out-{n_files}"))
    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[1] < 2.5e9
