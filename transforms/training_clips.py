"""Clips to train on: the rows of manifests, decoded, and divided by what is said in them."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from model.errors import BeamscribeError
from model.recognizer import SAMPLE_RATE_HZ
from transforms import storage
from transforms.assets import part_uri
from transforms.audio import AudioDecodeError
from transforms.channel_samples import ChannelSamples
from transforms.inputs import find_inputs
from transforms.manifests import ManifestRow, is_manifest, read_manifest
from transforms.scoring import normalise

# files that are asked for at once: nearly all of the time is waiting for the store
N_REQUESTS = 16


@dataclass(frozen=True)
class TrainingClip:
    """A clip that was decoded."""

    uri: str
    # [n] float32 at 16 kHz
    samples: np.ndarray
    reference: str
    # None where the manifest says nothing
    language: str | None


def read_training_clips(manifests: Sequence[str], in_graph: bool = False) -> Iterator[TrainingClip]:
    """The rows that have a reference. BeamscribeError for what is no manifest, or a clip that cannot be decoded.

    in_graph: files are read in parallel by tensorflow-io, which knows local ones and the mix of their channels.
    """
    for name in manifests:
        # parts of one file that follow each other: it is decoded once
        groups = [list(parts) for _, parts in groupby(_rows(name), key=lambda row: (row.path, row.channel))]
        firsts = [parts[0] for parts in groups]
        sounds = _decode_in_graph(firsts) if in_graph else (_decode(row.path, row.channel) for row in firsts)
        for parts, samples in zip(groups, sounds, strict=True):
            for row in parts:
                yield _clip(row, samples)


def file_versions(manifest: str) -> list[str]:
    """What changes when a file changes that a row with a reference names, for each such file, by name.

    That is its etag, or size and time where its store has none: a request a file on an object store, many at once.
    """
    paths = sorted({row.path for row in _rows(manifest)})
    with ThreadPoolExecutor(N_REQUESTS) as pool:
        return list(map(repr, zip(paths, pool.map(_version, paths), strict=True)))


def _rows(name: str) -> Iterator[ManifestRow]:
    """Those of a manifest that have a reference."""
    path = storage.normalise(name)
    if not is_manifest(path):
        raise BeamscribeError(f"{name}: clips to train on are named by a manifest (.jsonl, .csv or .parquet)")
    return (row for row in read_manifest(path) if row.reference is not None)


def _version(path: str) -> Any:
    info = storage.stat(path)
    return info and (info.etag or (info.size_bytes, info.modified_at_us))


def read_noises(inputs: Sequence[str]) -> Iterator[np.ndarray]:
    """The samples [n] at 16 kHz of recordings of noise: files, folders, globs or manifests."""
    for asset in find_inputs(inputs).assets if inputs else ():
        samples = _decode(asset.path, None)[_part(asset.start_s, asset.end_s)]
        if samples.any():
            yield samples


def hold_out(
    clips: Sequence[TrainingClip], fraction: float, seed: int
) -> tuple[list[TrainingClip], list[TrainingClip]]:
    """Clips to train on, and clips to judge by: no text is in both.

    Texts are picked by their hash, so that more clips do not move those there are from one side to the other.
    """
    texts = {normalise(clip.reference, clip.language or "en") for clip in clips}
    if len(texts) < 2:
        raise BeamscribeError(
            f"there are {len(clips)} clips with {len(texts)} different references: training needs at least 2, one of "
            "them held out"
        )
    ordered = sorted(texts, key=lambda text: hashlib.sha256(f"{seed} {text}".encode()).digest())
    held = set(ordered[: min(len(texts) - 1, max(1, round(fraction * len(texts))))])
    sides: tuple[list[TrainingClip], list[TrainingClip]] = ([], [])
    for clip in clips:
        sides[normalise(clip.reference, clip.language or "en") in held].append(clip)
    return sides


def _clip(row: ManifestRow, samples: np.ndarray) -> TrainingClip:
    uri = part_uri(storage.printable(row.path), row.start_s, row.end_s)
    uri = uri if row.channel is None else f"{uri} (channel {row.channel})"
    if not isinstance(row.reference, str):
        raise BeamscribeError(f"{uri}: the reference {row.reference!r} is no text; write it as a string")
    own = samples[_part(row.start_s, row.end_s)]
    if not len(own):
        raise BeamscribeError(f"{uri} has no sound: the file ends at {len(samples) / SAMPLE_RATE_HZ:g} s; mend its row")
    return TrainingClip(uri, own, row.reference.strip(), row.language)


def _part(start_s: float | None, end_s: float | None) -> slice:
    return slice(round((start_s or 0.0) * SAMPLE_RATE_HZ), None if end_s is None else round(end_s * SAMPLE_RATE_HZ))


def _decode_in_graph(rows: Sequence[ManifestRow]) -> Iterator[np.ndarray]:
    """The mix of all channels of each row's file, [n] float32 at 16 kHz."""
    from model.tfio_reading import read_each

    for row in rows:
        if not storage.is_local(row.path):
            raise BeamscribeError(f"{row.path} is not on this machine: leave --read_in_graph out, or copy it here")
        if row.channel is not None:
            raise BeamscribeError(f"{row.path} (channel {row.channel}): --read_in_graph mixes channels, leave it out")
    return read_each([row.path for row in rows], in_graph=True)


def _decode(path: str, channel: int | None) -> np.ndarray:
    """A channel of a file, or the mix of all, [n] float32 at 16 kHz."""
    name = storage.printable(path)
    try:
        with storage.open_read(path) as file:
            source = ChannelSamples(file, channel, None, None)
            samples = np.concatenate(list(source))
    except IndexError:
        raise BeamscribeError(f"{name} has no channel {channel}: mend its rows") from None
    except (OSError, AudioDecodeError) as error:
        raise BeamscribeError(f"{name} cannot be decoded ({error}): mend the file or leave its rows out") from error
    if source.damage:
        raise BeamscribeError(f"{name} cannot be decoded whole ({source.damage}): leave its rows out")
    return samples
