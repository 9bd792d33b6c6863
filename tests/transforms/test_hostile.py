"""Each kind of broken or hostile input gets its right row, and costs no other file anything."""

import json
import os
import shutil
import socket
import struct
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pytest
import soundfile

from model.vad import load_detector
from pipelines.cli import main
from tests.audio_files import video, with_ffmpeg, with_soundfile
from tests.conftest import REPOSITORY
from transforms import storage
from transforms.assets import Asset, WorkItem
from transforms.decoder import Decoder
from transforms.heard import Heard
from transforms.inputs import find_inputs
from transforms.listen import ListenOptions, listen
from transforms.speech import SpeechOptions

MIX = ListenOptions("mix", "en", SpeechOptions())
NAMES = (
    "spaces in it.wav", "quotes'\"`.wav", "two\nlines\t.wav", "emoji 🎙️ é.wav", "hash #t=1,2.wav", "percent %20 1%.wav",
    "dt=2026-01-01.wav", "[a-z]{b}.wav", "star * ?.wav", "back\\slash.wav", "-rf.wav", "x" * 251 + ".wav",
)  # fmt: skip


@pytest.fixture(scope="module")
def voice():
    """Four seconds of speech at 8 kHz."""
    samples, rate_hz = soundfile.read(REPOSITORY / "samples" / "voicemail.wav", dtype="float32")
    assert rate_hz == 8_000
    return samples[: 4 * rate_hz, None]


def wav_header(rate_hz, channels, n_bytes):
    """A header of 16-bit samples that may say anything."""
    block = min(channels * 2, 65_535)
    per_s = min(rate_hz * channels * 2, 2**32 - 1)
    sound = struct.pack("<HHIIHH", 1, channels, rate_hz, per_s, block, 16)
    return struct.pack("<4sI8sI16s4sI", b"RIFF", 36 + n_bytes, b"WAVEfmt ", 16, sound, b"data", n_bytes)


def broken_contents(voice):
    """Name -> bytes of files of which nothing can be transcribed."""
    mp4 = with_ffmpeg(voice, 8_000, "mp4", "aac")
    return {
        "zero.wav": b"",
        "header only.wav": with_soundfile(voice, 8_000, "WAV", "PCM_16")[:44],
        "text.wav": b"this is no audio\n" * 50,
        "noise.mp3": np.random.default_rng(0).bytes(100_000),
        "half a header.flac": with_soundfile(voice, 8_000, "FLAC", "PCM_16")[:20],
        "no index.mp4": mp4[: len(mp4) // 2],
        "no sound.mp4": video(None, 0, "mp4", "libx264"),
        "12 Hz.wav": wav_header(12, 1, 14_000) + bytes(14_000),
        "4 GHz.wav": wav_header(4_000_000_000, 1, 14_000) + bytes(14_000),
        "no rate.wav": wav_header(0, 1, 14_000) + bytes(14_000),
        "700 channels.wav": wav_header(16_000, 700, 14_000) + bytes(14_000),
        "no channels.wav": wav_header(16_000, 0, 14_000) + bytes(14_000),
        "playlist.mp3": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n",
    }


@pytest.fixture(scope="module")
def bucket(tmp_path_factory, voice):
    """All of it in one folder, named by what is wrong, beside good recordings under difficult names."""
    folder = tmp_path_factory.mktemp("hostile") / "bucket"
    deep = folder.joinpath(*["d" * 200] * 4)
    deep.mkdir(parents=True)
    good = with_soundfile(voice, 8_000, "WAV", "PCM_16")
    for path in (*(folder / name for name in NAMES), deep / "deep.wav", folder / "folder.wav" / "inside.wav"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(good)
    for name, content in broken_contents(voice).items():
        (folder / name).write_bytes(content)
    not_numbers = voice.copy()
    not_numbers[100:200], not_numbers[300:400] = np.nan, -np.inf
    (folder / "nan.wav").write_bytes(with_soundfile(not_numbers, 8_000, "WAV", "FLOAT"))
    (folder / "all infinite.wav").write_bytes(with_soundfile(np.full((8_000, 1), np.inf), 8_000, "WAV", "FLOAT"))
    (folder / "cut.flac").write_bytes(with_soundfile(voice, 8_000, "FLAC", "PCM_16")[:-8_000])
    (folder / "one sample.wav").write_bytes(with_soundfile(voice[:1], 16_000, "WAV", "PCM_16"))
    (folder / "silence.wav").write_bytes(with_soundfile(np.zeros((80_000, 1)), 8_000, "WAV", "PCM_16"))
    os.mkfifo(folder / "pipe.wav")
    os.mkfifo(folder / "pipe of no extension")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        # the name of a socket may be no longer than 107 bytes
        at = os.open(folder, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{at}/socket.wav")
        os.close(at)
    (folder / "device.wav").symlink_to("/dev/zero")
    (folder / "into nothing.wav").symlink_to(folder / "nothing.wav")
    (folder / "itself.wav").symlink_to(folder / "itself.wav")
    (folder / "circle").symlink_to(folder)
    return folder


@pytest.fixture(scope="module")
def tables(bucket):
    """transcripts and failures by their path below the bucket, of a run over all of it."""
    output = bucket.parent / "out"
    manifest = bucket.parent / "manifest.jsonl"
    uris = [str(bucket / name) for name in ("folder.wav", "nothing.wav", "itself.wav")]
    manifest.write_text("".join(json.dumps({"uri": uri}) + "\n" for uri in uris))
    flags = ["--max_failed_fraction", "0.9", "--word_timestamps", "false"]
    assert main(["transcribe", "--input", str(bucket), str(manifest), "--output", str(output), *flags]) == 0
    found = {}
    for table in ("transcripts", "failures"):
        rows = ds.dataset(str(output / table), partitioning="hive").to_table().to_pylist()
        found[table] = {row["uri"].removeprefix(f"{bucket}/"): row for row in rows}
        assert len(found[table]) == len(rows)
    return found


OPEN = ("open", "AudioDecodeError", False)
NOT_A_FILE = ("read", "NotAFileError", False)
FAILURES = {
    "zero.wav": (*OPEN, "empty file (0 bytes)"),
    "header only.wav": (*OPEN, "no sound in the file; the header promises 64000 bytes of it"),
    "text.wav": (*OPEN, "not an audio file: it begins with b'this is no audio'"),
    "noise.mp3": (*OPEN, "not an audio file: it begins with "),
    "half a header.flac": (*OPEN, "damaged FLAC file: its header or index cannot be read"),
    "no index.mp4": (*OPEN, "damaged MP4 file: its header or index cannot be read; an MP4 that was cut off before"),
    "no sound.mp4": (*OPEN, "no audio track"),
    "12 Hz.wav": (*OPEN, "damaged header: it gives a sample rate of 12 Hz"),
    "4 GHz.wav": (*OPEN, "damaged WAV file: its header or index cannot be read"),
    "no rate.wav": (*OPEN, "damaged WAV file: its header or index cannot be read"),
    "700 channels.wav": (*OPEN, "damaged header: it gives 700 channels"),
    "no channels.wav": (*OPEN, "no audio track"),
    "playlist.mp3": (*OPEN, "not an audio file: it begins with b'#EXTM3U"),
    "pipe.wav": (*NOT_A_FILE, "{}/pipe.wav is a pipe; copy what it gives into a file"),
    "socket.wav": (*NOT_A_FILE, "{}/socket.wav is a socket; "),
    "device.wav": (*NOT_A_FILE, "{}/device.wav is a device; "),
    "folder.wav": ("read", "IsADirectoryError", True, "[Errno 21] Is a directory: '{}/folder.wav'"),
    "nothing.wav": ("read", "FileNotFoundError", True, "no such file: {}/nothing.wav"),
    "itself.wav": ("read", "FileNotFoundError", True, "no such file: {}/itself.wav"),
}
DECODE = ("decode", "AudioDecodeError", False)
PARTIAL = {
    "nan.wav": (*DECODE, "200 samples are not numbers of sound"),
    "all infinite.wav": (*DECODE, "8000 samples are not numbers of sound"),
    "cut.flac": (*DECODE, "damaged: 0.51 s cannot be decoded; truncated: the header promises 4.00 s, the file holds "),
}


def test_transcripts_and_failures_are_of_these_files_and_no_others(tables):
    good = {*NAMES, "/".join(["d" * 200] * 4 + ["deep.wav"]), "folder.wav/inside.wav", "silence.wav", "one sample.wav"}
    assert tables["failures"].keys() == FAILURES.keys() | PARTIAL.keys()
    assert tables["transcripts"].keys() == good | PARTIAL.keys()


@pytest.mark.parametrize("name", [*FAILURES, *PARTIAL])
def test_row_of_a_failure_says_what_is_wrong(tables, bucket, name):
    row = tables["failures"][name]
    stage, error_type, retriable, message = {**FAILURES, **PARTIAL}[name]
    assert (row["stage"], row["error_type"], row["retriable"]) == (stage, error_type, retriable)
    assert row["message"].startswith(message.format(bucket))
    assert "\n" not in row["message"]
    salvaged_s = tables["transcripts"][name]["duration_s"] if name in PARTIAL else 0.0
    assert row["salvaged_s"] == salvaged_s


def test_names_change_nothing(tables):
    (text,) = {row["text"] for name, row in tables["transcripts"].items() if name in NAMES or name.endswith("side.wav")}
    assert len(text.split()) > 5
    assert tables["transcripts"]["/".join(["d" * 200] * 4 + ["deep.wav"])]["text"] == text
    assert len({tables["transcripts"][name]["content_sha256"] for name in NAMES}) == 1


def test_what_is_salvaged_is_transcribed_and_called_partial(tables):
    for name in PARTIAL:
        assert tables["transcripts"][name]["status"] == "partial"
    text = tables["transcripts"][NAMES[0]]["text"]
    assert tables["transcripts"]["nan.wav"]["text"].split()[2:] == text.split()[2:]
    assert 0.5 < tables["transcripts"]["cut.flac"]["duration_s"] < 4.0


def test_next_to_nothing_is_no_speech(tables):
    for name, duration_s in (("one sample.wav", 1 / 16_000), ("silence.wav", 10.0)):
        row = tables["transcripts"][name]
        assert (row["status"], row["text"], row["duration_s"]) == ("no_speech", "", duration_s)


def hear(path, options=MIX, decoder=None, on_window=lambda: None):
    info = storage.stat(str(path)) or storage.FileInfo(str(path), None, None)
    item = WorkItem(Asset(str(path), str(path), info.size_bytes, info.modified_at_us), "config", 1)
    with closing(decoder or Decoder(options.asset_timeout_s)) as owned:
        for found in listen(item, options, load_detector(), owned):
            if isinstance(found, Heard):
                return found
            on_window()
    raise AssertionError("nothing was heard")


def test_folder_that_vanishes_after_it_was_listed(tmp_path, voice):
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "a.wav").write_bytes(with_soundfile(voice, 8_000, "WAV", "PCM_16"))
    (asset,) = find_inputs([str(tmp_path / "calls")]).assets
    shutil.rmtree(tmp_path / "calls")
    with closing(Decoder()) as decoder:
        (heard,) = listen(WorkItem(asset, "config", 1), MIX, load_detector(), decoder)
    assert (heard.failure.stage, heard.failure.error_type, heard.failure.retriable, heard.usable) == (
        "read", "FileNotFoundError", True, False,
    )  # fmt: skip


@pytest.mark.parametrize("change", ["appended to", "cut", "replaced", "deleted"])
def test_file_that_changes_while_it_is_heard(tmp_path, voice, change):
    path = tmp_path / "call.wav"
    content = with_soundfile(np.tile(voice, (40, 1)), 8_000, "WAV", "PCM_16")
    path.write_bytes(content)

    def on_window():
        if change == "deleted":
            path.unlink(missing_ok=True)
        else:
            path.write_bytes({"appended to": content * 2, "cut": content[:9000], "replaced": b"text"}[change])

    heard = hear(path, on_window=on_window)
    assert (heard.failure.stage, heard.failure.error_type, heard.failure.retriable, heard.usable) == (
        "read", "ChangedWhileReadError", True, False,
    )  # fmt: skip


def test_file_that_may_not_be_read(voice):
    # below /tmp, as pytest's folders are closed to others
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "closed.wav"
        path.write_bytes(with_soundfile(voice, 8_000, "WAV", "PCM_16"))
        path.chmod(0)
        Path(folder).chmod(0o755)
        is_root = os.geteuid() == 0
        if is_root:  # whom permissions do not stop
            os.seteuid(65_534)
        try:
            heard = hear(path)
        finally:
            if is_root:
                os.seteuid(0)
    assert (heard.failure.stage, heard.failure.error_type, heard.failure.retriable) == ("read", "PermissionError", True)
    assert "Permission denied" in heard.failure.message


def flac_bomb(hours):
    """A FLAC of silence at 1 kHz, a minute in 15 bytes."""
    n_block, n_blocks = 65_535, round(hours * 3600 * 1000 / 65_535)
    stream_info = struct.pack(">HH6xQ16x", n_block, n_block, 1000 << 44 | 15 << 36 | n_block * n_blocks)
    frames = []
    for index in range(n_blocks):
        # 16 bits, mono; the number of the frame in the manner of UTF-8; size of the block; 1 kHz
        head = b"\xff\xf8\x7c\x08" + chr(index).encode() + struct.pack(">HB", n_block - 1, 1)
        # a constant subframe of 0
        frame = head + crc(head, 8, 0x07) + b"\x00\x00\x00"
        frames.append(frame + crc(frame, 16, 0x8005))
    return b"fLaC\x80\x00\x00\x22" + stream_info + b"".join(frames)


def crc(data, n_bits, polynomial):
    value = 0
    for byte in data:
        value ^= byte << (n_bits - 8)
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value >> (n_bits - 1) else 0)) & ((1 << n_bits) - 1)
    return value.to_bytes(n_bits // 8, "big")


@pytest.mark.parametrize("bomb", ["flac", "ogg", "mp4"])
def test_file_that_expands_without_end_is_cut_or_given_up(tmp_path, voice, bomb):
    path = tmp_path / f"bomb.{bomb}"
    path.write_bytes(
        {
            "flac": lambda: flac_bomb(150),
            "ogg": lambda: with_ffmpeg(voice, 8_000, "ogg", "libopus", first_pts_s={2.0: 80_000.0}),
            "mp4": lambda: with_ffmpeg(voice, 8_000, "mp4", "aac", first_pts_s={2.0: 80_000.0}),
        }[bomb]()
    )
    assert path.stat().st_size < 200_000
    with closing(Decoder(max_asset_s=3600.0)) as decoder, path.open("rb") as file:
        samples = decoder.open(file).samples(None)
        duration_s = sum(map(len, samples)) / 16_000
        assert 3600.0 < duration_s == samples.duration_s < 3700.0
        assert samples.failure.message.startswith("the file decodes to more than 1 h of sound")
    with closing(Decoder(asset_timeout_s=0.5)) as decoder, path.open("rb") as file:
        samples = decoder.open(file).samples(None)
        duration_s = sum(map(len, samples)) / 16_000
        assert duration_s == samples.duration_s < 80_000.0
        assert samples.failure.error_type == "DecodeTimeout"
