"""From an asset to its features: whole recordings, regions of speech, frames, and what is broken."""

from contextlib import closing

import numpy as np
import pytest
import soundfile

from model.vad import load_detector
from tests.conftest import REPOSITORY
from transforms import storage
from transforms.assets import Asset, WorkItem
from transforms.decoder import Decoder
from transforms.features.extract import Tools, extract, extract_track, features_of
from transforms.features.options import CHEAP, FeatureOptions
from transforms.features.sound import SoundFeatures
from transforms.resample import Resampler

CALL = REPOSITORY / "samples" / "support_call.mp3"
VOICEMAIL = REPOSITORY / "samples" / "voicemail.wav"


def options(groups=("time",), per=("utterance",), channels="mix"):
    return FeatureOptions(tuple(groups), tuple(per), "parquet", channels)


def item(path):
    info = storage.stat(str(path)) or storage.FileInfo(str(path), None, None)
    return WorkItem(Asset(str(path), str(path), info.size_bytes, info.modified_at_us), "config", 1)


def extracted(path, wanted, keep=None, **tools):
    with closing(Decoder()) as decoder:
        return extract(item(path), wanted, Tools(decoder, **tools), keep or (lambda *_: None))


@pytest.fixture(scope="module")
def voice():
    """Ten seconds of one voice at 16 kHz."""
    samples, rate_hz = soundfile.read(VOICEMAIL, dtype="float32", always_2d=True)
    resampler = Resampler(rate_hz)
    return np.concatenate([resampler.push(samples), resampler.flush()])[:, 0]


class Embedder:
    """Half a second at once; of each 0.1 s its mean and its peak."""

    window_samples, position_samples, n_channels = 8_000, 1_600, 2

    def embed(self, samples):
        assert 0 < len(samples) <= self.window_samples
        pieces = np.split(samples, range(1_600, len(samples), 1_600))
        return np.array([[piece.mean(), np.abs(piece).max()] for piece in pieces], np.float32)


def test_channels(voice):
    mixed = extracted(CALL, options())
    assert [track.channel for track in mixed.tracks] == [None]
    apart = extracted(CALL, options(channels="separate"))
    assert [track.channel for track in apart.tracks] == [0, 1]
    assert [track.channel for track in apart.heard.tracks] == [0, 1]
    assert mixed.heard.duration_s == apart.heard.duration_s == pytest.approx(18.9, abs=0.2)
    track = extracted(VOICEMAIL, options()).tracks[0]
    assert (track.n_samples, track.n_frames) == (len(voice), 1 + len(voice) // 160)
    assert track.columns == extract_track([voice], None, options(), Tools(None), print).columns


def test_blocks_change_nothing(voice):
    wanted = options([*CHEAP, "speaking_rate", "embedding"], ["utterance", "region"])
    tools = Tools(None, load_detector(), Embedder())
    whole = extract_track([voice], None, wanted, tools, print)
    blocks = extract_track(np.array_split(voice, 29), None, wanted, tools, print)
    assert whole.columns == blocks.columns
    assert [vars(region) for region in whole.regions] == [vars(region) for region in blocks.regions]


def test_features_of_a_region_are_those_of_its_sound_alone(voice):
    wanted = options(["time", "mfcc", "speaking_rate"], ["utterance", "region"])
    tools = Tools(None, load_detector())
    track = extract_track([voice], None, wanted, tools, print)
    assert len(track.regions) == 2
    for region in track.regions:
        samples = voice[round(region.start_s * 16_000) : round(region.end_s * 16_000)]
        assert region.columns == features_of(samples, wanted, tools)
        assert region.columns["speech_s"] == pytest.approx(region.end_s - region.start_s)
    speech_s = sum(region.end_s - region.start_s for region in track.regions)
    assert track.columns["speech_s"] == pytest.approx(speech_s)
    n_syllables = track.columns["syllables"]
    assert track.columns["articulation_rate"] == pytest.approx(n_syllables / speech_s)
    assert track.columns["syllables_per_s"] == pytest.approx(n_syllables / (len(voice) / 16_000))
    assert 3 < track.columns["articulation_rate"] < 7


def test_recording_without_speech_has_no_rate():
    silence = np.zeros(32_000, np.float32)
    columns = extract_track([silence], None, options(["speaking_rate"]), Tools(None, load_detector()), print).columns
    assert columns == {"speech_s": 0.0, "syllables": 0, "syllables_per_s": 0.0, "articulation_rate": None}


def test_frames_are_kept_chunk_by_chunk(voice, monkeypatch):
    monkeypatch.setattr("transforms.features.chunks.CHUNK_FRAMES", 150)
    monkeypatch.setattr("transforms.features.chunks.CHUNK_SAMPLES", 150 * 160)
    monkeypatch.setattr("transforms.features.sound.CHUNK_SAMPLES", 150 * 160)
    kept = []
    wanted = options(["time", "embedding"], ["utterance", "frame"])
    tools = Tools(None, embedder=Embedder())
    track = extract_track([voice], 1, wanted, tools, lambda *values: kept.append(values))
    assert [(channel, chunk) for channel, chunk, _, _ in kept] == [(1, n) for n in range(track.n_chunks)]
    assert sum(len(frames["rms"]) for _, _, frames, _ in kept) == track.n_frames
    starts = np.concatenate([positions["start_sample"] for _, _, _, positions in kept if positions])
    np.testing.assert_array_equal(starts, np.arange(0, len(voice), 1_600))
    embeddings = np.concatenate([positions["embedding"] for _, _, _, positions in kept if positions], axis=1)
    np.testing.assert_allclose(track.columns["embedding"], embeddings.mean(axis=1), atol=1e-6)


def test_what_cannot_be_read_ends_in_a_failure(tmp_path):
    gone = extracted(tmp_path / "gone.wav", options())
    assert (gone.heard.failure.error_type, gone.heard.failure.retriable, gone.tracks) == ("FileNotFoundError", True, ())
    broken = tmp_path / "text.wav"
    broken.write_text("no sound" * 100)
    assert (extracted(broken, options()).heard.failure.stage, extracted(broken, options()).tracks) == ("open", ())


def test_truncated_file_has_features_as_far_as_it_goes(tmp_path, voice):
    path = tmp_path / "cut.flac"
    soundfile.write(path, voice, 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = extracted(path, options())
    assert found.heard.usable
    assert "truncated" in found.heard.failure.message or found.heard.failure.stage == "decode"
    assert 0 < found.tracks[0].n_samples < len(voice)


def test_sound_of_one_sample():
    columns = features_of(np.array([0.5], np.float32), options([*CHEAP, "chroma", "pitch"]), Tools(None))
    assert columns["peak_dbfs"] == pytest.approx(-6.02, abs=0.01)
    assert (columns["loudness_lufs"], columns["f0_hz_mean"], columns["voiced_ratio"]) == (None, None, 0.0)
    assert len(columns["mfcc_delta2_mean"]) == 13


def test_nothing_pushed_has_no_columns_of_frames():
    assert SoundFeatures(["mfcc"], None).finish([]) == {}
