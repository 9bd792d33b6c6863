"""Embeddings of sound: what the encoder of a recogniser makes of it, before any text."""

from typing import Protocol

import numpy as np

from model.errors import BeamscribeError
from model.registry import CTC, WHISPER, ModelFiles

FAMILIES = (WHISPER, CTC)


class Embedder(Protocol):
    """A loaded encoder. Instances are shared by the threads of a process: `embed` is thread-safe."""

    # the most it takes at once, at SAMPLE_RATE_HZ
    window_samples: int
    # samples from one position of its output to the next
    position_samples: int
    # width of its output
    n_channels: int

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """Of samples [<= window_samples] float32, one row a position: [ceil(n / position_samples), n_channels]."""


def check_family(files: ModelFiles) -> None:
    """BeamscribeError where a model has no encoder to take embeddings from."""
    if files.family not in FAMILIES:
        raise BeamscribeError(
            f"--model {files.name} is of the family {files.family}, which gives no embeddings: name one of "
            f"{', '.join(FAMILIES)}"
        )


def load_embedder(files: ModelFiles) -> Embedder:
    """Loads the weights and builds the encoder in float32; imports TensorFlow."""
    if files.family == CTC:
        from model.ctc.embedder import CtcEmbedder

        return CtcEmbedder(files.folder)
    from model.whisper.checkpoint import load_checkpoint
    from model.whisper.embedder import WhisperEmbedder

    return WhisperEmbedder(load_checkpoint(files.folder))
