"""From a channel of an asset to its features: of all of it, of its regions of speech, of its frames."""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

import numpy as np

from model.embedding import Embedder
from model.recognizer import SAMPLE_RATE_HZ
from transforms.assets import WorkItem
from transforms.decoder import Decoder
from transforms.features.chunks import cut_chunks
from transforms.features.examples import log_mel_of, whole
from transforms.features.groups import Frames
from transforms.features.options import FeatureOptions
from transforms.features.pooling import Moments
from transforms.features.sound import Columns, SoundFeatures
from transforms.heard import Heard, HeardTrack
from transforms.reading import choose_tracks, read_asset
from transforms.speech import Detector, Region, RegionFinder, SpeechOptions, frame_rms, stream_probabilities
from transforms.windows import HeldAudio


@dataclass(frozen=True)
class Tools:
    """What a worker has loaded."""

    decoder: Decoder
    # None: nobody asks where speech is
    detector: Detector | None = None
    # None: nobody asks for embeddings
    embedder: Embedder | None = None


@dataclass(frozen=True)
class RegionFeatures:
    """A region of speech and its features."""

    start_s: float
    end_s: float
    columns: Columns


@dataclass(frozen=True)
class TrackFeatures:
    """One channel of an asset, or their mix."""

    channel: int | None
    n_samples: int
    n_frames: int
    n_chunks: int
    columns: Columns
    regions: tuple[RegionFeatures, ...] = ()
    # log-mel of utterances, where it is asked for: mean of each band, and sum of squared distances from it
    mel_mean: tuple[float, ...] = ()
    mel_squares: tuple[float, ...] = ()


@dataclass(frozen=True)
class Extracted:
    """An asset after its file was read to its end, or as far as it went."""

    heard: Heard
    tracks: tuple[TrackFeatures, ...] = ()

    @property
    def item(self) -> WorkItem:
        return self.heard.item


# takes channel, number of a chunk, and what `SoundFeatures.push` gives of it
KeepFrames = Callable[[int | None, int, Frames, Frames], None]


def extract(item: WorkItem, options: FeatureOptions, tools: Tools, keep: KeepFrames) -> Extracted:
    """The features of an asset. Whatever is wrong with it ends in `Extracted.heard`.

    keep: is given the values of frames, where `options.per` asks for them.
    """
    tracks: list[TrackFeatures] = []
    heard = Heard(item)
    for found in read_asset(item, partial(_extract_from_file, options, tools, keep)):
        if isinstance(found, Heard):
            heard = found
        else:
            tracks.append(found)
    return Extracted(heard, tuple(tracks))


def _extract_from_file(
    options: FeatureOptions, tools: Tools, keep: KeepFrames, file: BinaryIO, heard: Heard
) -> Generator[TrackFeatures, None, Heard]:
    asset = heard.item.asset
    audio = tools.decoder.open(file, asset.start_s, asset.end_s)
    tracks, info, is_dual_mono = choose_tracks(audio, asset, options.channels)
    heard = replace(heard, info=info, flags=("dual_mono",) if is_dual_mono else ())
    extract_one = log_mel_track if options.makes_set else extract_track
    for track in tracks:
        samples = audio.samples(track.channel)
        yield extract_one(samples, track.channel, options, tools, keep)
        heard = replace(
            heard,
            # a decoder that ran out of time gives less of the later channels
            duration_s=max(heard.duration_s, samples.duration_s),
            failure=heard.failure or samples.failure,
            tracks=(*heard.tracks, HeardTrack(track.channel, 0, 0.0)),
            flags=tuple(sorted({*heard.flags, *samples.flags})),
        )
    return heard


def extract_track(
    blocks: Iterable[np.ndarray], channel: int | None, options: FeatureOptions, tools: Tools, keep: KeepFrames
) -> TrackFeatures:
    """The features of blocks [n] float32 of one channel at SAMPLE_RATE_HZ."""
    regions: list[Region] = []
    of_regions: list[RegionFeatures] = []

    def take(region: Region, samples: np.ndarray) -> None:
        regions.append(region)
        if "region" in options.per:
            columns = features_of(samples, options, tools)
            of_regions.append(RegionFeatures(region.start / SAMPLE_RATE_HZ, region.end / SAMPLE_RATE_HZ, columns))

    if tools.detector is not None:
        blocks = with_regions(blocks, tools.detector, take)
    features = SoundFeatures(options.groups, tools.embedder)
    n_samples = n_frames = n_chunks = 0
    for chunk in cut_chunks(blocks):
        frames, positions = features.push(chunk)
        if "frame" in options.per:
            keep(channel, chunk.index, frames, positions)
        n_samples += len(chunk.own_samples)
        n_frames += chunk.n_frames
        n_chunks += 1
    return TrackFeatures(channel, n_samples, n_frames, n_chunks, features.finish(regions), tuple(of_regions))


def log_mel_track(
    blocks: Iterable[np.ndarray], channel: int | None, _: FeatureOptions, __: Tools, keep: KeepFrames
) -> TrackFeatures:
    """The log-mel of an utterance, given to `keep` as a whole. Raises DecodeFailedError where it is too long."""
    samples = whole(blocks)
    values = log_mel_of(samples)
    keep(channel, 0, {"log_mel": values}, {})
    moments = Moments()
    moments.push(values.T)
    mean, squares = (tuple(np.asarray(v).tolist()) for v in (moments.pooled.mean, moments.pooled.squares))
    return TrackFeatures(channel, len(samples), len(values), 1, {}, mel_mean=mean, mel_squares=squares)


def features_of(samples: np.ndarray, options: FeatureOptions, tools: Tools) -> Columns:
    """Features of samples [n] as of a recording of their own, all of it speech."""
    features = SoundFeatures(options.groups, tools.embedder)
    for chunk in cut_chunks([samples]):
        features.push(chunk)
    return features.finish([Region(0, len(samples))])


def with_regions(
    blocks: Iterable[np.ndarray], detector: Detector, take: Callable[[Region, np.ndarray], None]
) -> Iterator[np.ndarray]:
    """The same samples in other blocks; on the way `take` is given each region of speech with its samples."""
    finder, held, n_samples = RegionFinder(SpeechOptions(), detector.frame_samples), HeldAudio(), 0

    def give(regions: Iterable[Region]) -> None:
        for region in regions:
            take(region, held.between(region.start, region.end))

    for samples, probabilities in stream_probabilities(blocks, detector):
        held.append(samples)
        n_samples += len(samples)
        give(finder.push(probabilities, frame_rms(samples, detector.frame_samples)))
        held.drop_before(min(finder.settled_samples, n_samples))
        yield samples
    give(finder.finish(n_samples))
