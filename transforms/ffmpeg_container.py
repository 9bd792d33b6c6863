"""Opening a file with FFmpeg so that hostile bytes reach as little of it as possible."""

import re
import struct

import av
from av.error import FFmpegError

from transforms.audio_source import AudioDecodeError, SourceFile
from transforms.media_types import media_kind

# Demuxers that keep to the file they are given. Playlists (hls, dash, concat, sdp ...) open what they name.
DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,dtshd,eac3,flac,flv,loas,matroska,mov,mp3,mpeg,mpegts,"
    "nistsphere,ogg,tta,voc,w64,wav,wv"
)

# Sound only: the codec of a picture track is never run, not even to probe it.
DECODERS = (
    "aac,aac_latm,ac3,adpcm_g722,adpcm_g726,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,adpcm_yamaha,alac,amrnb,"
    "amrwb,ape,dca,eac3,flac,g722,g723_1,g726,g729,gsm,gsm_ms,libopus,mlp,mp1float,mp2,mp2float,mp3,mp3float,"
    "nellymoser,opus,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,"
    "pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,pcm_u16be,pcm_u16le,pcm_u24be,pcm_u24le,pcm_u32be,"
    "pcm_u32le,pcm_u8,speex,truehd,truespeech,tta,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)

_LIMITS = {"format_whitelist": DEMUXERS, "codec_whitelist": DECODERS, "protocol_whitelist": ""}

# Containers whose header states the length of the sound. Elsewhere FFmpeg's figure is an estimate.
_STATE_LENGTH = {"aiff", "ape", "au", "flac", "mov", "nistsphere", "tta", "wv"}

_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def open_container(file: SourceFile) -> av.container.InputContainer:
    """The file as FFmpeg reads it, recognised by its content. Raises AudioDecodeError."""
    head = file.read_at(0, 256)
    file.seek(0)
    try:
        return av.open(file, mode="r", metadata_errors="ignore", container_options=_LIMITS)
    except FFmpegError as error:
        file.raise_read_error()
        kind = media_kind(head)
        if kind is None:
            raise AudioDecodeError(f"not an audio file: it begins with {head[:16]!r}") from error
        hint = "; an MP4 that was cut off before its end has no index" if kind == "MP4" else ""
        raise AudioDecodeError(f"damaged {kind} file: its header or index cannot be read{hint}") from error


def audio_stream(container: av.container.InputContainer) -> av.AudioStream:
    """The track that FFmpeg holds for the main one. Raises AudioDecodeError."""
    stream = container.streams.best("audio")
    if stream is None:
        raise AudioDecodeError("no audio track")
    codec = stream.codec_context and stream.codec_context.codec.name
    if codec not in DECODERS.split(","):
        raise AudioDecodeError(f"no decoder for its sound ({codec or 'unknown codec'})")
    return stream


def format_name(container: av.container.InputContainer) -> str:
    """The demuxer without its aliases: mov, matroska, mp3 ..."""
    return container.format.name.split(",")[0]


def estimated_s(container: av.container.InputContainer, stream: av.AudioStream) -> float | None:
    """The length as far as FFmpeg can tell before decoding."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base


def origin_s(container: av.container.InputContainer) -> float:
    """The timestamp at which the file starts."""
    return (container.start_time or 0) / av.time_base


def promised_s(file: SourceFile, container: av.container.InputContainer, stream: av.AudioStream) -> float | None:
    """The length that the header states outright; None where it does not."""
    match format_name(container):
        case "matroska":
            return _matroska_length_s(container, stream)
        case "asf":
            return _asf_length_s(file) if len(container.streams) == 1 else None
        case "mp3":
            return estimated_s(container, stream) if _mp3_states_length(file) else None
        case name:
            return estimated_s(container, stream) if name in _STATE_LENGTH else None


def _matroska_length_s(container: av.container.InputContainer, stream: av.AudioStream) -> float | None:
    """From the statistics tag of the track: the length in the header is that of the longest track."""
    tag = re.fullmatch(r"(\d+):(\d\d):(\d\d\.\d+)", stream.metadata.get("DURATION", ""))
    if tag:
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) - origin_s(container)
    return estimated_s(container, stream) if len(container.streams) == 1 else None


def _asf_length_s(file: SourceFile) -> float | None:
    """From the File Properties object (ASF specification 3.2), which FFmpeg passes over where the file was cut."""
    head = file.read_at(0, 65_536)
    start = head.find(_ASF_FILE_PROPERTIES)
    if start < 0 or len(head) < start + 92:
        return None
    play_100ns, _, preroll_ms, flags = struct.unpack_from("<QQQI", head, start + 64)
    is_broadcast = flags & 1
    return None if is_broadcast else play_100ns / 1e7 - preroll_ms / 1e3


def _mp3_states_length(file: SourceFile) -> bool:
    """Whether the first frame is a Xing, Info or VBRI header that counts the frames."""
    start, tag = 0, file.read_at(0, 10)
    if tag[:3] == b"ID3" and len(tag) == 10:
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    frame = file.read_at(start, 256)
    counted = re.search(rb"(?:Xing|Info)\x00\x00\x00(.)", frame, re.DOTALL)
    return b"VBRI" in frame or (counted is not None and bool(counted[1][0] & 1))
