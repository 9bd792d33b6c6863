"""The folder of a CTC model: configuration, vocabulary and weights, found to belong together. Loads no TensorFlow."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model.ctc.config import CONFIG_FILE, VOCABULARY_FILE, WEIGHTS_FILE, CtcConfig
from model.ctc.vocabulary import CtcVocabulary
from model.ctc.weights_file import MEAN, STD, shapes_of
from model.errors import BeamscribeError

# of the last layer, whose outputs are the labels
OUTPUT_BIAS = "leave/bias"


@dataclass(frozen=True)
class CtcFiles:
    """A model whose files are there and fit each other; its weights are not loaded."""

    config: CtcConfig
    vocabulary: CtcVocabulary
    # of each array in the file of weights
    shapes: Mapping[str, tuple[int, ...]]
    # the files that decide what it hears
    paths: tuple[Path, ...]

    @property
    def n_parameters(self) -> int:
        """Of the network, without the statistics of its features."""
        return sum(math.prod(shape) for name, shape in self.shapes.items() if name not in (MEAN, STD))


def is_ctc(folder: Path) -> bool:
    return (folder / CONFIG_FILE).is_file()


def inspect_ctc(folder: Path) -> CtcFiles:
    """BeamscribeError names the file that is missing, damaged or of another model."""
    config = CtcConfig.read(folder / CONFIG_FILE)
    vocabulary = CtcVocabulary.read(folder / VOCABULARY_FILE)
    shapes = shapes_of(folder / WEIGHTS_FILE)
    expected: dict[str, tuple[int, ...]] = {OUTPUT_BIAS: (len(vocabulary),), MEAN: (config.log_mel.n_mels,)}
    if config.architecture == "conformer":
        # early versions kept those of the last block alone
        shape = (config.n_heads, 1, config.width // config.n_heads)
        expected |= {f"block_{i}/attention/content_bias": shape for i in range(config.depth)}
    for name, wanted in expected.items():
        if shapes.get(name) != wanted:
            raise BeamscribeError(
                f"{folder / WEIGHTS_FILE}: {name} is {shapes.get(name)}, {CONFIG_FILE} and {VOCABULARY_FILE} ask for "
                f"{wanted}; they are of different models: train it again"
            )
    paths = tuple(folder / name for name in (CONFIG_FILE, VOCABULARY_FILE, WEIGHTS_FILE))
    return CtcFiles(config, vocabulary, shapes, paths)
