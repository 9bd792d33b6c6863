"""Subtitles and texts of an asset: its channels merged on one time line, in one format or another."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import apache_beam as beam

from transforms import storage
from transforms.assets import channel_order
from transforms.cues import Cue, CueOptions, channel_cues
from transforms.file_names import file_name
from transforms.spoken import Segment, Spoken, Word, gather
from transforms.word_times import plain, split_at_pauses


def to_srt(asset: Spoken, options: CueOptions) -> str:
    """SubRip. Empty where nothing was said."""
    blocks = []
    for number, cue in enumerate(merged_cues(asset, options), 1):
        times = f"{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}"
        blocks.append(f"{number}\n{times}\n{label(asset, cue.channel)}" + "\n".join(cue.lines) + "\n")
    return "\n".join(blocks)


def to_vtt(asset: Spoken, options: CueOptions) -> str:
    """WebVTT (https://www.w3.org/TR/webvtt1/), channels as voices."""
    blocks = ["WEBVTT\n"]
    for cue in merged_cues(asset, options):
        times = f"{clock(cue.start_ms, '.')} --> {clock(cue.end_ms, '.')}"
        voice = f"<v Channel {cue.channel}>" if label(asset, cue.channel) else ""
        blocks.append(f"{times}\n{voice}" + escape("\n".join(cue.lines)) + "\n")
    return "\n".join(blocks)


def to_txt(asset: Spoken, options: CueOptions) -> str:
    """Plain text, a paragraph a turn, an empty line between. Empty where nothing was said."""
    return "\n".join(f"{paragraph}\n" for paragraph in paragraphs(asset))


def to_json(asset: Spoken, options: CueOptions) -> str:
    """Everything about an asset, segments in the order of time."""
    languages = {t.language for t in asset.transcripts if t.language}
    statuses = {t.status for t in asset.transcripts}
    record = {
        "uri": asset.uri,
        "duration_s": _milli(max(t.duration_s for t in asset.transcripts)),
        "language": languages.pop() if len(languages) == 1 else None,
        "status": next(s for s in ("partial", "ok", "no_speech") if s in statuses),
        "text": "\n".join(paragraphs(asset)),
        "channels": [
            {"channel": t.channel, "language": t.language, "status": t.status, "text": t.text}
            for t in asset.transcripts
        ],
        "segments": [_segment_record(segment) for segment in by_time(asset.segments)],
    }
    return json.dumps(record, ensure_ascii=False, indent=1) + "\n"


FORMATS: dict[str, Callable[[Spoken, CueOptions], str]] = {
    "srt": to_srt,
    "vtt": to_vtt,
    "txt": to_txt,
    "json": to_json,
}


def merged_cues(asset: Spoken, options: CueOptions) -> list[Cue]:
    """The cues of all channels in the order of time; those of one channel do not overlap."""
    cues = [
        cue
        for channel, stretches in groupby(stretches_of(asset), key=lambda stretch: stretch.channel)
        for cue in channel_cues(stretches, options, len(label(asset, channel)))
    ]
    return sorted(cues, key=lambda cue: (cue.start_ms, channel_order(cue.channel)))


def by_time(segments: Iterable[Segment]) -> list[Segment]:
    """Segments of all channels in the order of time."""
    return sorted(segments, key=lambda segment: (segment.start_s, channel_order(segment.channel)))


def paragraphs(asset: Spoken) -> list[str]:
    """A turn each: what one channel says until another one speaks."""
    said = [stretch for stretch in by_time(stretches_of(asset)) if stretch.text.strip()]
    turns = groupby(said, key=lambda stretch: stretch.channel)
    return [label(asset, channel) + " ".join(plain(s.text) for s in turn) for channel, turn in turns]


def stretches_of(asset: Spoken) -> list[Segment]:
    """Segments cut at the pauses that their words tell of: a reply on the other channel may fall into one."""
    return [stretch for segment in asset.segments for stretch in split_at_pauses(segment)]


def label(asset: Spoken, channel: int | None) -> str:
    """What tells a channel from the others, in front of what it says; empty where there are no others."""
    return "" if channel is None or len(asset.transcripts) == 1 else f"[channel {channel}] "


def clock(time_ms: int, separator: str) -> str:
    """`HH:MM:SS,mmm`, with more digits from 100 hours."""
    seconds, milliseconds = divmod(time_ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{separator}{milliseconds:03d}"


def escape(text: str) -> str:
    """Text as WebVTT wants it: a `-->` in it would end the cue."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _segment_record(segment: Segment) -> dict[str, Any]:
    record: dict[str, Any] = {
        "channel": segment.channel,
        "start_s": _milli(segment.start_s),
        "end_s": _milli(segment.end_s),
        "text": segment.text,
        "flags": list(segment.flags),
    }
    return record | {"words": [_word_record(word) for word in segment.words]} if segment.words else record


def _word_record(word: Word) -> dict[str, Any]:
    probability = None if word.probability is None else round(word.probability, 4)
    start_s, end_s = (None if time is None else _milli(time) for time in (word.start_s, word.end_s))
    return {"word": word.word, "start_s": start_s, "end_s": end_s, "probability": probability}


def _milli(time_s: float) -> float:
    return round(time_s, 3)


class WriteExports(beam.DoFn):
    """Writes the files of one asset, each whole. A retry writes the same again."""

    def __init__(self, to: str, common: tuple[str, ...], formats: tuple[str, ...], options: CueOptions) -> None:
        self._to, self._common, self._formats, self._options = to, common, formats, options

    def process(self, group: tuple[str, Mapping[str, Iterable[Mapping[str, Any]]]]) -> Iterator[str]:
        asset = gather(*group)
        for name in self._formats:
            path = storage.join(self._to, f"{file_name(asset.uri, self._common)}.{name}")
            # nothing was said: an empty line, for no file is empty
            storage.write_whole(path, (FORMATS[name](asset, self._options) or "\n").encode())
            yield path
