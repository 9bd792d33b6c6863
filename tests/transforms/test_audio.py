"""Every kind of file is read by its content, as a stream, with the right times, and says so where it is damaged."""

import contextlib
import io
import random
import socket
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.audio_files import read_speech, spread, video, with_ffmpeg, with_soundfile
from transforms.audio import MEDIA_EXTENSIONS, AudioDecodeError, AudioInfo, is_media, open_audio

SECONDS = 5.0


@pytest.fixture(scope="module")
def voice(speech: Path):
    """voice(rate_hz, channels): the start of a recording as float32 [n, channels]."""
    path = speech / "librispeech" / "1272-128104-0000.flac"
    path = path if path.exists() else min((speech / "librispeech").iterdir())
    return lambda rate_hz, channels=1: spread(read_speech(path, SECONDS, rate_hz)[0], channels)


def decode(content: bytes, block_s: float = 1.0) -> tuple[AudioInfo, np.ndarray]:
    with open_audio(io.BytesIO(content)) as audio:
        return audio.info, np.concatenate(list(audio.blocks(block_s)))


def decode_damaged(content: bytes) -> tuple[np.ndarray, AudioDecodeError]:
    blocks = []
    with open_audio(io.BytesIO(content)) as audio, pytest.raises(AudioDecodeError) as error:
        blocks.extend(audio.blocks(1.0))
    samples = np.concatenate(blocks)
    assert error.value.decoded_s == pytest.approx(len(samples) / audio.info.sample_rate_hz)
    return samples, error.value


def correlation(decoded: np.ndarray, original: np.ndarray, rate_hz: int) -> float:
    """The highest over delays of up to 80 ms either way; of the worst channel but for that of the subwoofer."""
    n, reach = min(len(decoded), len(original)), int(0.08 * rate_hz)
    scores = []
    for channel, (ours, theirs) in enumerate(zip(decoded[:n].T, original[:n].T, strict=True)):
        if channel == 3 and decoded.shape[1] >= 6:
            continue
        spectrum = np.fft.rfft(ours, 2 * n) * np.conj(np.fft.rfft(theirs, 2 * n))
        delays = np.fft.irfft(spectrum)
        best = max(delays[:reach].max(), delays[-reach:].max())
        scores.append(best / np.sqrt(np.square(ours).sum() * np.square(theirs).sum()))
    return float(min(scores))


@pytest.mark.parametrize(
    ("kind", "subtype", "endian", "codec", "rate_hz", "channels", "error"),
    [
        ("WAV", "PCM_U8", None, "pcm_u8", 8_000, 1, 1 / 128),
        ("WAV", "PCM_16", None, "pcm_s16le", 16_000, 1, 1e-4),
        ("WAV", "PCM_24", None, "pcm_s24le", 44_100, 2, 1e-6),
        ("WAV", "PCM_32", None, "pcm_s32le", 192_000, 1, 1e-6),
        ("WAV", "FLOAT", None, "pcm_f32le", 22_050, 1, 0),
        ("WAV", "DOUBLE", None, "pcm_f64le", 11_025, 1, 0),
        ("WAV", "ULAW", None, "pcm_mulaw", 8_000, 2, 0.02),
        ("WAV", "ALAW", None, "pcm_alaw", 8_000, 1, 0.02),
        ("WAV", "PCM_16", "BIG", "pcm_s16be", 16_000, 2, 1e-4),
        ("WAVEX", "PCM_16", None, "pcm_s16le", 48_000, 8, 1e-4),
        ("RF64", "PCM_16", None, "pcm_s16le", 16_000, 1, 1e-4),
        ("W64", "PCM_24", None, "pcm_s24le", 16_000, 1, 1e-6),
        ("AIFF", "PCM_16", None, "pcm_s16be", 44_100, 2, 1e-4),
        ("AIFF", "PCM_16", "LITTLE", "pcm_s16le", 16_000, 1, 1e-4),
        ("CAF", "PCM_16", None, "pcm_s16be", 16_000, 1, 1e-4),
        ("CAF", "ALAC_16", None, "alac", 16_000, 1, 1e-4),
        ("AU", "PCM_16", None, "pcm_s16be", 16_000, 1, 1e-4),
        ("NIST", "PCM_16", None, "pcm_s16le", 16_000, 1, 1e-4),
        ("FLAC", "PCM_16", None, "flac", 16_000, 2, 1e-4),
        ("FLAC", "PCM_24", None, "flac", 96_000, 8, 1e-6),
    ],
)
def test_lossless_sound_comes_back_sample_by_sample(voice, kind, subtype, endian, codec, rate_hz, channels, error):
    original = voice(rate_hz, channels)
    info, decoded = decode(with_soundfile(original, rate_hz, kind, subtype, endian))
    assert info == AudioInfo(rate_hz, channels, codec, len(original) / rate_hz)
    assert decoded.shape == original.shape
    assert decoded.dtype == np.float32
    assert np.abs(decoded - original).max() <= error


@pytest.mark.parametrize(
    ("muxer", "encoder", "layout", "rate_hz", "codec", "likeness"),
    [
        ("mp3", "libmp3lame", "mono", 44_100, "mp3", 0.95),
        ("mp3", "libmp3lame", "stereo", 16_000, "mp3", 0.95),
        ("wav", "libmp3lame", "mono", 16_000, "mp3", 0.95),
        ("adts", "aac", "stereo", 44_100, "aac", 0.95),
        ("ipod", "aac", "mono", 16_000, "aac", 0.95),
        ("mp4", "aac", "7.1", 48_000, "aac", 0.95),
        ("ogg", "libopus", "mono", 48_000, "opus", 0.95),
        ("ogg", "libopus", "7.1", 48_000, "opus", 0.95),
        ("webm", "libopus", "stereo", 48_000, "opus", 0.95),
        ("matroska", "aac", "mono", 16_000, "aac", 0.95),
        ("asf", "wmav2", "stereo", 44_100, "wmav2", 0.95),
        ("mov", "alac", "stereo", 44_100, "alac", 0.999),
        ("ogg", "flac", "mono", 16_000, "flac", 0.999),
        ("wav", "adpcm_ima_wav", "mono", 16_000, "adpcm_ima_wav", 0.95),
        ("wav", "adpcm_ms", "stereo", 16_000, "adpcm_ms", 0.95),
        ("ac3", "ac3", "5.1(side)", 48_000, "ac3", 0.9),
        ("amr", "libopencore_amrnb", "mono", 8_000, "amr_nb", 0.8),
        ("3gp", "libopencore_amrnb", "mono", 8_000, "amr_nb", 0.8),
    ],
)
def test_compressed_sound_is_recognised_and_keeps_its_length(voice, muxer, encoder, layout, rate_hz, codec, likeness):
    channels = {"mono": 1, "stereo": 2, "5.1(side)": 6, "7.1": 8}[layout]
    original = voice(rate_hz, channels)
    bit_rate = 12_200 if "amr" in encoder else 64_000 * channels
    info, decoded = decode(with_ffmpeg(original, rate_hz, muxer, encoder, layout, bit_rate))
    assert (info.sample_rate_hz, info.channels, info.codec) == (rate_hz, channels, codec)
    # the last block is filled up, and some containers have no place to say how long the encoder's delay is
    block_s = {"aac": 1024, "adpcm_ima_wav": 2048, "adpcm_ms": 2048}.get(encoder, 0) / rate_hz
    delay_s = 0.085 if (muxer, encoder) == ("wav", "libmp3lame") else 0.02
    assert len(decoded) / rate_hz == pytest.approx(SECONDS, abs=max(0.05, block_s + delay_s))
    assert info.duration_s == pytest.approx(SECONDS, abs=0.3)
    assert correlation(decoded, original, rate_hz) > likeness


def test_vorbis(voice):
    original = voice(44_100, 2)
    info, decoded = decode(with_soundfile(original, 44_100, "OGG", "VORBIS"))
    assert (info.codec, info.channels, decoded.shape) == ("vorbis", 2, original.shape)
    assert correlation(decoded, original, 44_100) > 0.95


@pytest.mark.parametrize(
    ("muxer", "picture_codec", "codec", "name"),
    [
        ("mp4", "libx264", "aac", "aac"),
        ("matroska", "libx264", "aac", "aac"),
        ("webm", "libvpx", "libopus", "opus"),
        ("mpegts", "libx264", "aac", "aac"),
        ("flv", "flv", "aac", "aac"),
        ("avi", "mpeg4", "libmp3lame", "mp3"),
    ],
)
def test_the_sound_of_a_video(voice, muxer, picture_codec, codec, name):
    original = voice(48_000, 2)
    info, decoded = decode(video(original, 48_000, muxer, picture_codec, codec))
    assert (info.sample_rate_hz, info.channels, info.codec) == (48_000, 2, name)
    assert len(decoded) / 48_000 == pytest.approx(SECONDS, abs=0.1)
    assert correlation(decoded, original, 48_000) > 0.95


@pytest.mark.parametrize("name", ["sound.mp3", "sound.txt", "sound.raw", "sound"])
def test_the_extension_decides_nothing(voice, tmp_path, name):
    original = voice(16_000)
    path = tmp_path / name
    path.write_bytes(with_soundfile(original, 16_000, "WAV", "PCM_16"))
    with path.open("rb") as file, open_audio(file) as audio:
        decoded = np.concatenate(list(audio.blocks()))
    assert np.abs(decoded - original).max() < 1e-4


@pytest.mark.parametrize("encoding", ["wav", "mp3", "opus"])
@pytest.mark.parametrize("block_s", [0.0001, 0.3, 4.0, 60.0])
def test_blocks_of_any_length_join_to_the_same_sound(voice, encoding, block_s):
    content = {
        "wav": lambda: with_soundfile(voice(16_000), 16_000, "WAV", "PCM_16"),
        "mp3": lambda: with_ffmpeg(voice(16_000), 16_000, "mp3", "libmp3lame"),
        "opus": lambda: with_ffmpeg(voice(48_000), 48_000, "ogg", "libopus"),
    }[encoding]()
    info, whole = decode(content, block_s=1000.0)
    with open_audio(io.BytesIO(content)) as audio:
        blocks = list(audio.blocks(block_s))
    n_block = round(block_s * info.sample_rate_hz)
    assert {len(block) for block in blocks[:-1]} <= {n_block}
    assert 0 < len(blocks[-1]) <= n_block
    assert np.array_equal(np.concatenate(blocks), whole)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"x", "not an audio file"),
        (b"Dear Sir or Madam,\n" * 200, "not an audio file"),
        (bytes(5000), "not an audio file"),
        (random.Random(0).randbytes(100_000), "not an audio file"),
        (b"RIFF\x00\x00\x00\x00WAVE", "damaged WAV file"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(300), "damaged MP3 file"),
    ],
)
def test_what_holds_no_sound_is_refused_with_the_reason(content, message):
    with pytest.raises(AudioDecodeError, match=message) as error:
        open_audio(io.BytesIO(content))
    assert error.value.decoded_s == 0.0


def test_a_silent_film_has_no_audio_track():
    with pytest.raises(AudioDecodeError, match="no audio track"):
        open_audio(io.BytesIO(video(None, 0, "mp4", "libx264")))


@pytest.mark.parametrize(("rate_hz", "channels", "message"), [(12, 1, "12 Hz"), (16_000, 700, "700 channels")])
def test_headers_with_absurd_figures_are_refused(rate_hz, channels, message):
    header = struct.pack(
        "<4sI8sIHHIIHH4sI", b"RIFF", 36 + 14_000, b"WAVEfmt ", 16, 1, channels, rate_hz,
        rate_hz * channels * 2, channels * 2, 16, b"data", 14_000,
    )  # fmt: skip
    with pytest.raises(AudioDecodeError, match=message):
        open_audio(io.BytesIO(header + bytes(14_000)))


def test_a_header_alone_is_no_silence(voice):
    whole = with_soundfile(voice(16_000), 16_000, "WAV", "PCM_16")
    with pytest.raises(AudioDecodeError, match="no sound in the file; the header promises 160000 bytes"):
        open_audio(io.BytesIO(whole[:44]))
    with pytest.raises(AudioDecodeError, match="no sound in the file"):
        open_audio(io.BytesIO(whole[:40] + bytes(4)))


@pytest.mark.parametrize(
    "encoding",
    "WAV RF64 W64 AIFF CAF AU FLAC mp3 mp3-in-wav faststart matroska webm asf adpcm".split(),
)
def test_a_cut_file_delivers_what_it_holds_and_is_called_truncated(voice, encoding):
    rate_hz, original = 48_000, voice(48_000)
    if encoding.isupper() or encoding in ("RF64", "W64"):
        content = with_soundfile(original, rate_hz, encoding, "PCM_16")
    else:
        muxer, codec = {
            "mp3": ("mp3", "libmp3lame"),
            "mp3-in-wav": ("wav", "libmp3lame"),
            "faststart": ("mp4", "aac"),
            "matroska": ("matroska", "aac"),
            "webm": ("webm", "libopus"),
            "asf": ("asf", "wmav2"),
            "adpcm": ("wav", "adpcm_ms"),
        }[encoding]
        options = {"movflags": "empty_moov+default_base_moof"} if encoding == "faststart" else {}
        content = with_ffmpeg(original, rate_hz, muxer, codec, options=options)
    if encoding == "faststart":
        content = _index_first(with_ffmpeg(original, rate_hz, "mp4", "aac"))
    assert len(decode(content)[1]) / rate_hz == pytest.approx(SECONDS, abs=0.1)
    decoded, error = decode_damaged(content[: len(content) * 6 // 10])
    assert "truncated: the header promises 5." in str(error)
    assert 2.0 < error.decoded_s < 3.6
    assert correlation(decoded, original[: len(decoded)], rate_hz) > 0.95


def _index_first(content: bytes) -> bytes:
    """An MP4 with its index (moov) moved before the data, as for the web: its chunk offsets grow by its size."""
    boxes, position = {}, 0
    while position < len(content):
        size, name = struct.unpack_from(">I4s", content, position)
        boxes[name] = content[position : position + size]
        position += size
    moov = bytearray(boxes[b"moov"])
    table = moov.index(b"stco") + 8
    (count,) = struct.unpack_from(">I", moov, table)
    for entry in range(table + 4, table + 4 + 4 * count, 4):
        struct.pack_into(">I", moov, entry, struct.unpack_from(">I", moov, entry)[0] + len(moov))
    rest = b"".join(box for name, box in boxes.items() if name not in (b"ftyp", b"moov"))
    return boxes[b"ftyp"] + bytes(moov) + rest


def test_an_mp4_cut_before_its_index_says_so(voice):
    content = with_ffmpeg(voice(16_000), 16_000, "mp4", "aac")
    with pytest.raises(AudioDecodeError, match="cut off before its end has no index"):
        open_audio(io.BytesIO(content[: len(content) // 2]))


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0xFFFFFFFF])
def test_a_wav_that_was_streamed_with_an_open_length_is_whole(voice, size):
    content = with_soundfile(voice(16_000), 16_000, "WAV", "PCM_16")
    length = struct.pack("<I", size)
    info, decoded = decode(content[:4] + length + content[8:40] + length + content[44:])
    assert len(decoded) == SECONDS * 16_000
    assert info.duration_s == SECONDS


def test_an_mp3_without_a_frame_count_is_not_called_truncated(voice):
    content = with_ffmpeg(voice(16_000), 16_000, "mp3", "libmp3lame", options={"write_xing": "0"})
    info, decoded = decode(content[: len(content) // 2])
    assert len(decoded) / 16_000 == pytest.approx(SECONDS / 2, abs=0.1)
    assert info.duration_s == pytest.approx(SECONDS / 2, abs=0.1)


@pytest.mark.parametrize(("muxer", "codec"), [("flac", "flac"), ("ogg", "libopus"), ("ipod", "aac")])
def test_sound_after_a_damaged_stretch_is_kept_in_its_place(voice, muxer, codec):
    original = voice(48_000)
    content = with_ffmpeg(original, 48_000, muxer, codec)
    middle = len(content) // 3
    decoded, error = decode_damaged(content[:middle] + bytes(800) + content[middle + 800 :])
    assert "cannot be decoded" in str(error)
    assert len(decoded) / 48_000 == pytest.approx(SECONDS, abs=0.05)
    last_s = slice(int(-1.5 * 48_000), int(-0.1 * 48_000))
    assert correlation(decoded[: len(original)][last_s], original[last_s], 48_000) > 0.95


@pytest.mark.parametrize("muxer", ["mp4", "matroska"])
def test_a_pause_of_the_recorder_is_silence(voice, muxer):
    original = voice(16_000)
    content = with_ffmpeg(original, 16_000, muxer, "aac", first_pts_s={2.0: 20.0})
    with open_audio(io.BytesIO(content)) as audio:
        decoded = np.concatenate(list(audio.blocks()))
    assert len(decoded) / 16_000 == pytest.approx(SECONDS + 20.0, abs=0.1)
    assert audio.filled_s == pytest.approx(20.0, abs=0.01)
    resumed = decoded[22 * 16_000 : 22 * 16_000 + 3 * 16_000]
    assert correlation(resumed, original[2 * 16_000 :], 16_000) > 0.95


def test_a_recording_joined_from_two_kinds_goes_on_in_the_first(voice):
    stereo = with_ffmpeg(voice(22_050, 2), 22_050, "mp3", "libmp3lame", "stereo", options={"write_xing": "0"})
    mono = with_ffmpeg(voice(44_100), 44_100, "mp3", "libmp3lame", options={"write_xing": "0"})
    with open_audio(io.BytesIO(mono + stereo)) as audio:
        decoded = np.concatenate(list(audio.blocks()))
    assert (audio.info.sample_rate_hz, audio.info.channels) == (44_100, 1)
    assert len(decoded) / 44_100 == pytest.approx(2 * SECONDS, abs=0.2)
    assert correlation(decoded[int(SECONDS * 44_100) :], voice(44_100), 44_100) > 0.9


def test_samples_that_are_no_numbers_become_silence_and_are_counted(voice):
    original = voice(16_000).copy()
    original[[10, 20, 30, 40]] = [[np.nan], [np.inf], [-np.inf], [1e30]]
    with open_audio(io.BytesIO(with_soundfile(original, 16_000, "WAV", "FLOAT"))) as audio:
        decoded = np.concatenate(list(audio.blocks()))
    assert audio.bad_samples == 4
    assert not decoded[[10, 20, 30, 40]].any()
    good = np.delete(np.arange(len(original)), [10, 20, 30, 40])
    assert np.array_equal(decoded[good], original[good])


@pytest.mark.parametrize("playlist", ["m3u8", "ffconcat", "sdp", "mpd"])
@pytest.mark.parametrize("target", ["file", "http"])
def test_a_playlist_opens_nothing_of_what_it_names(voice, tmp_path, playlist, target):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(with_soundfile(voice(16_000), 16_000, "WAV", "PCM_16"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        url = f"file:{secret}" if target == "file" else f"http://127.0.0.1:{port}/secret.wav"
        text = {
            "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n",
            "ffconcat": f"ffconcat version 1.0\nfile '{url}'\n",
            "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
            "mpd": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
            f"<AdaptationSet><Representation><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        }[playlist]
        with pytest.raises(AudioDecodeError, match="not an audio file"):
            open_audio(io.BytesIO(text.encode()))
        with pytest.raises(BlockingIOError):  # nobody has called
            server.accept()


class LosesConnection(io.BytesIO):
    """Fails from a certain byte on."""

    def __init__(self, content: bytes, limit: int) -> None:
        super().__init__(content)
        self._limit = limit

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() + (size or 0) > self._limit:
            raise ConnectionError("connection lost")
        return super().read(size)


@pytest.mark.parametrize(("muxer", "codec"), [("wav", "pcm_s16le"), ("mp3", "libmp3lame"), ("matroska", "aac")])
@pytest.mark.parametrize("fraction", [0.0, 0.0001, 0.5, 0.99])
def test_a_failing_read_is_not_taken_for_a_damaged_file(voice, capfd, muxer, codec, fraction):
    content = with_ffmpeg(voice(48_000), 48_000, muxer, codec)
    file = LosesConnection(content, int(len(content) * fraction))
    with pytest.raises(ConnectionError, match="connection lost"), open_audio(file) as audio:
        list(audio.blocks())
    assert capfd.readouterr() == ("", "")


class EndlessWav(io.RawIOBase):
    """A WAV of so many seconds, 48 kHz stereo, made up as it is read."""

    def __init__(self, seconds: int) -> None:
        self._n_bytes, self._position = 44 + seconds * 48_000 * 4, 0
        n = self._n_bytes - 44
        self._header = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", n + 36, b"WAVEfmt ", 16, 1, 2, 48_000, 192_000, 4, 16, b"data", n)  # fmt: skip # noqa: E501

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + (self._n_bytes if whence == io.SEEK_END else 0)
        return self._position

    def read(self, size: int = -1) -> bytes:
        start, size = self._position, min(size, self._n_bytes - self._position)
        self._position += size
        return (self._header[start:] + b"\x01" * size)[:size]


def test_memory_does_not_grow_with_the_length_of_a_file():
    def peak_bytes(seconds: int) -> int:
        tracemalloc.start()
        with open_audio(EndlessWav(seconds)) as audio:
            n_samples = sum(len(block) for block in audio.blocks(1.0))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert n_samples == seconds * 48_000
        return peak

    assert peak_bytes(600) < 1.2 * peak_bytes(60)


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_does_more_than_raise(voice, capfd, seed):
    chance = random.Random(seed)
    original = voice(48_000, 8)
    muxer, codec = chance.choice([("mp4", "aac"), ("ogg", "libopus"), ("flac", "flac"), ("wav", "pcm_s16le")])
    content = bytearray(with_ffmpeg(original[:48_000], 48_000, muxer, codec, "7.1"))
    for _ in range(chance.choice([1, 10, 100])):
        content[chance.randrange(chance.choice([64, 1000, len(content)]))] = chance.randrange(256)
    with contextlib.suppress(AudioDecodeError), open_audio(io.BytesIO(bytes(content))) as audio:
        for block in audio.blocks(1.0):
            assert block.dtype == np.float32
            assert block.shape[1] == audio.info.channels
            assert np.isfinite(block).all()
    assert capfd.readouterr() == ("", "")


def test_real_recordings_are_known_by_their_first_bytes_and_names(speech, clips):
    for clip in clips:
        path = speech / clip["uri"]
        with path.open("rb") as file:
            assert is_media(file.read(64)), path
        assert path.suffix in MEDIA_EXTENSIONS


def test_containers_are_known_by_their_first_64_bytes(voice):
    sound = voice(48_000)
    for muxer, codec in [
        ("mp3", "libmp3lame"), ("adts", "aac"), ("ipod", "aac"), ("mov", "alac"), ("webm", "libopus"), ("asf", "wmav2"),
        ("ogg", "libopus"), ("flac", "flac"), ("wav", "pcm_s16le"), ("au", "pcm_mulaw"), ("avi", "libmp3lame"),
        ("flv", "aac"), ("w64", "pcm_s16le"), ("aiff", "pcm_s16be"), ("caf", "pcm_s16be"), ("mp2", "mp2"),
    ]:  # fmt: skip
        rate_hz = 44_100 if muxer == "flv" else 48_000
        assert is_media(with_ffmpeg(sound, rate_hz, muxer, codec)[:64]), muxer
    assert is_media(with_ffmpeg(sound, 48_000, "mp3", "libmp3lame", options={"id3v2_version": "0"})[:64])


def test_other_files_are_not_taken_for_media():
    others = [
        b"", b"\xff", b"\xff\xfe" + "text".encode("utf-16-le"), b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"%PDF-1.7\n",
        b"PK\x03\x04\x14\x00", b"\x89PNG\r\n\x1a\n", b"#EXTM3U\n", b"RIFF\x10\x00\x00\x00WEBPVP8 ", b"{\"uri\": 1}",
        b"\x1f\x8b\x08\x00", b"PAR1", b"ID3 is a metadata container", b"OggS of war", b"\xff" * 64, b"\x00" * 64,
    ]  # fmt: skip
    assert [head for head in others if is_media(head)] == []
    chance = random.Random(0)
    assert sum(is_media(chance.randbytes(64)) for _ in range(20_000)) < 20
