"""From an asset to its windows of speech, and what is said of assets that are broken."""

import hashlib
from contextlib import closing
from dataclasses import replace

import librosa
import numpy as np
import pytest
import soundfile

from model.vad import load_detector
from tests.conftest import REPOSITORY
from transforms import storage
from transforms.assets import Asset, Track, WorkItem
from transforms.decoder import Decoder
from transforms.heard import Heard
from transforms.languages import Spoken
from transforms.listen import ListenOptions, listen
from transforms.speech import SpeechOptions

CALL = str(REPOSITORY / "samples" / "support_call.mp3")
MIX = ListenOptions("mix", "en", SpeechOptions())


def item(path, **values):
    info = storage.stat(str(path)) or storage.FileInfo(str(path), None, None)
    return WorkItem(replace(Asset(str(path), str(path), info.size_bytes, info.modified_at_us), **values), "config", 1)


def hear(work_item, options=MIX, identify=None):
    with closing(Decoder(options.asset_timeout_s)) as decoder:
        *tasks, heard = listen(work_item, options, load_detector(), decoder, identify)
    assert isinstance(heard, Heard)
    return tasks, heard


def write(path, samples, rate=16_000):
    soundfile.write(path, samples, rate)
    return path


@pytest.fixture(scope="module")
def voice():
    """Ten seconds of one voice at 16 kHz."""
    samples, rate = soundfile.read(REPOSITORY / "samples" / "voicemail.wav", dtype="float32")
    return librosa.resample(samples, orig_sr=rate, target_sr=16_000)


def test_mixed_channels():
    tasks, heard = hear(item(CALL))
    assert heard.failure is None
    assert heard.info.channels == 2
    assert heard.duration_s == pytest.approx(18.9, abs=0.2)
    assert [track.channel for track in heard.tracks] == [None]
    assert heard.tracks[0].n_windows == len(tasks) == 1
    assert heard.content_sha256 == hashlib.sha256(storage.read_whole(CALL)).hexdigest()


def test_separate_channels_are_tracks_of_one_asset():
    tasks, heard = hear(item(CALL), replace(MIX, channels="separate"))
    assert [track.channel for track in heard.tracks] == [0, 1]
    assert {task.channel for task in tasks} == {0, 1}
    assert 0 < heard.tracks[0].speech_s < heard.duration_s


def test_named_channels_and_those_of_a_manifest():
    assert [t.channel for t in hear(item(CALL), replace(MIX, channels="1"))[1].tracks] == [1]
    tasks, heard = hear(item(CALL, tracks=(Track(0, "en"), Track(1, "es"))))
    assert [t.channel for t in heard.tracks] == [0, 1]
    assert {(task.channel, task.language) for task in tasks} == {(0, "en"), (1, "es")}


def test_channel_that_is_not_there_is_a_failure():
    _, heard = hear(item(CALL), replace(MIX, channels="2"))
    assert heard.failure.message == "channel 2 was asked for and the file has 2, from 0"
    assert not heard.failure.retriable


def test_dual_mono_is_transcribed_once(tmp_path, voice):
    path = write(tmp_path / "dual.wav", np.stack([voice, voice], axis=1))
    tasks, heard = hear(item(path), replace(MIX, channels="separate"))
    assert heard.flags == ("dual_mono",)
    assert [track.channel for track in heard.tracks] == [None]
    assert len(tasks) == 1


def test_part_of_a_file_has_its_own_time(tmp_path, voice):
    silence = np.zeros(16_000 * 20, np.float32)
    path = write(tmp_path / "long.wav", np.concatenate([silence, voice, silence]))
    (task,), heard = hear(item(path, start_s=19.0, end_s=31.0))
    assert heard.duration_s == pytest.approx(12.0)
    assert 0.5 < task.window.spans[0].asset_start_s < 2.0
    same = write(tmp_path / "cut.wav", np.concatenate([silence[:16_000], voice, silence])[: 12 * 16_000])
    ((alone,), _) = hear(item(same))
    np.testing.assert_array_equal(alone.window.samples, task.window.samples)


def test_part_beyond_the_end_says_so():
    _, heard = hear(item(CALL, start_s=100.0))
    assert "starts at 100 s and the file ends at 18.9" in heard.failure.message


def test_missing_and_vanishing_files_may_be_tried_again(tmp_path, voice, monkeypatch):
    _, heard = hear(item(tmp_path / "gone.wav"))
    assert (heard.failure.stage, heard.failure.error_type, heard.failure.retriable) == (
        "read",
        "FileNotFoundError",
        True,
    )
    path = write(tmp_path / "there.wav", voice)
    work_item = item(path)
    path.unlink()
    _, heard = hear(work_item)
    assert heard.failure.retriable


def test_file_that_changes_while_it_is_read_is_read_again_later(tmp_path, voice):
    path = write(tmp_path / "growing.wav", voice)
    work_item = item(path)
    write(path, np.concatenate([voice, voice]))
    _, heard = hear(work_item)
    assert (heard.failure.error_type, heard.failure.retriable, heard.usable) == ("ChangedWhileReadError", True, False)


def test_truncated_file_is_heard_as_far_as_it_goes(tmp_path, voice):
    path = write(tmp_path / "cut.flac", voice)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    tasks, heard = hear(item(path))
    assert len(tasks) == 1
    assert 2.0 < heard.duration_s < 8.0
    assert (heard.failure.stage, heard.failure.retriable, heard.usable) == ("decode", False, True)


def test_whatever_a_decoder_raises_is_a_failure_of_this_file_alone(child_runs):
    child_runs("""
        def broken(file):
            raise ZeroDivisionError("rate\\nis 0")
        channel_samples.open_audio = broken
    """)
    _, heard = hear(item(CALL))
    assert (heard.failure.error_type, heard.failure.message) == ("ZeroDivisionError", "rate is 0")


def test_language_is_asked_of_the_first_windows_and_is_that_of_all(tmp_path, voice):
    path = write(tmp_path / "long.wav", np.tile(voice, 9))
    asked = []

    def identify(windows):
        asked.append(len(windows))
        return Spoken("fr", 0.75)

    tasks, heard = hear(item(path), replace(MIX, language=None), identify)
    assert asked == [len(tasks)]
    assert [task.language for task in tasks] == ["fr"] * len(tasks)
    assert (heard.tracks[0].language, heard.tracks[0].language_probability) == ("fr", 0.75)
    tasks, heard = hear(item(path), MIX, identify)
    assert len(asked) == 1
    assert ({task.language for task in tasks}, heard.tracks[0].language) == ({"en"}, None)


def test_samples_that_are_no_numbers_are_told_of(tmp_path, voice):
    broken = voice.copy()
    broken[16_000:16_100] = np.nan
    path = tmp_path / "nan.wav"
    soundfile.write(path, broken, 16_000, subtype="FLOAT")
    tasks, heard = hear(item(path))
    assert tasks[0].window.samples.max() <= 1.0
    assert heard.usable
    assert heard.failure.message.startswith("100 samples are not numbers of sound")


def test_mix_of_unlike_channels_is_flagged(tmp_path, voice):
    call = np.stack([voice, np.roll(voice, 40_000)], axis=1)
    _, heard = hear(item(write(tmp_path / "call.wav", call)))
    assert heard.flags == ("mixed_channels",)
    _, heard = hear(item(write(tmp_path / "room.wav", np.stack([voice, 0.5 * voice], axis=1))))
    assert heard.flags == ()
