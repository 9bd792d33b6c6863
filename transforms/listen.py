"""From an asset to its windows of speech: open, decode, pick the channels, resample, detect, cut.

All of it in one step, as a generator: at no time is more of a file in memory than one window and what the detector
looks at (BEAM: elements that leave a fused step one by one are never gathered).
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, BinaryIO

import apache_beam as beam

from model.memory import give_back
from model.vad import VoiceActivityDetector, load_detector
from transforms import crashes, progress, stopping
from transforms.assets import WorkItem
from transforms.decoder import ASSET_TIMEOUT_S, Decoder
from transforms.heard import Heard, HeardTrack
from transforms.languages import Identify, identify_language, language_of
from transforms.reading import choose_tracks, read_asset
from transforms.recognize import ModelUse, WindowTask, load_once
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
            for task in read_stretch(item, self._site.seal):
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
        stretch = write_stretch(self._folder, tasks, self._site.seal)
        tasks.clear()
        give_back()
        return stretch


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
    return read_asset(item, partial(_listen_to_file, options, detector, decoder, identify))


def _listen_to_file(
    options: ListenOptions,
    detector: VoiceActivityDetector,
    decoder: Decoder,
    identify: Identify | None,
    file: BinaryIO,
    heard: Heard,
) -> Generator[WindowTask, None, Heard]:
    asset = heard.item.asset
    audio = decoder.open(file, asset.start_s, asset.end_s)
    tracks, info, is_dual_mono = choose_tracks(audio, asset, options.channels, options.language)
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
