"""Mutilated files of every container, and bytes of no container: each is accounted for, and changes no other.

BEAMSCRIBE_FUZZ_FILES says how many mutated files (default 300). A file is made from its number alone: one that fails
is made again by `mutated(contents, number)`.
"""

import io
import json
import os
import random
from collections import Counter
from contextlib import closing, suppress
from dataclasses import asdict

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.audio_files import spread, video, with_ffmpeg, with_soundfile
from tests.conftest import REPOSITORY
from transforms.decoder import DecodeFailedError, Decoder
from transforms.decoder_messages import ending_of, failure_of, info_of, read_of, tracks_of
from transforms.frames import FrameError, pack, unpack

N_FILES = int(os.environ.get("BEAMSCRIBE_FUZZ_FILES", "300"))
N_SHARDS = 10
# a known good file is decoded after so many bad ones
GOOD_EVERY = 25
SOUNDFILES = [
    ("WAV", "PCM_16", 2), ("WAV", "FLOAT", 1), ("WAV", "ULAW", 1), ("WAVEX", "PCM_24", 8), ("RF64", "PCM_16", 1),
    ("W64", "PCM_16", 1), ("AIFF", "PCM_16", 2), ("CAF", "ALAC_16", 1), ("AU", "PCM_16", 1), ("NIST", "PCM_16", 1),
    ("VOC", "PCM_16", 1), ("FLAC", "PCM_16", 2), ("OGG", "VORBIS", 2),
]  # fmt: skip
FFMPEG = [
    ("mp3", "libmp3lame", "stereo"), ("mp2", "mp2", "mono"), ("adts", "aac", "stereo"), ("ipod", "aac", "mono"),
    ("mp4", "aac", "7.1"), ("mov", "alac", "stereo"), ("ogg", "libopus", "stereo"), ("ogg", "flac", "mono"),
    ("webm", "libopus", "mono"), ("matroska", "aac", "stereo"), ("asf", "wmav2", "stereo"), ("ac3", "ac3", "stereo"),
    ("wav", "adpcm_ms", "mono"), ("wav", "adpcm_ima_wav", "mono"), ("wv", "wavpack", "stereo"), ("tta", "tta", "mono"),
    ("amr", "libopencore_amrnb", "mono"), ("3gp", "libopencore_amrnb", "mono"),
]  # fmt: skip
VIDEOS = [
    ("mp4", "libx264", "aac"),
    ("mpegts", "libx264", "aac"),
    ("avi", "mpeg4", "libmp3lame"),
    ("flv", "flv", "aac"),
]


@pytest.fixture(scope="module")
def contents():
    """Small real files, one of each kind."""
    samples, rate_hz = soundfile.read(REPOSITORY / "samples" / "voicemail.wav", dtype="float32")
    assert rate_hz == 8_000
    low = samples[: int(1.2 * rate_hz)]
    high = np.repeat(low, 6)
    made = [with_soundfile(spread(low, channels), 8_000, kind, subtype) for kind, subtype, channels in SOUNDFILES]
    for muxer, encoder, layout in FFMPEG:
        is_amr = "amr" in encoder
        sound = spread(low if is_amr else high, {"mono": 1, "stereo": 2, "7.1": 8}[layout])
        bit_rate = 12_200 if is_amr else 64_000
        made.append(with_ffmpeg(sound, 8_000 if is_amr else 48_000, muxer, encoder, layout, bit_rate))
    made += [video(spread(high, 2), 48_000, muxer, pictures, codec) for muxer, pictures, codec in VIDEOS]
    return made


@pytest.fixture(scope="module")
def decoder():
    with closing(Decoder(asset_timeout_s=60.0, max_asset_s=3600.0)) as opened:
        yield opened


def mutated(contents, number):
    """The mutated file of a number."""
    chance = random.Random(number)
    content = bytearray(contents[number % len(contents)])
    for _ in range(chance.choice((1, 1, 2, 4))):
        content = chance.choice(MUTATIONS)(content, chance, contents)
    return with_ogg_checksums(content) if chance.random() < 0.5 else bytes(content)


def with_ogg_checksums(content):
    """Ogg pages that were changed, with the checksums (RFC 3533, 6) that belong to them, or decoders skip them."""
    content, start = bytearray(content), 0
    while content[:4] == b"OggS" and (start := content.find(b"OggS", start)) >= 0:
        n_segments = content[start + 26] if start + 26 < len(content) else 0
        end = start + 27 + n_segments + sum(content[start + 27 : start + 27 + n_segments])
        content[start + 22 : start + 26] = bytes(4)
        checksum = 0
        for byte in content[start:end]:
            checksum = (checksum << 8 ^ OGG_CRC[checksum >> 24 ^ byte]) & 0xFFFFFFFF
        content[start + 22 : start + 26] = checksum.to_bytes(4, "little")
        start += 4
    return bytes(content)


def _ogg_crc(byte):
    value = byte << 24
    for _ in range(8):
        value = value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)
    return value & 0xFFFFFFFF


OGG_CRC = [_ogg_crc(byte) for byte in range(256)]


def place(content, chance):
    """An offset: often in the header, sometimes near the end, where some containers have their index."""
    reach = chance.choice((64, 512, len(content), len(content)))
    offset = chance.randrange(max(1, min(reach, len(content))))
    return len(content) - 1 - offset if chance.random() < 0.2 and content else offset


def flip_bits(content, chance, _):
    for _ in range(chance.choice((1, 10, 100)) if content else 0):
        content[place(content, chance)] ^= 1 << chance.randrange(8)
    return content


def cut(content, chance, _):
    at = place(content, chance)
    return content[at:] if chance.random() < 0.2 else content[:at]


def splice(content, chance, contents):
    other = chance.choice(contents)
    return content[: place(content, chance)] + other[place(other, chance) :]


def edit_length(content, chance, _):
    n_bytes, at = chance.choice((1, 2, 3, 4, 8)), place(content, chance)
    bits = 8 * n_bytes
    values = (0, 1, (1 << bits) - 1, 1 << (bits - 1), (1 << (bits - 1)) - 1, len(content), chance.getrandbits(bits))
    value = chance.choice(values) & ((1 << bits) - 1)
    return content[:at] + value.to_bytes(n_bytes, chance.choice(("little", "big"))) + content[at + n_bytes :]


def block(content, chance):
    at = place(content, chance)
    return at, at + chance.choice((1, 16, 188, 4096))


def repeat_block(content, chance, _):
    start, end = block(content, chance)
    return content[:end] + content[start:end] * chance.choice((1, 2, 50)) + content[end:]


def drop_block(content, chance, _):
    start, end = block(content, chance)
    return content[:start] + content[end:]


def overwrite_block(content, chance, _):
    start, end = block(content, chance)
    return content[:start] + chance.choice((bytes(end - start), chance.randbytes(end - start))) + content[end:]


MUTATIONS = (flip_bits, cut, splice, edit_length, edit_length, repeat_block, drop_block, overwrite_block)


def decode(decoder, content, asked="separate"):
    """How a file ends: `decoded`, or the types of errors. Asserts that everything about it adds up."""
    file = decoder.open(io.BytesIO(content))
    outcomes = set()
    try:
        tracks = file.tracks(asked)
        for channel in tracks.channels[:2]:
            samples = file.samples(channel)
            n_samples = 0
            for piece in samples:
                assert (piece.dtype, piece.ndim) == (np.float32, 1)
                assert np.isfinite(piece).all()
                n_samples += len(piece)
            assert samples.duration_s == pytest.approx(n_samples / 16_000, abs=2 / 16_000)
            outcomes.add(check_failure(samples.failure, ("decode",)) if samples.failure else "decoded")
    except DecodeFailedError as error:
        outcomes.add(check_failure(error.failure, ("open", "decode")))
    return " ".join(sorted(outcomes)), len(file.deaths)


def check_failure(failure, stages):
    assert failure.stage in stages
    assert failure.message == " ".join(failure.message.split()) != ""
    assert len(failure.message) <= 500
    assert not failure.retriable
    return f"{failure.stage}:{failure.error_type}"


def samples_of(decoder, content):
    return np.concatenate(list(decoder.open(io.BytesIO(content)).samples(None)))


def test_every_kind_decodes_as_long_as_it_is_left_alone(contents, decoder):
    assert [decode(decoder, content) for content in contents] == [("decoded", 0)] * len(contents)
    assert [with_ogg_checksums(content) for content in contents] == contents


@pytest.mark.parametrize("shard", range(N_SHARDS))
def test_mutated_files(contents, shard):
    outcomes, n_deaths = Counter(), 0
    with closing(Decoder(asset_timeout_s=60.0, max_asset_s=3600.0)) as decoder:
        good = {index: samples_of(decoder, contents[index]) for index in (0, 11, 12, 13, 16, 19)}
        for n_done, number in enumerate(range(shard, N_FILES, N_SHARDS)):
            outcome, deaths = decode(decoder, mutated(contents, number), "separate" if number % 3 else "mix")
            outcomes[outcome] += 1
            n_deaths += deaths
            if n_done % GOOD_EVERY == 0:
                for index, expected in good.items():
                    np.testing.assert_array_equal(samples_of(decoder, contents[index]), expected, f"after {number}")
    assert outcomes.total() == len(range(shard, N_FILES, N_SHARDS))
    print(dict(outcomes), n_deaths, "processes died")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes(contents, decoder, data):
    heads = st.one_of(
        st.just(b""),
        st.builds(lambda i, n: contents[i][:n], st.integers(0, len(contents) - 1), st.sampled_from((4, 12, 64, 400))),
    )
    decode(decoder, data.draw(heads) + data.draw(st.binary(max_size=3000)))


TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
SECONDS = st.floats() | st.integers() | st.none() | JSON
INFOS = st.fixed_dictionaries(
    {
        "sample_rate_hz": st.integers(0, 10**6) | JSON,
        "channels": st.integers(0, 70),
        "codec": TEXT,
        "duration_s": SECONDS,
    }
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "offset": st.integers(-10, 2000) | JSON,
        "size": st.integers(-10, 2000) | JSON,
        "info": INFOS | JSON,
        "channels": st.lists(st.none() | st.integers(-1, 70) | JSON, max_size=70) | JSON,
        "is_dual_mono": JSON,
        "duration_s": st.floats(0, 0.01) | SECONDS,
        "damage": st.none() | TEXT | JSON,
        "flags": st.lists(st.just("mixed_channels") | JSON, max_size=2) | JSON,
        "stage": st.sampled_from(("open", "decode", "read")) | JSON,
        "error_type": TEXT | JSON,
        "message": TEXT | JSON,
    },
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=300)
@given(HEADERS)
def test_any_message_of_the_process_is_understood_or_refused(header):
    header, body = unpack(reader(pack(header, 3) + b"abc"))
    assert body == b"abc"
    understood = []
    for understand in (info_of, tracks_of, failure_of, lambda h: ending_of(h, 100), lambda h: read_of(h, 1000)):
        with suppress(FrameError):
            understood.append(understand(header))
    for known in understood:
        # no table refuses it
        json.dumps(known if isinstance(known, tuple) else asdict(known), ensure_ascii=False, allow_nan=False).encode()


@given(st.binary(min_size=8, max_size=200))
def test_any_bytes_of_the_process_are_a_message_or_refused(data):
    with suppress(FrameError):
        header, _ = unpack(reader(data + bytes(5 << 20)))
        assert isinstance(header, dict)


def reader(data):
    file = io.BytesIO(data)
    return lambda size: bytearray(file.read(size))
