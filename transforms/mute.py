"""Copies of recordings in which what is redacted cannot be heard."""

import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import BinaryIO

import apache_beam as beam
import numpy as np
import soundfile

from model.recognizer import SAMPLE_RATE_HZ
from transforms import storage
from transforms.assemble import AssetRows
from transforms.assets import WorkItem, work_item
from transforms.decoder import DecodedFile, DecodeFailedError, Decoder
from transforms.file_names import file_name
from transforms.rows import SegmentRow, WordRow
from transforms.site import Site
from transforms.text.talk import REDACTED, TAG

# word times are this unsure
MARGIN_S = 0.25
BLOCK_SAMPLES = 60 * SAMPLE_RATE_HZ
# the whole folder of the uri goes into the name, so that it does not depend on what else is transcribed
NO_FOLDER: tuple[str, ...] = ()

Stretches = Sequence[tuple[float, float]]
log = logging.getLogger(__name__)


class UnreadableError(Exception):
    """A file that was transcribed a moment ago cannot be read any more."""


@dataclass(frozen=True)
class Muting:
    """An asset, and what of each of its channels is to be silent, in seconds."""

    # `WorkItem.to_json`
    item: str
    stretches: Mapping[int | None, Stretches]


def muting_of(item: WorkItem, rows: AssetRows) -> Muting:
    """What of an asset is to be silent: its redacted words; the whole segment where their times are not known."""
    stretches: dict[int | None, list[tuple[float, float]]] = {row.channel: [] for row in rows.transcripts}
    words: dict[tuple[int | None, int], list[WordRow]] = {}
    for word in rows.words:
        words.setdefault((word.channel, word.segment_index), []).append(word)
    for segment in rows.segments:
        own = words.get((segment.channel, segment.segment_index), [])
        stretches[segment.channel] += _stretches(segment, own)
    return Muting(item.to_json(), stretches)


def _stretches(segment: SegmentRow, words: Iterable[WordRow]) -> list[tuple[float, float]]:
    n_secrets = sum(edit["rule"].startswith(REDACTED + "_") for edit in segment.edits)
    tagged = [word for word in words if TAG.search(word.word)]
    timed = [(w.start_s, w.end_s) for w in tagged if w.start_s is not None and w.end_s is not None]
    if sum(len(TAG.findall(word.word)) for word in tagged) < n_secrets or len(timed) < len(tagged):
        timed = [(segment.start_s, segment.end_s)]
    return [(start_s - MARGIN_S, end_s + MARGIN_S) for start_s, end_s in timed]


def write_muted(file: DecodedFile, stretches: Mapping[int | None, Stretches], path: str) -> None:
    """Writes the channels of a file as one FLAC file at 16 kHz, silent in their stretches, in one step.

    Raises UnreadableError where the file cannot be read again.
    """
    with ExitStack() as stack:
        channels = [stack.enter_context(tempfile.TemporaryFile()) for _ in stretches]
        try:
            for decoded, (channel, silent) in zip(channels, stretches.items(), strict=True):
                for block in muted(file.samples(channel), silent):
                    decoded.write(block.tobytes())
        except (DecodeFailedError, OSError) as error:
            raise UnreadableError(str(error)) from error
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        flac = os.path.join(folder, "muted.flac")
        with soundfile.SoundFile(flac, "w", SAMPLE_RATE_HZ, len(channels), "PCM_16") as sound:
            for frames in _side_by_side(channels):
                sound.write(frames)
        with open(flac, "rb") as whole:
            storage.write_whole(path, whole.read())


def muted(blocks: Iterable[np.ndarray], stretches: Stretches) -> Iterator[np.ndarray]:
    """Blocks of float32 samples as int16, 0 in the stretches."""
    at = 0
    for block in blocks:
        samples = np.round(np.clip(block, -1, 1) * 32767).astype(np.int16)
        for start_s, end_s in stretches:
            first, last = (round(s * SAMPLE_RATE_HZ) - at for s in (start_s, end_s))
            samples[max(0, first) : max(0, last)] = 0
        at += len(samples)
        yield samples


def _side_by_side(channels: Sequence[BinaryIO]) -> Iterator[np.ndarray]:
    """Frames [n, channels] of int16; a channel that ends early is silent from there."""
    for channel in channels:
        channel.seek(0)
    while any(read := [channel.read(BLOCK_SAMPLES * 2) for channel in channels]):
        longest = max(map(len, read))
        yield np.stack([np.frombuffer(data.ljust(longest, b"\0"), np.int16) for data in read], axis=1)


class MuteAudio(beam.DoFn):
    """Writes the muted copies, each under the name of its asset."""

    def __init__(self, folder: str, asset_timeout_s: float, site: Site) -> None:
        self._folder = folder
        self._asset_timeout_s = asset_timeout_s
        self._site = site

    def setup(self) -> None:
        self._site.enter()

    def process(self, muting: Muting) -> Iterator[str]:
        asset = work_item(muting.item).asset
        path = storage.join(self._folder, file_name(asset.uri, NO_FOLDER) + ".flac")
        try:
            with closing(Decoder(self._asset_timeout_s)) as decoder, storage.open_read(asset.path) as file:
                write_muted(decoder.open(file, asset.start_s, asset.end_s), muting.stretches, path)
        except (UnreadableError, FileNotFoundError) as error:
            log.error("%s: there is no muted copy of it: %s", storage.printable(asset.uri), error)
            return
        yield path
