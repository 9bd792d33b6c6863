"""Which files are sound or video: by their first bytes, and by name for listings that cannot look inside."""

import re

# no .ts: in most folders that is TypeScript
_EXTENSIONS = """
    .wav .wave .w64 .rf64 .bwf .flac .mp3 .mp2 .mpga .ogg .oga .ogv .opus .spx .aac .m4a .m4b .mp4 .m4v .mov .3gp .3g2
    .wma .wmv .asf .aif .aiff .aifc .au .snd .caf .amr .awb .ac3 .eac3 .dts .ape .wv .tta .voc .sph .mkv .mka .webm
    .weba .avi .flv .mts .m2ts .mpg .mpeg .vob
"""
# lower case, with the dot
MEDIA_EXTENSIONS: frozenset[str] = frozenset(_EXTENSIONS.split())

# what a file begins with -> what it is called in messages
_SIGNATURES: tuple[tuple[str, re.Pattern[bytes]], ...] = tuple(
    (kind, re.compile(pattern, re.DOTALL))
    for kind, pattern in (
        ("WAV", rb"(RIFF|RIFX|RF64|BW64).{4}WAVE"),
        ("W64", rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"),
        ("AVI", rb"RIFF.{4}AVI "),
        ("FLAC", rb"fLaC"),
        ("Ogg", rb"OggS\x00"),
        ("MP3", rb"ID3[\x02-\x04][\x00-\x0f].[\x00-\x7f]{4}"),
        ("MP4", rb"\x00.{3}(ftyp|moov|wide|free|skip|pnot)|.{4}mdat\x00"),
        ("Matroska", rb"\x1a\x45\xdf\xa3"),
        ("ASF", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"),
        ("AIFF", rb"FORM.{4}AIF[FC]"),
        ("AU", rb"\.snd\x00"),
        ("CAF", rb"caff\x00\x01"),
        ("AMR", rb"#!AMR(-WB)?\n"),
        ("NIST SPHERE", rb"NIST_1A\n"),
        ("VOC", rb"Creative Voice File\x1a"),
        ("WavPack", rb"wvpk"),
        ("TTA", rb"TTA1"),
        ("APE", rb"MAC [\x00-\xff]\x0f"),
        ("FLV", rb"FLV\x01"),
        ("MPEG program stream", rb"\x00\x00\x01\xba"),
        ("MPEG transport stream", rb"\x47.{187}\x47"),
        ("DTS", rb"\x7f\xfe\x80\x01"),
    )
)


def media_kind(head: bytes) -> str | None:
    """The container that a file beginning with `head` is, or None. 64 bytes do; a transport stream needs 189."""
    for kind, signature in _SIGNATURES:
        if signature.match(head):
            return kind
    if _is_mpeg_audio_header(head):
        return "MP3"
    return "AAC" if _is_adts_header(head) else None


def is_media(head: bytes) -> bool:
    """Whether a file beginning with `head` is a known sound or video container."""
    return media_kind(head) is not None


def _is_mpeg_audio_header(head: bytes) -> bool:
    """An MPEG-1/2/2.5 Layer II or III frame header (ISO 11172-3, 2.4.1.3) with no reserved value in any field."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, sample_rate, emphasis = head[2] >> 4, head[2] >> 2 & 3, head[3] & 3
    return version != 1 and layer in (1, 2) and bitrate not in (0, 15) and sample_rate != 3 and emphasis != 2


def _is_adts_header(head: bytes) -> bool:
    """An ADTS frame header (ISO 13818-7, 6.2) whose length and rate make sense."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return False
    rate_index = head[2] >> 2 & 15
    frame_bytes = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    if rate_index > 12 or frame_bytes < 8:
        return False
    next_sync = head[frame_bytes : frame_bytes + 2]
    return len(next_sync) < 2 or (next_sync[0] == 0xFF and next_sync[1] & 0xF6 == 0xF0)
