"""Training data: features kept in one file on disk, and the batches that are made of them, in an order by seed.

An epoch is planned as a list of batches of utterances, each of one clip or of several that are joined. Utterances of
about one length make a batch: they are sorted inside of pools, and the batches are shuffled. What a batch holds
depends on the seed and on its number alone, so training can go on from any of them.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from model.ctc.config import CtcConfig
from model.ctc.features import LogMelDefinition
from model.ctc.specaugment import Augmentation, joined, louder, mask
from model.ctc.statistics import Statistics
from model.ctc.vocabulary import CtcVocabulary
from model.errors import BeamscribeError

FRAMES_FILE, INDEX_FILE = "frames.f32", "index.json"
# batches whose utterances are sorted together
POOL_BATCHES = 16
# outputs that a clip has more than its labels take: joined to another, one is said between them and one may be lost
SPARE_OUTPUTS = 2
# values that fill up rows of labels
NO_LABEL = -1
# what random numbers are for, beside the seed and the number of an epoch or batch
PLAN, AUGMENT = 0, 1


class Clip(NamedTuple):
    """Features of one utterance and what is said in it."""

    uri: str
    # as it is learnt
    text: str
    # float32 [n_frames, n_mels]
    log_mel: np.ndarray


@dataclass(frozen=True, eq=False)
class Clips:
    """The clips of a set; their features stay on disk."""

    uris: tuple[str, ...]
    texts: tuple[str, ...]
    # [n_clips + 1] the first frame of each, and the number of all
    starts: np.ndarray
    # float32 [n_frames, n_mels]
    frames: np.ndarray
    # sha256 of features and texts
    fingerprint: str

    def __len__(self) -> int:
        return len(self.uris)

    def log_mel(self, clip: int) -> np.ndarray:
        return self.frames[self.starts[clip] : self.starts[clip + 1]]

    @property
    def n_frames(self) -> np.ndarray:
        """[n_clips]."""
        return np.diff(self.starts)

    def statistics(self) -> Statistics:
        return Statistics.of([self.log_mel(clip) for clip in range(len(self))])


def write_clips(folder: Path, clips: Iterable[Clip], definition: LogMelDefinition) -> Clips:
    """Keeps clips in a folder; it is complete once this returns. BeamscribeError where there are none."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    uris: list[str] = []
    texts: list[str] = []
    starts = [0]
    with (folder / FRAMES_FILE).open("wb") as file:
        for uri, text, log_mel in clips:
            data = np.ascontiguousarray(log_mel, "<f4").tobytes()
            file.write(data)
            digest.update(data)
            uris.append(uri)
            texts.append(text)
            starts.append(starts[-1] + len(log_mel))
    if not uris:
        raise BeamscribeError("the manifest holds no utterance to learn from: give rows with `uri` and `reference`")
    digest.update(json.dumps(texts).encode())
    index = {"uris": uris, "texts": texts, "starts": starts, "n_mels": definition.n_mels, "sha256": digest.hexdigest()}
    part = folder / f"{INDEX_FILE}.part"
    part.write_text(json.dumps(index), encoding="utf-8")
    os.replace(part, folder / INDEX_FILE)
    return read_clips(folder)


def read_clips(folder: Path) -> Clips:
    """What `write_clips` kept."""
    index = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))
    shape = index["starts"][-1], index["n_mels"]
    frames = np.memmap(folder / FRAMES_FILE, "<f4", "r", shape=shape) if shape[0] else np.zeros(shape, np.float32)
    starts = np.array(index["starts"], np.int64)
    return Clips(tuple(index["uris"]), tuple(index["texts"]), starts, frames, index["sha256"])


def usable(clips: Clips, config: CtcConfig, vocabulary: CtcVocabulary) -> list[int]:
    """The clips that are long enough for their labels."""
    outputs = [config.count_outputs(int(n)) - SPARE_OUTPUTS for n in clips.n_frames]
    return [i for i, text in enumerate(clips.texts) if text and fits(vocabulary.encode(text), outputs[i])]


def fits(labels: Sequence[int], n_outputs: int) -> bool:
    """Whether some path of so many frames writes the labels: equal neighbours take a blank between them."""
    n_repeats = sum(a == b for a, b in pairwise(labels))
    return n_outputs > 0 and len(labels) + n_repeats <= n_outputs


class Batch(NamedTuple):
    """Utterances to learn from."""

    # float32 [n, n_frames_max, n_mels], filled up with zeros
    log_mel: np.ndarray
    # int32 [n]
    n_frames: np.ndarray
    # int32 [n, n_labels_max], filled up with NO_LABEL
    labels: np.ndarray


# the clips that are joined to one utterance
Utterance = tuple[int, ...]


def plan_epoch(
    clips: Clips, chosen: Sequence[int], *, batch_size: int, join_clips: int, seed: int, epoch: int
) -> list[list[Utterance]]:
    """Batches of utterances of 1 to `join_clips` clips; every chosen clip is in one of them."""
    random = np.random.default_rng((seed, PLAN, epoch))
    order = random.permutation(np.asarray(chosen)).tolist()
    utterances: list[Utterance] = []
    while order:
        n_joined = int(random.integers(1, join_clips + 1))
        utterances.append(tuple(order[:n_joined]))
        del order[:n_joined]
    lengths = clips.n_frames
    batches: list[list[Utterance]] = []
    for first in range(0, len(utterances), POOL_BATCHES * batch_size):
        pool = utterances[first : first + POOL_BATCHES * batch_size]
        pool.sort(key=lambda utterance: sum(int(lengths[clip]) for clip in utterance))
        batches += [pool[start : start + batch_size] for start in range(0, len(pool), batch_size)]
    return [batches[i] for i in random.permutation(len(batches))]


@dataclass(frozen=True, eq=False)
class BatchMaker:
    """Makes batches of a set of clips."""

    clips: Clips
    vocabulary: CtcVocabulary
    statistics: Statistics
    # what every filter gives for digital silence
    silence: float
    seed: int

    def augmented(self, utterances: Sequence[Utterance], step: int, how: Augmentation) -> Batch:
        """What is learnt in a step, changed as chance has it."""
        random = np.random.default_rng((self.seed, AUGMENT, step))
        rows = []
        for utterance in utterances:
            loud = [louder(self.clips.log_mel(clip), self.silence, how, random) for clip in utterance]
            rows.append(mask(joined(loud, self.silence, how, random), self.statistics.mean, how, random))
        return self._batch(rows, utterances)

    def plain(self, utterances: Sequence[Utterance]) -> Batch:
        """The same as it is."""
        rows = [np.concatenate([self.clips.log_mel(clip) for clip in utterance]) for utterance in utterances]
        return self._batch(rows, utterances)

    def text(self, utterance: Utterance) -> str:
        return " ".join(self.clips.texts[clip] for clip in utterance)

    def _batch(self, rows: Sequence[np.ndarray], utterances: Sequence[Utterance]) -> Batch:
        log_mel = np.zeros((len(rows), max(map(len, rows)), rows[0].shape[1]), np.float32)
        encoded = [self.vocabulary.encode(self.text(utterance)) for utterance in utterances]
        labels = np.full((len(rows), max(map(len, encoded))), NO_LABEL, np.int32)
        for i, (row, own) in enumerate(zip(rows, encoded, strict=True)):
            log_mel[i, : len(row)], labels[i, : len(own)] = row, own
        return Batch(log_mel, np.array([len(row) for row in rows], np.int32), labels)


def in_order(clips: Clips, chosen: Sequence[int], batch_size: int) -> Iterator[list[Utterance]]:
    """All chosen clips by length, unchanged from call to call: to score them."""
    by_length = sorted(chosen, key=lambda clip: (int(clips.n_frames[clip]), clip))
    for start in range(0, len(by_length), batch_size):
        yield [(clip,) for clip in by_length[start : start + batch_size]]
