"""Uncompressed sound through libsndfile: WAV and its 64-bit and big-endian kin, AIFF, CAF."""

from collections.abc import Iterator

import numpy as np
import soundfile

from transforms.audio_source import AudioInfo, SourceFile
from transforms.media_types import media_kind
from transforms.sound_chunk import find_sound_chunk

# libsndfile's name of an encoding -> FFmpeg's, "_e" standing for the byte order
_CODECS = {
    "PCM_S8": "pcm_s8",
    "PCM_U8": "pcm_u8",
    "PCM_16": "pcm_s16_e",
    "PCM_24": "pcm_s24_e",
    "PCM_32": "pcm_s32_e",
    "FLOAT": "pcm_f32_e",
    "DOUBLE": "pcm_f64_e",
    "ULAW": "pcm_mulaw",
    "ALAW": "pcm_alaw",
    "ALAC_16": "alac",
    "ALAC_20": "alac",
    "ALAC_24": "alac",
    "ALAC_32": "alac",
}
_PIECE_SAMPLES = 65_536


class SoundfileSource:
    """Sound that libsndfile reads."""

    filled_s = 0.0

    def __init__(self, sound: soundfile.SoundFile, promised_ratio: float | None) -> None:
        """promised_ratio: see SoundChunk."""
        self._sound = sound
        held_s = sound.frames / sound.samplerate
        self.promised_s = None if promised_ratio is None else held_s * promised_ratio
        self.info = AudioInfo(sound.samplerate, sound.channels, _codec(sound), self.promised_s or held_s)
        self._damage: str | None = None

    def pieces(self) -> Iterator[np.ndarray]:
        n_frames = max(_PIECE_SAMPLES // self.info.channels, 1)
        while True:
            try:
                piece = self._sound.read(n_frames, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                self._damage = f"damaged: {error.error_string}"
                return
            if len(piece) == 0:
                return
            yield piece

    def damage(self) -> str | None:
        return self._damage

    def close(self) -> None:
        self._sound.close()


def open_with_soundfile(file: SourceFile) -> SoundfileSource | None:
    """The file as libsndfile reads it; None if that is not for libsndfile.

    Only uncompressed sound is. Where a compressed file is damaged FFmpeg delivers more: libsndfile 1.2 gives nothing
    of a cut Ogg file and stops at the first bad FLAC frame. The other way round FFmpeg plays big-endian WAV as noise.
    """
    if media_kind(file.read_at(0, 64)) not in ("WAV", "W64", "AIFF", "CAF"):
        return None
    chunk = find_sound_chunk(file)
    try:
        sound = soundfile.SoundFile(file)
    except soundfile.LibsndfileError:
        return None
    if sound.subtype not in _CODECS or sound.frames == 0:
        # FFmpeg reads a WAV of a recorder that never came to fill in the length
        sound.close()
        return None
    return SoundfileSource(sound, chunk.promised_ratio if chunk else None)


def _codec(sound: soundfile.SoundFile) -> str:
    native = "be" if sound.format in ("AIFF", "CAF") else "le"
    order = {"LITTLE": "le", "BIG": "be"}.get(sound.endian, native)
    return _CODECS[sound.subtype].replace("_e", order)
