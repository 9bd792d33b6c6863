"""The steps of the pipeline of features: an asset in, its features staged, the rows of a part out."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import apache_beam as beam
import numpy as np

from model.embedding import Embedder, load_embedder
from model.memory import give_back
from model.registry import ModelFiles
from transforms import crashes, progress, stopping
from transforms.assets import WorkItem
from transforms.decoder import Decoder
from transforms.features.examples import KeepLogMel
from transforms.features.extract import Extracted, Tools, extract, features_of
from transforms.features.frame_files import embedding_rows, frame_rows, path_of, write_rows
from transforms.features.groups import Frames
from transforms.features.options import FeatureOptions
from transforms.features.tfrecords import TABLE as TFRECORDS
from transforms.recognize import on_this_worker
from transforms.results import Record, ResultStore, bare, end_record
from transforms.site import Site
from transforms.speech import Detector

_loading = threading.Lock()
_loaded: dict[str, Embedder] = {}


class ExtractFeatures(beam.DoFn):
    """Yields what was extracted of each asset. Values of frames are staged on the way, a chunk a file."""

    def __init__(
        self, options: FeatureOptions, model: ModelFiles | None, asset_timeout_s: float, store: ResultStore, site: Site
    ) -> None:
        self._options = options
        self._model = model
        self._asset_timeout_s = asset_timeout_s
        self._store = store
        self._site = site

    def setup(self) -> None:
        self._site.enter()
        self._tools = load_tools(self._options, self._model, self._asset_timeout_s)

    def process(self, item: WorkItem) -> Iterator[Extracted]:
        if stopping.requested():
            return
        if item.staged.complete:
            progress.asset_done(item.asset.size_bytes or 0, 0.0)
            return
        crashes.begin(item.asset.uri)
        keep = (KeepLogMel if self._options.makes_set else KeepFrames)(self._store, item)
        yield extract(item, self._options, self._tools, keep)
        give_back()

    def teardown(self) -> None:
        self._tools.decoder.close()


class KeepFrames:
    """Stages the values of an asset's frames. See `extract.KeepFrames`."""

    def __init__(self, store: ResultStore, item: WorkItem) -> None:
        self._store = store
        self._item = item
        # of each channel: encoder's positions so far
        self._n_positions: dict[int | None, int] = {}

    def __call__(self, channel: int | None, chunk: int, frames: Frames, positions: Frames) -> None:
        uri = self._item.asset.uri
        if frames:
            self._write("frames", channel, chunk, frame_rows(uri, channel, chunk, frames))
        if positions:
            first = self._n_positions.get(channel, 0)
            self._write("embeddings", channel, chunk, embedding_rows(uri, channel, first, positions))
            self._n_positions[channel] = first + len(positions["start_sample"])

    def _write(self, table: str, channel: int | None, chunk: int, rows: Any) -> None:
        write_rows(path_of(self._store, self._item.key, table, channel, chunk), rows)


def load_tools(options: FeatureOptions, model: ModelFiles | None, asset_timeout_s: float) -> Tools:
    """What extraction needs, ready: what compiles or traces at its first call has been called."""
    detector = _detector() if options.finds_speech else None
    tools = Tools(Decoder(asset_timeout_s), detector, _embedder(model) if model else None)
    features_of(np.zeros(1600, np.float32), options, tools)
    return tools


def _detector() -> Detector:
    # its network is in TensorFlow, which most features do without
    from model.vad import load_detector

    return load_detector()


def _embedder(planned: ModelFiles) -> Embedder:
    """The encoder, shared by the threads of this process."""
    with _loading:
        if planned.sha256 not in _loaded:
            _loaded.clear()
            _loaded[planned.sha256] = load_embedder(on_this_worker(planned))
        return _loaded[planned.sha256]


def extracted_record(extracted: Extracted) -> Record:
    """An asset to be staged; `results.unpack` reads it back."""
    return end_record(extracted.heard, (), replace(extracted, heard=bare(extracted.heard)))


def tables_of(options: FeatureOptions) -> Sequence[str]:
    """What is written besides rows of assets: tables of frames, or files of examples."""
    if options.makes_set:
        return (TFRECORDS,)
    if "frame" not in options.per:
        return ()
    tables = {"frames": set(options.groups) - {"embedding"}, "embeddings": "embedding" in options.groups}
    return tuple(name for name, is_made in tables.items() if is_made)
