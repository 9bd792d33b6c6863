"""TFRecords for training: examples of utterances with their log-mel and their reference, a file a shard.

An example (`tf.train.Example`) has `log_mel` (the bytes of float32, little-endian, [n_frames, n_mels]), `n_frames`,
`n_mels`, `uri`, `duration_s`, `channel` where it is of one channel, and `reference` where it is known. A set is a
function of its inputs alone, to the byte. Utterances lie in their shard in the order of the hashes of their names,
which shuffles them; those of damaged files are left out, because their references say more than they hold.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.recognizer import SAMPLE_RATE_HZ
from transforms import storage
from transforms.assets import channel_order
from transforms.commit import PartOf
from transforms.features.examples import definition, read_log_mel
from transforms.features.extract import Extracted, TrackFeatures
from transforms.features.pooling import Moments, Pooled
from transforms.references import read_references
from transforms.results import ResultStore

TABLE = "tfrecords"
FORMAT_VERSION = 1
NAME = "utterances"
MANIFEST, STATISTICS = "manifest.json", "statistics.json"
# by uri and channel, None of all mixed
References = Mapping[tuple[str, int | None], str]


@dataclass(frozen=True)
class ShardFile:
    """One file of a set, and what the whole set needs to know of it."""

    name: str
    examples: int
    with_reference: int
    frames: int
    duration_s: float
    size_bytes: int
    sha256: str
    # of each mel band: see `pooling.Pooled`
    mel_mean: list[float]
    mel_squares: list[float]


@dataclass(frozen=True)
class _Utterance:
    uri: str
    key: str
    track: TrackFeatures
    reference: str | None

    @property
    def place(self) -> bytes:
        """Where it is in its shard."""
        name = f"{channel_order(self.track.channel)} {self.uri}"
        return hashlib.sha256(name.encode("utf8", "surrogateescape")).digest()


class ExampleWriter:
    """Gathers the utterances of a shard, and writes them as one file."""

    table = TABLE

    def __init__(self, parts: PartOf, shard: int, store: ResultStore) -> None:
        self._parts = parts
        self._shard = shard
        self._store = store
        self._references = references_of(parts, shard)
        self._utterances: list[_Utterance] = []

    def add_asset(self, extracted: Extracted) -> None:
        """Takes the channels of an asset; a reference of all channels is that of one that is alone."""
        uri, tracks = extracted.item.asset.uri, extracted.tracks
        for track in () if extracted.heard.failure else tracks:
            of_all = self._references.get((uri, None)) if len(tracks) == 1 else None
            reference = self._references.get((uri, track.channel), of_all)
            self._utterances.append(_Utterance(uri, extracted.item.key, track, reference))

    def close(self) -> int:
        """Stages the file, and what the manifest of the set needs to know; how many frames it has."""
        if not self._utterances:
            return 0
        self._utterances.sort(key=lambda utterance: utterance.place)
        name = f"{NAME}-{self._shard:05d}-of-{self._parts.n_shards:05d}.tfrecord"
        data = to_tfrecord(_example(u, read_log_mel(self._store, u.key, u.track.channel)) for u in self._utterances)
        storage.write_whole(self._parts.staged(TABLE, name), data)
        written = self._described(name, data)
        storage.write_whole(_described_path(self._parts, self._shard), _json(asdict(written)))
        return written.frames

    def _described(self, name: str, data: bytes) -> ShardFile:
        tracks = [utterance.track for utterance in self._utterances]
        moments = _merged((track.n_frames, track.mel_mean, track.mel_squares) for track in tracks)
        return ShardFile(
            name=name,
            examples=len(tracks),
            with_reference=sum(utterance.reference is not None for utterance in self._utterances),
            frames=moments.n,
            duration_s=sum(track.n_samples for track in tracks) / SAMPLE_RATE_HZ,
            size_bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            mel_mean=np.asarray(moments.pooled.mean).tolist(),
            mel_squares=np.asarray(moments.pooled.squares).tolist(),
        )


def _example(utterance: _Utterance, log_mel: bytes) -> bytes:
    """A serialized tf.train.Example."""
    from tensorflow.core.example.example_pb2 import Example

    made, track = Example(), utterance.track
    feature = made.features.feature
    feature["log_mel"].bytes_list.value.append(log_mel)
    feature["n_frames"].int64_list.value.append(track.n_frames)
    feature["n_mels"].int64_list.value.append(len(track.mel_mean))
    feature["uri"].bytes_list.value.append(utterance.uri.encode("utf8", "surrogateescape"))
    feature["duration_s"].float_list.value.append(track.n_samples / SAMPLE_RATE_HZ)
    if track.channel is not None:
        feature["channel"].int64_list.value.append(track.channel)
    if utterance.reference is not None:
        feature["reference"].bytes_list.value.append(utterance.reference.encode())
    return made.SerializeToString(deterministic=True)


def to_tfrecord(records: Iterable[bytes]) -> bytes:
    """Records as the bytes of one file."""
    import tensorflow as tf

    handle, path = tempfile.mkstemp(suffix=".tfrecord")
    os.close(handle)
    try:
        with tf.io.TFRecordWriter(path) as writer:
            for record in records:
                writer.write(record)
        return Path(path).read_bytes()
    finally:
        os.unlink(path)


def stage_set(parts: PartOf, origin: Mapping[str, Any]) -> None:
    """Stages the manifest and the statistics of the set whose files are staged. origin: what it was made with."""
    described = storage.files_named(storage.join(parts.staging, NAME), ".json")
    files = [ShardFile(**json.loads(storage.read_whole(info.path))) for info in described]
    moments = _merged((file.frames, file.mel_mean, file.mel_squares) for file in files)
    manifest = {
        "format_version": FORMAT_VERSION,
        "log_mel": definition(),
        **origin,
        "examples": sum(file.examples for file in files),
        "with_reference": sum(file.with_reference for file in files),
        "frames": moments.n,
        "hours": sum(file.duration_s for file in files) / 3600,
        "files": [_listed(file) for file in files],
    }
    pooled = {"mean": moments.mean, "std": moments.std}
    values = {name: None if v is None else np.asarray(v).tolist() for name, v in pooled.items()}
    storage.write_whole(parts.staged(TABLE, MANIFEST), _json(manifest))
    storage.write_whole(parts.staged(TABLE, STATISTICS), _json({"frames": moments.n, **values}))


def _listed(file: ShardFile) -> dict[str, Any]:
    return {name: value for name, value in asdict(file).items() if not name.startswith("mel_")}


def _merged(pieces: Iterable[tuple[int, Sequence[float], Sequence[float]]]) -> Moments:
    moments = Moments()
    for n, mean, squares in pieces:
        moments.merge(Pooled(n, np.array(mean), np.array(squares)))
    return moments


def _described_path(parts: PartOf, shard: int) -> str:
    return storage.join(parts.staging, NAME, f"{shard:05d}.json")


def _json(value: Mapping[str, Any]) -> bytes:
    """A JSON file for people to read too."""
    return (json.dumps(value, indent=1) + "\n").encode()


def references_path(parts: PartOf, shard: int) -> str:
    """Where the references of a shard's utterances are."""
    return storage.join(parts.staging, "references", f"{shard:05d}.jsonl")


def references_of(parts: PartOf, shard: int) -> References:
    """The references of a shard's utterances."""
    path = references_path(parts, shard)
    found = read_references(path) if storage.exists(path) else ()
    return {(reference.uri, reference.channel): reference.text for reference in found}
