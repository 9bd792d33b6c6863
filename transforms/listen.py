"""From an asset to its windows of speech: open, decode, pick the channels, resample, detect, cut.

All of it in one step, as a generator: at no time is more of a file in memory than one window and what the detector
looks at (BEAM: elements that leave a fused step one by one are never gathered).
"""

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, BinaryIO

import apache_beam as beam
import numpy as np

from model.recognizer import SAMPLE_RATE_HZ, DecodeOptions
from model.registry import ModelFiles
from model.vad import VoiceActivityDetector, load_detector
from transforms import crashes, progress, stopping, storage
from transforms.assets import Asset, Track, WorkItem
from transforms.audio import AudioDecodeError, AudioInfo, open_audio
from transforms.channels import Likeness, mix, same_channels
from transforms.content import sha256_of
from transforms.heard import Failure, Heard, HeardTrack
from transforms.languages import Identify, identify_language, language_of
from transforms.recognize import WindowTask, load_once
from transforms.resample import Resampler
from transforms.results import Record, ResultStore, heard_record, to_bytes
from transforms.speech import SpeechOptions
from transforms.windows import Totals, cut_windows

BLOCK_S = 10.0


@dataclass(frozen=True)
class ListenOptions:
    """What of an asset is listened to. Part of the configuration hash."""

    # mix, separate, or numbers: 0,1
    channels: str
    # None: the model identifies it
    language: str | None
    speech: SpeechOptions
    # each window's own, where the model identifies it; otherwise one for the whole channel
    language_per_segment: bool = False

    @property
    def windowing(self) -> SpeechOptions:
        """How speech is cut into windows: not across pauses where each window has a language of its own."""
        return replace(self.speech, joins_over_pauses=not self.language_per_segment)


class FindSpeech(beam.DoFn):
    """Yields the windows of an asset, and at its end, to the output HEARD, what else its rows need."""

    HEARD = "heard"

    def __init__(self, options: ListenOptions, model: ModelFiles, decode: DecodeOptions) -> None:
        self._options = options
        self._model = model
        self._decode = decode

    def setup(self) -> None:
        self._detector = load_detector()
        self._identify: Identify | None = None
        if self._model.multilingual and not self._options.language_per_segment:
            self._identify = partial(identify_language, model=load_once(self._model, self._decode))

    def process(self, item: WorkItem) -> Iterator[Any]:  # WindowTask, and Heard to the output HEARD
        if stopping.requested():
            return
        if item.staged.complete:
            progress.asset_done(item.asset.size_bytes or 0, 0.0)
            return
        crashes.begin(item.asset.uri)
        for found in listen(item, self._options, self._detector, self._identify):
            if isinstance(found, Heard):
                yield beam.pvalue.TaggedOutput(self.HEARD, found)
            elif (found.channel, found.window.index) in item.staged.windows:
                progress.windows_done(len(found.window.samples), 1)
            else:
                yield found
            if stopping.requested():
                return


class StageHeard(beam.DoFn):
    """Stages assets that were read to their end, a handful at a time, and hands them on as records."""

    HANDFUL = 32
    LONGEST_WAIT_S = 10.0

    def __init__(self, store: ResultStore) -> None:
        self._store = store

    def start_bundle(self) -> None:
        self._waiting: list[Record] = []
        self._since_s = time.monotonic()

    def process(self, heard: Heard) -> Iterator[tuple[str, bytes]]:
        record = heard_record(heard)
        # a passing failure is tried again by a run that picks up the rest
        if not (heard.failure and heard.failure.retriable):
            self._waiting.append(record)
        if len(self._waiting) >= self.HANDFUL or time.monotonic() - self._since_s > self.LONGEST_WAIT_S:
            self._write()
        yield record.uri, to_bytes(record)

    def finish_bundle(self) -> None:
        self._write()

    def _write(self) -> None:
        self._store.write(self._waiting)
        self._waiting, self._since_s = [], time.monotonic()


class WorkerDiedError(OSError):
    """Processes died that worked on this asset alone."""


class ChangedWhileReadError(Exception):
    """The file was written while it was read: what was read is neither the old nor the new."""


def listen(
    item: WorkItem, options: ListenOptions, detector: VoiceActivityDetector, identify: Identify | None = None
) -> Iterator[WindowTask | Heard]:
    """The windows of an asset in order, and last what was heard of it. Whatever is wrong with it ends in `Heard`.

    identify: tells the language of a channel from its first windows; without it, each window is left to itself.
    """
    asset = item.asset
    heard = Heard(item)
    try:
        if item.given_up:
            raise WorkerDiedError(item.given_up)
        if asset.size_bytes is None and storage.stat(asset.path) is None and not storage.is_folder(asset.path):
            raise FileNotFoundError(f"no such file: {asset.path}")
        with storage.open_read(asset.path) as file:
            heard = replace(heard, content_sha256=sha256_of(file), etag=storage.etag(asset.path))
            heard = yield from _listen_to_file(file, heard, options, detector, identify)
        _check_unchanged(asset)
    except AudioDecodeError as error:
        heard = replace(heard, failure=Failure("open", "AudioDecodeError", _one_line(error), retriable=False))
    except (OSError, ChangedWhileReadError) as error:
        heard = replace(heard, failure=Failure("read", type(error).__name__, _one_line(error), retriable=True))
    except Exception as error:  # noqa: BLE001 - no input ends the run: whatever a decoder raises is a failure row
        heard = replace(heard, failure=Failure("decode", type(error).__name__, _one_line(error), retriable=False))
    progress.asset_done(asset.size_bytes or 0, heard.duration_s)
    yield heard


def _one_line(error: Exception) -> str:
    return " ".join(storage.printable(str(error)).split())[:500] or type(error).__name__


def _check_unchanged(asset: Asset) -> None:
    now = storage.stat(asset.path)
    if now is None or (now.size_bytes, now.modified_at_us) != (asset.size_bytes, asset.modified_at_us):
        raise ChangedWhileReadError(f"{asset.path} changed while it was read; it is read again in the next run")


def _listen_to_file(
    file: BinaryIO,
    heard: Heard,
    options: ListenOptions,
    detector: VoiceActivityDetector,
    identify: Identify | None,
) -> Generator[WindowTask, None, Heard]:
    asset = heard.item.asset
    tracks, info, is_dual_mono = choose_tracks(file, asset, options)
    heard = replace(heard, info=info, flags=("dual_mono",) if is_dual_mono else ())
    for track in tracks:
        samples, totals, n_windows = TrackSamples(file, asset, track.channel), Totals(), 0
        windows = cut_windows(samples, detector, options.windowing, totals)
        spoken, windows = language_of(windows, track, identify)
        for window in windows:
            n_windows += 1
            progress.window_found()
            yield WindowTask(asset.uri, track.channel, window, spoken.code, heard.item.key)
        of_track = HeardTrack(
            channel=track.channel,
            n_windows=n_windows,
            speech_s=totals.speech_s,
            language=spoken.code if spoken.probability else None,
            language_probability=spoken.probability,
        )
        heard = replace(
            heard,
            duration_s=samples.duration_s,
            failure=heard.failure or samples.failure,
            tracks=(*heard.tracks, of_track),
            flags=tuple(sorted({*heard.flags, *samples.flags})),
        )
    return heard


def choose_tracks(file: BinaryIO, asset: Asset, options: ListenOptions) -> tuple[list[Track], AudioInfo, bool]:
    """The channels to transcribe, with the language of each; whether the channels of the file are all the same.

    What a manifest says of the asset wins over the flags. Raises AudioDecodeError for a channel the file has not got.
    """
    with open_audio(file) as stream:
        info = stream.info
        asked = [track.channel for track in asset.tracks if track.channel is not None]
        if not asked and options.channels not in ("mix", "separate"):
            asked = [int(number) for number in options.channels.split(",")]
        if asked and max(asked) >= info.channels:
            raise AudioDecodeError(f"channel {max(asked)} was asked for and the file has {info.channels}, from 0")
        if asked or options.channels == "mix":
            is_dual_mono = False
        else:
            is_dual_mono = info.channels > 1 and same_channels(stream.blocks(BLOCK_S))
            asked = [] if is_dual_mono else list(range(info.channels))
    languages = {track.channel: track.language for track in asset.tracks}
    default = languages.get(None) or options.language
    channels: list[int | None] = [*asked] or [None]
    return [Track(c, languages.get(c) or default) for c in channels], info, is_dual_mono


class TrackSamples:
    """One channel of an asset (or the mix) as blocks of float32 samples [n] at 16 kHz.

    Iterated to its end, it knows how long the asset is, and what was wrong with the file where decoding stopped short.
    """

    def __init__(self, file: BinaryIO, asset: Asset, channel: int | None) -> None:
        self._file = file
        self._asset = asset
        self._channel = channel
        self.duration_s = 0.0
        self.failure: Failure | None = None
        # `mixed_channels`: unlike channels were mixed into one
        self.flags: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[np.ndarray]:
        self._file.seek(0)
        with open_audio(self._file) as stream:
            resampler = Resampler(stream.info.sample_rate_hz, SAMPLE_RATE_HZ, 1)
            n_frames, likeness = 0, Likeness()
            try:
                for block in self._part(stream.blocks(BLOCK_S), stream.info.sample_rate_hz):
                    n_frames += len(block)
                    if self._channel is None:
                        likeness.push(block)
                    mono = mix(block) if self._channel is None else block[:, self._channel]
                    yield resampler.push(mono[:, None])[:, 0]
            except AudioDecodeError as error:
                self.failure = Failure("decode", "AudioDecodeError", _one_line(error), retriable=False)
            yield resampler.flush()[:, 0]
            self.duration_s = n_frames / stream.info.sample_rate_hz
            if stream.bad_samples and self.failure is None:
                lost = (
                    f"{stream.bad_samples} samples are not numbers of sound (NaN, infinite) and were taken as silence"
                )
                self.failure = Failure("decode", "AudioDecodeError", lost, retriable=False)
            self.flags = ("mixed_channels",) if likeness.unlike else ()

    def _part(self, blocks: Iterator[np.ndarray], rate_hz: int) -> Iterator[np.ndarray]:
        """The frames of the file that the asset names."""
        start = round((self._asset.start_s or 0.0) * rate_hz)
        end = None if self._asset.end_s is None else round(self._asset.end_s * rate_hz)
        at = 0
        for block in blocks:
            if end is not None and at >= end:
                return
            piece = block[max(0, start - at) : None if end is None else max(0, end - at)]
            at += len(block)
            if len(piece):
                yield piece
        if start and at <= start:
            raise AudioDecodeError(
                f"the part starts at {self._asset.start_s:g} s and the file ends at {at / rate_hz:g} s"
            )
