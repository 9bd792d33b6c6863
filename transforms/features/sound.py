"""The features of a stretch of sound of any length: all groups that were asked for, chunk by chunk."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.embedding import Embedder
from model.recognizer import SAMPLE_RATE_HZ
from transforms.features.chunks import CHUNK_SAMPLES, Chunk
from transforms.features.groups import SAMPLE_GROUPS, Frames
from transforms.features.pooling import Moments
from transforms.features.speaking_rate import n_inside, syllables_of
from transforms.speech import Region

# as msgspec stores them: columns of a row
Columns = dict[str, float | int | list[float] | None]


class SoundFeatures:
    """Takes the chunks of a recording, or of a region of it, in order."""

    def __init__(self, groups: Sequence[str], embedder: Embedder | None) -> None:
        """groups: some of GROUPS; with `embedding` among them an embedder is needed."""
        self._groups = [SAMPLE_GROUPS[name]() for name in groups if name in SAMPLE_GROUPS]
        self._counts_syllables = "speaking_rate" in groups
        self._syllables: list[np.ndarray] = []
        self._embedder = embedder if "embedding" in groups else None
        self._embeddings = Moments()
        self._n_samples = 0

    def push(self, chunk: Chunk) -> tuple[Frames, Frames]:
        """Values of the chunk's frames, [n] or [d, n], and of the encoder's positions in it, each by column.

        The second has `start_sample` [n] besides `embedding` [d, n]; it is empty where no embeddings are asked for.
        """
        self._n_samples += len(chunk.own_samples)
        frames: Frames = {}
        for group in self._groups:
            frames |= group.push(chunk)
        if self._counts_syllables:
            self._syllables.append(syllables_of(chunk))
        return frames, self._embed(chunk) if self._embedder else {}

    def finish(self, regions: Sequence[Region]) -> Columns:
        """The columns of the row. regions: where speech is; rates are of what is in them."""
        columns: dict[str, Any] = {}
        for group in self._groups:
            columns |= group.finish()
        if self._counts_syllables:
            columns |= self._rates(regions)
        if self._embedder:
            columns["embedding"] = self._embeddings.mean
        return {name: _plain(value) for name, value in columns.items()}

    def _embed(self, chunk: Chunk) -> Frames:
        assert self._embedder is not None
        samples, size = chunk.own_samples, self._embedder.window_samples
        starts = range(0, len(samples), size)
        found = [self._embedder.embed(samples[start : start + size]).T for start in starts]
        if not found:
            return {}
        hop = self._embedder.position_samples
        places = [start + hop * np.arange(f.shape[1]) for start, f in zip(starts, found, strict=True)]
        embedding = np.concatenate(found, axis=1)
        self._embeddings.push(embedding)
        return {"start_sample": chunk.index * CHUNK_SAMPLES + np.concatenate(places), "embedding": embedding}

    def _rates(self, regions: Sequence[Region]) -> dict[str, Any]:
        duration_s = self._n_samples / SAMPLE_RATE_HZ
        speech_s = sum(region.end - region.start for region in regions) / SAMPLE_RATE_HZ
        n_syllables = n_inside(np.concatenate([np.zeros(0, np.int64), *self._syllables]), regions)
        return {
            "speech_s": speech_s,
            "syllables": n_syllables,
            "syllables_per_s": n_syllables / duration_s if duration_s else None,
            "articulation_rate": n_syllables / speech_s if speech_s else None,
        }


def _plain(value: Any) -> float | int | list[float] | None:
    if value is None or isinstance(value, int):
        return value
    return value.tolist() if np.ndim(value) else float(value)
