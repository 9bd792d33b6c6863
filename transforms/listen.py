"""From an asset to its windows of speech: open, decode, pick the channels, resample, detect, cut.

All of it in one step, as a generator: at no time is more of a file in memory than one window and what the detector
looks at (BEAM: elements that leave a fused step one by one are never gathered).
"""

import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, BinaryIO

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from model.memory import give_back
from model.vad import VoiceActivityDetector, load_detector
from transforms import crashes, progress, stopping, storage
from transforms.assets import Asset, StagedWindows, Track, WorkItem
from transforms.audio import AudioInfo
from transforms.content import sha256_of
from transforms.decoder import ASSET_TIMEOUT_S, DecodedFile, DecodeFailedError, Decoder
from transforms.heard import Failure, Heard, HeardTrack, one_line
from transforms.languages import Identify, identify_language, language_of
from transforms.plan_files import PlanFile
from transforms.recognize import ModelUse, WindowTask, load_once
from transforms.results import Record, ResultIndex, ResultStore, StagedFile, heard_record, window_order
from transforms.site import Site
from transforms.speech import SpeechOptions
from transforms.stretches import STRETCH_WINDOWS, Stretch, read_stretch, write_stretch
from transforms.windows import Totals, cut_windows


@dataclass(frozen=True)
class ListenOptions:
    """What of an asset is listened to. But for the time-out, part of the configuration hash."""

    # mix, separate, or numbers: 0,1
    channels: str
    # None: the model identifies it
    language: str | None
    speech: SpeechOptions
    # each window's own, where the model identifies it; otherwise one for the whole channel
    language_per_segment: bool = False
    # how long a worker waits for the decoder of one asset, in all
    asset_timeout_s: float = ASSET_TIMEOUT_S

    @property
    def windowing(self) -> SpeechOptions:
        """How speech is cut into windows: not across pauses where each window has a language of its own."""
        return replace(self.speech, joins_over_pauses=not self.language_per_segment)


class ReadItems(beam.DoFn):
    """The work items of ranges of the plan; stretches pass through.

    An engine that has lost a worker starts again: what was staged before is not done again, and goes to the output
    STAGED.
    """

    STAGED = "staged"

    def __init__(self, plan: PlanFile, store: ResultStore, site: Site) -> None:
        self._plan = plan
        self._store = store
        self._site = site

    def setup(self) -> None:
        self._site.enter()
        self._index = index_at_start(self._store, self._plan)

    def process(self, element: int | Stretch) -> Iterator[Any]:  # WorkItem, Stretch, and StagedFile to STAGED
        if isinstance(element, Stretch):
            yield element
            return
        for item in self._plan.items(element):
            files, item = with_earlier_attempts(self._store, item, self._index)
            yield from (beam.pvalue.TaggedOutput(self.STAGED, file) for file in files)
            yield item


_indexing = threading.Lock()
_indexes: dict[str, ResultIndex] = {}


def index_at_start(store: ResultStore, plan: PlanFile) -> ResultIndex:
    """What was staged when this process began to work on a plan: of what it stages itself it needs no list."""
    with _indexing:
        if plan.path not in _indexes:
            _indexes.clear()
            _indexes[plan.path] = store.index()
        return _indexes[plan.path]


def with_earlier_attempts(store: ResultStore, item: WorkItem, index: ResultIndex) -> tuple[list[StagedFile], WorkItem]:
    """The files in which earlier attempts of this run have staged something of an item, and what then is left of it."""
    if not (paths := index.paths(item.key)):
        return [], item
    files: list[StagedFile] = []
    windows, n_windows = set(item.staged.windows), item.staged.n_windows
    for path, records in store.read_all(paths):
        mine = [record for record in records if record.key == item.key and not record.passing]
        found = {(record.channel, record.window_index) for record in mine if record.is_window}
        ends = [record.n_windows for record in mine if not record.is_window]
        if found <= windows and (n_windows is not None or not ends):
            continue
        windows |= found
        n_windows = n_windows if n_windows is not None or not ends else ends[0]
        files.append(StagedFile(path, (item.shard,), taken_over=True))
    if not files:
        return files, item
    return files, replace(item, staged=StagedWindows(tuple(sorted(windows, key=window_order)), n_windows))


class FindSpeech(beam.DoFn):
    """Yields the windows of an asset, and at its end, to the output HEARD, what else its rows need.

    The windows of a stretch are found already: they are read.
    """

    HEARD = "heard"

    def __init__(self, options: ListenOptions, use: ModelUse, site: Site) -> None:
        self._options = options
        self._use = use
        self._site = site

    def setup(self) -> None:
        self._site.enter()
        self._detector = load_detector()
        self._decoder = Decoder(self._options.asset_timeout_s)
        self._identify: Identify | None = None
        if self._use.files.multilingual and not self._options.language_per_segment:
            self._identify = partial(identify_language, model=load_once(self._use))

    def process(self, item: WorkItem | Stretch) -> Iterator[Any]:  # WindowTask, and Heard to the output HEARD
        if stopping.requested():
            return
        if isinstance(item, Stretch):
            for task in read_stretch(item):
                yield task
                if stopping.requested():
                    return
            return
        if item.staged.complete:
            progress.asset_done(item.asset.size_bytes or 0, 0.0)
            return
        crashes.begin(item.asset.uri)
        for found in listen(item, self._options, self._detector, self._decoder, self._identify):
            if isinstance(found, Heard):
                yield beam.pvalue.TaggedOutput(self.HEARD, found)
            elif (found.channel, found.window.index) in item.staged.windows:
                progress.windows_done(len(found.window.samples), 1)
            else:
                yield found
            if stopping.requested():
                return

    def teardown(self) -> None:
        self._decoder.close()


class DivideIntoStretches(FindSpeech):
    """Yields stretches of the windows of long assets, staged in a folder, in the place of the windows themselves."""

    def __init__(self, options: ListenOptions, use: ModelUse, site: Site, folder: str) -> None:
        super().__init__(options, use, site)
        self._folder = folder

    def process(self, item: WorkItem | Stretch) -> Iterator[Any]:  # Stretch, and Heard to the output HEARD
        waiting: list[WindowTask] = []
        for found in super().process(item):
            is_window = isinstance(found, WindowTask)
            if waiting and (not is_window or found.channel != waiting[0].channel or len(waiting) == STRETCH_WINDOWS):
                yield self._staged(waiting)
            if is_window:
                waiting.append(found)
            else:
                yield found
        if waiting:
            yield self._staged(waiting)

    def _staged(self, tasks: list[WindowTask]) -> Stretch:
        stretch = write_stretch(self._folder, tasks)
        tasks.clear()
        give_back()
        return stretch


class StageHeard(beam.DoFn):
    """Stages assets that were read to their end, a handful at a time."""

    HANDFUL = 32
    LONGEST_WAIT_S = 10.0

    def __init__(self, store: ResultStore, site: Site) -> None:
        self._store = store
        self._site = site

    def setup(self) -> None:
        self._site.enter()

    def start_bundle(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self._waiting: list[Record] = []
        self._shards: set[int] = set()
        self._since_s = time.monotonic()

    def process(self, heard: Heard) -> Iterator[StagedFile]:
        self._waiting.append(heard_record(heard))
        self._shards.add(heard.item.shard)
        if len(self._waiting) >= self.HANDFUL or time.monotonic() - self._since_s > self.LONGEST_WAIT_S:
            yield self._written()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._waiting:
            yield GlobalWindows.windowed_value(self._written())

    def _written(self) -> StagedFile:
        file = StagedFile(self._store.write(self._waiting), tuple(sorted(self._shards)))
        self._empty()
        return file


class WorkerDiedError(OSError):
    """Processes died that worked on this asset alone."""


class ChangedWhileReadError(Exception):
    """The file was written while it was read: what was read is neither the old nor the new."""


def listen(
    item: WorkItem,
    options: ListenOptions,
    detector: VoiceActivityDetector,
    decoder: Decoder,
    identify: Identify | None = None,
) -> Iterator[WindowTask | Heard]:
    """The windows of an asset in order, and last what was heard of it. Whatever is wrong with it ends in `Heard`.

    identify: tells the language of a channel from its first windows; without it, each window is left to itself.
    """
    asset = item.asset
    heard = Heard(item)
    try:
        if item.given_up:
            raise WorkerDiedError(item.given_up)
        if asset.size_bytes is None and not storage.exists(asset.path):
            raise FileNotFoundError(f"no such file: {asset.path}")
        with storage.open_read(asset.path) as file:
            heard = replace(heard, content_sha256=sha256_of(file), etag=storage.etag_of(file))
            heard = yield from _listen_to_file(file, heard, options, detector, decoder, identify)
        _check_unchanged(asset)
    except DecodeFailedError as error:
        heard = replace(heard, failure=error.failure)
    except (OSError, ChangedWhileReadError) as error:
        retriable = not isinstance(error, storage.NotAFileError)
        heard = replace(heard, failure=Failure("read", type(error).__name__, _one_line(error), retriable))
    except Exception as error:  # noqa: BLE001 - no input ends the run: whatever a decoder raises is a failure row
        heard = replace(heard, failure=Failure("decode", type(error).__name__, _one_line(error), retriable=False))
    progress.asset_done(asset.size_bytes or 0, heard.duration_s)
    yield heard


def _one_line(error: Exception) -> str:
    return one_line(error) or type(error).__name__


def _check_unchanged(asset: Asset) -> None:
    now = storage.stat(asset.path)
    if now is None or (now.size_bytes, now.modified_at_us) != (asset.size_bytes, asset.modified_at_us):
        raise ChangedWhileReadError(f"{asset.path} changed while it was read; it is read again in the next run")


def _listen_to_file(
    file: BinaryIO,
    heard: Heard,
    options: ListenOptions,
    detector: VoiceActivityDetector,
    decoder: Decoder,
    identify: Identify | None,
) -> Generator[WindowTask, None, Heard]:
    asset = heard.item.asset
    audio = decoder.open(file, asset.start_s, asset.end_s)
    tracks, info, is_dual_mono = choose_tracks(audio, asset, options)
    heard = replace(heard, info=info, flags=("dual_mono",) if is_dual_mono else ())
    for track in tracks:
        samples, totals, n_windows = audio.samples(track.channel), Totals(), 0
        windows = cut_windows(samples, detector, options.windowing, totals)
        spoken, windows = language_of(windows, track, identify)
        for window in windows:
            n_windows += 1
            progress.window_found()
            yield WindowTask(heard.item, track.channel, window, spoken.code)
        of_track = HeardTrack(
            channel=track.channel,
            n_windows=n_windows,
            speech_s=totals.speech_s,
            language=spoken.code if spoken.probability else None,
            language_probability=spoken.probability,
        )
        heard = replace(
            heard,
            # a decoder that ran out of time gives less of the later channels
            duration_s=max(heard.duration_s, samples.duration_s),
            failure=heard.failure or samples.failure,
            tracks=(*heard.tracks, of_track),
            flags=tuple(sorted({*heard.flags, *samples.flags})),
        )
    return heard


def choose_tracks(audio: DecodedFile, asset: Asset, options: ListenOptions) -> tuple[list[Track], AudioInfo, bool]:
    """The channels to transcribe, with the language of each; whether the channels of the file are all the same.

    What a manifest says of the asset wins over the flags. Raises DecodeFailedError for a channel that the file has not
    got.
    """
    asked = [track.channel for track in asset.tracks if track.channel is not None]
    if not asked and options.channels not in ("mix", "separate"):
        asked = [int(number) for number in options.channels.split(",")]
    found = audio.tracks(asked or options.channels)
    languages = {track.channel: track.language for track in asset.tracks}
    default = languages.get(None) or options.language
    return [Track(c, languages.get(c) or default) for c in found.channels], found.info, found.is_dual_mono
