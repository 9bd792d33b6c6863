"""A decoder's process may crash, hang, grow, lie or lose its worker: it costs the file at most, and nothing else."""

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.audio_files import spread, with_ffmpeg, with_soundfile
from tests.conftest import REPOSITORY, missing
from transforms.audio_source import AudioInfo
from transforms.channel_samples import ChannelSamples
from transforms.decoder import DecodeFailedError, Decoder

SECONDS = 60


@pytest.fixture(scope="module")
def wav():
    """A minute of noise in stereo at 16 kHz: more than fits between the two processes."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, SECONDS * 16_000).astype(np.float32)
    return with_soundfile(spread(noise, 2), 16_000, "WAV", "PCM_16")


@pytest.fixture
def decoder():
    with closing(Decoder()) as opened:
        yield opened


def in_process(content, channel=None):
    samples = ChannelSamples(io.BytesIO(content), channel, None, None)
    return np.concatenate(list(samples)), samples


def decode(decoder, content, channel=None):
    samples = decoder.open(io.BytesIO(content)).samples(channel)
    blocks = list(samples)
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32), samples


def assert_works(decoder, wav):
    decoded, samples = decode(decoder, wav)
    np.testing.assert_array_equal(decoded, in_process(wav)[0])
    assert samples.failure is None


@pytest.mark.parametrize("channel", [None, 0, 1])
@pytest.mark.parametrize("kind", ["wav", "mp3", "opus", "flac cut short", "mp4 with a hole"])
def test_same_samples_as_in_this_process(decoder, wav, kind, channel):
    sound = spread(np.random.default_rng(1).uniform(-0.5, 0.5, 48_000 * 25).astype(np.float32), 2)
    content = {
        "wav": lambda: wav,
        "mp3": lambda: with_ffmpeg(sound, 48_000, "mp3", "libmp3lame", "stereo"),
        "opus": lambda: with_ffmpeg(sound, 48_000, "ogg", "libopus", "stereo"),
        "flac cut short": lambda: with_ffmpeg(sound, 48_000, "flac", "flac", "stereo")[:2_000_000],
        "mp4 with a hole": lambda: with_ffmpeg(sound, 48_000, "mp4", "aac", "stereo", first_pts_s={9.0: 5.0}),
    }[kind]()
    expected, ending = in_process(content, channel)
    decoded, samples = decode(decoder, content, channel)
    np.testing.assert_array_equal(decoded, expected)
    assert (samples.duration_s, samples.flags) == (ending.duration_s, ending.flags)
    assert (samples.failure and samples.failure.message) == ending.damage


def test_probe_and_tracks(decoder, wav):
    file = decoder.open(io.BytesIO(wav))
    assert file.probe() == AudioInfo(16_000, 2, "pcm_s16le", SECONDS)
    assert file.tracks("mix").channels == (None,)
    assert file.tracks("separate").channels == (0, 1)
    assert file.tracks([1]).channels == (1,)
    with pytest.raises(DecodeFailedError, match="channel 2 was asked for and the file has 2") as error:
        file.tracks([2])
    assert error.value.failure.stage == "open"
    assert not error.value.failure.retriable


def test_process_starts_without_beam_and_tensorflow():
    code = "import sys, transforms.decoder_child; print(*{name.split('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
    modules = set(run.stdout.split())
    assert "soundfile" in modules
    assert not modules & {"apache_beam", "tensorflow", "librosa", "pyarrow", "numba", "scipy"}


def test_process_gets_no_credentials(decoder, wav, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    assert_works(decoder, wav)
    environment = Path(f"/proc/{decoder.pid}/environ")
    if not environment.exists():
        missing("/proc, to read the environment of a process")
    assert b"PYTHONPATH" in environment.read_bytes()
    assert b"hush" not in environment.read_bytes()


def test_one_process_for_many_files(decoder, wav):
    assert_works(decoder, wav)
    pid = decoder.pid
    with pytest.raises(DecodeFailedError, match="not an audio file"):
        decoder.open(io.BytesIO(b"text")).tracks("mix")
    assert_works(decoder, wav)
    assert decoder.pid == pid


def test_file_that_is_left_in_the_middle_does_not_mix_with_the_next(decoder, wav):
    blocks = iter(decoder.open(io.BytesIO(wav)).samples(0))
    assert len(next(blocks)) == 160_000
    assert_works(decoder, wav)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_process_that_is_killed_in_the_middle_is_replaced_and_nothing_is_lost(decoder, wav, number):
    samples = decoder.open(io.BytesIO(wav)).samples(None)
    blocks = iter(samples)
    first = next(blocks)
    pid = decoder.pid
    os.kill(pid, number)
    np.testing.assert_array_equal(np.concatenate([first, *blocks]), in_process(wav)[0])
    assert (samples.failure, samples.duration_s) == (None, SECONDS)
    second_pid = decoder.pid
    assert second_pid != pid
    assert_works(decoder, wav)
    # what had a part in a crash is not trusted with another file
    assert decoder.pid not in (pid, second_pid)


@pytest.mark.parametrize(("number", "retriable"), [(signal.SIGKILL, True), (signal.SIGSEGV, False)])
def test_process_that_is_killed_twice_is_a_failure_of_this_file_alone(decoder, wav, number, retriable):
    samples = decoder.open(io.BytesIO(wav)).samples(None)
    blocks = []
    for block in samples:
        blocks.append(block)
        os.kill(decoder.pid, number)
    failure = samples.failure
    assert (failure.stage, failure.error_type, failure.retriable) == ("decode", "DecoderDied", retriable)
    assert failure.message.startswith(f"the decoder was killed by {number.name}, twice; ")
    decoded = np.concatenate(blocks)
    assert 0 < len(decoded) < SECONDS * 16_000
    np.testing.assert_array_equal(decoded, in_process(wav)[0][: len(decoded)])
    assert samples.duration_s == len(decoded) / 16_000
    assert_works(decoder, wav)


def test_each_channel_of_a_file_that_crashes_the_decoder_is_decoded_as_far_as_it_goes(decoder, wav, child_runs):
    child_runs("""
        class Crashing(channel_samples.Resampler):
            n = 0
            def push(self, block):
                self.n += 1
                return super().push(block) if self.n < 4 else os.kill(os.getpid(), signal.SIGSEGV)
        channel_samples.Resampler = Crashing
    """)
    file = decoder.open(io.BytesIO(wav))
    assert file.tracks("separate").channels == (0, 1)
    for channel in (0, 1):
        samples = file.samples(channel)
        np.testing.assert_array_equal(np.concatenate(list(samples)), in_process(wav, channel)[0][: 30 * 16_000])
        assert samples.duration_s == 30.0
        assert "killed by SIGSEGV, twice" in samples.failure.message


def test_memory_is_limited(wav):
    wide = with_soundfile(np.zeros((48_000 * 6, 64), np.float32), 48_000, "WAV", "PCM_16")
    with closing(Decoder(memory_limit_bytes=48 << 20)) as decoder:
        _, samples = decode(decoder, wide)
        assert (samples.failure.error_type, samples.failure.retriable) == ("DecoderDied", False)
        assert "needed more memory than it may have, twice" in samples.failure.message
        assert_works(decoder, wav)


def test_memory_of_the_process_does_not_grow_with_the_length_of_a_file():
    peaks = []
    for minutes in (2, 20):
        with closing(Decoder()) as decoder:
            content = with_soundfile(np.zeros((minutes * 60 * 16_000, 2), np.float32), 16_000, "WAV", "PCM_16")
            assert len(decode(decoder, content)[0]) == minutes * 60 * 16_000
            status = Path(f"/proc/{decoder.pid}/status")
            if not status.exists():
                missing("/proc, to read the peak memory of a process")
            peaks.append(int(status.read_text().split("VmHWM:")[1].split()[0]))
    assert peaks[1] < 1.1 * peaks[0]


class Slow(io.BytesIO):
    """Takes its time to be read."""

    def read(self, size=-1):
        time.sleep(0.6)
        return super().read(size)


def test_time_of_reading_is_limited(wav):
    with closing(Decoder(asset_timeout_s=1.0)) as decoder:
        samples = decoder.open(Slow(wav * 3)).samples(None)
        list(samples)
        failure = samples.failure
        assert (failure.stage, failure.error_type, failure.retriable) == ("decode", "DecodeTimeout", False)
        assert failure.message.startswith("decoding took longer than 1 s; raise --asset_timeout_s")


def test_process_that_stops_in_the_middle_is_given_up(wav):
    with closing(Decoder(asset_timeout_s=2.0)) as decoder:
        file = decoder.open(io.BytesIO(wav))
        samples, blocks = file.samples(0), []
        for block in samples:
            blocks.append(block)
            os.kill(decoder.pid, signal.SIGSTOP)
        assert samples.failure.error_type == "DecodeTimeout"
        assert samples.duration_s == sum(map(len, blocks)) / 16_000 > 0
        # the time is up for all of the file
        other = file.samples(1)
        assert (list(other), other.failure, decoder.pid) == ([], samples.failure, None)
        assert_works(decoder, wav)


def test_endless_loop_is_given_up(wav, child_runs):
    child_runs("channel_samples.open_audio = lambda file: [None for _ in iter(int, 1)]")
    with closing(Decoder(asset_timeout_s=1.0)) as decoder:
        with pytest.raises(DecodeFailedError, match="decoding took longer than 1 s") as error:
            decoder.open(io.BytesIO(wav)).tracks("mix")
        assert error.value.failure.error_type == "DecodeTimeout"


def test_time_of_whoever_uses_the_samples_does_not_count(wav):
    with closing(Decoder(asset_timeout_s=3.0)) as decoder:
        samples = decoder.open(io.BytesIO(wav)).samples(None)
        n_samples = 0
        for block in samples:
            n_samples += len(block)
            time.sleep(0.8)
        assert (n_samples, samples.failure) == (SECONDS * 16_000, None)


def test_sound_without_end_is_cut(wav):
    with closing(Decoder(max_asset_s=25.0)) as decoder:
        decoded, samples = decode(decoder, wav)
        assert samples.duration_s == len(decoded) / 16_000 == 30.0
        assert "decodes to more than 0.00694444 h of sound" in samples.failure.message
        short = with_soundfile(np.zeros(16_000, np.float32), 16_000, "WAV", "PCM_16")
        assert decode(decoder, short)[1].failure is None


class LosesConnection(io.BytesIO):
    """Fails from its second megabyte on."""

    def read(self, size=-1):
        if self.tell() >= 1 << 20:
            raise ConnectionError("connection lost")
        return super().read(size)


def test_error_of_reading_is_raised_as_it_is(decoder, wav):
    samples = decoder.open(LosesConnection(wav)).samples(None)
    with pytest.raises(ConnectionError, match="connection lost"):
        list(samples)
    assert_works(decoder, wav)


def test_file_that_becomes_shorter_while_it_is_read_is_cut_there(decoder, wav):
    file = io.BytesIO(wav)
    opened = decoder.open(file)
    file.truncate(len(wav) // 2)
    samples = opened.samples(None)
    assert sum(map(len, samples)) == pytest.approx(SECONDS * 8_000, abs=100)
    assert samples.duration_s == pytest.approx(SECONDS / 2, abs=0.01)


@pytest.mark.parametrize(
    ("lie", "nonsense"),
    [
        ("os.write(fd, bytes([255]) * 8)", "a message of 4294967295"),
        ("os.write(fd, pack({'say': 'read', 'offset': 0, 'size': 1 << 40}))", "as what to read"),
        ("os.write(fd, pack({'say': 'read', 'offset': -1, 'size': 10}))", "as what to read"),
        ("os.write(fd, pack({'say': 'samples'}, 3) + b'abc')", "as samples"),
        ("os.write(fd, pack({'say': 'samples'}, 4) + bytes([255]) * 4)", "samples that are no numbers"),
        ("os.write(fd, pack({'say': 'done', 'duration_s': 1e9, 'damage': None, 'flags': []}))", "0 samples for"),
        ("os.write(fd, pack({'say': 'done'}))", "as an end"),
        ("os.write(fd, pack({'say': 'failed', 'stage': 7}))", "as a failure"),
        ("os.write(fd, bytes([2, 0, 0, 0, 0, 0, 0, 0]) + b'[]')", "a header that is not a JSON object"),
        ("os.write(fd, bytes([2, 0, 0, 0, 0, 0, 0, 0]) + b'[)')", "a header that is not JSON"),
    ],
)
def test_process_that_lies_is_not_believed(decoder, wav, child_runs, lie, nonsense):
    child_runs(f"""
        import sys
        from transforms.frames import pack
        def lie(file):
            fd = int(sys.argv[1])
            {lie}
            time.sleep(60)
        channel_samples.open_audio = lie
    """)
    decoded, samples = decode(decoder, wav)
    assert len(decoded) == 0
    assert (samples.failure.error_type, samples.failure.retriable) == ("DecoderDied", False)
    assert samples.failure.message.startswith(f"the decoder sent nonsense ({nonsense}")


def test_process_that_cannot_be_started_may_be_tried_again(decoder, wav, child_runs):
    child_runs("os._exit(3)")
    with pytest.raises(DecodeFailedError, match="cannot be started: it ended with exit status 3, twice") as error:
        decoder.open(io.BytesIO(wav)).probe()
    assert error.value.failure.retriable


WORKER = """
import io, os, sys, time
from transforms.decoder import Decoder
decoder = Decoder(asset_timeout_s=3.0)
file = decoder.open(io.BytesIO(sys.stdin.buffer.read()))
file.probe()
print(decoder.pid, flush=True)
if sys.argv[1] == "decoder is stuck":
    list(file.samples(None))
next(iter(file.samples(None)))
if sys.argv[1] != "a fork holds the socket" or os.fork() == 0:
    time.sleep(60)
os.wait()
"""


@pytest.mark.parametrize("case", ["in the middle of a file", "a fork holds the socket", "decoder is stuck"])
def test_process_ends_with_its_worker(wav, child_runs, tmp_path, case):
    if not Path("/proc/self/stat").exists():
        missing("/proc, to see whether a process has ended")
    if case == "decoder is stuck":
        # in C code that lets no other thread of Python run
        child_runs(f"""
            import re
            def stuck(block):
                open({str(tmp_path / "stuck")!r}, "w").close()
                re.match("(a+)+$", "a" * 60 + "b")
            channel_samples.mix = stuck
        """)
    command = [sys.executable, "-c", WORKER, case]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
    ) as worker:
        worker.stdin.write(wav)
        worker.stdin.close()
        pid = int(worker.stdout.readline())
        assert wait_for(lambda: not has_ended(pid))
        if case == "decoder is stuck":
            assert wait_for((tmp_path / "stuck").exists)
        worker.kill()
        worker.wait()
        assert wait_for(lambda: has_ended(pid))
        if case == "a fork holds the socket":
            os.killpg(worker.pid, signal.SIGKILL)


def has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] == "Z"
    except OSError:
        return True


def wait_for(condition):
    """Whether it comes true before the test is given up as hanging."""
    for _ in range(300):
        if condition():
            return True
        time.sleep(0.1)
    return False
