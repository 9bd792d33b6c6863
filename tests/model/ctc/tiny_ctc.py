"""CTC models of random weights in folders of their own."""

from pathlib import Path

import keras
import numpy as np

from model.ctc.config import CONFIG_FILE, VOCABULARY_FILE, WEIGHTS_FILE, CtcConfig
from model.ctc.network import build_network
from model.ctc.network_weights import weights_of
from model.ctc.statistics import Statistics
from model.ctc.vocabulary import CtcVocabulary
from model.ctc.weights_file import with_statistics
from model.tensor_writing import write_tensors

LETTERS = CtcVocabulary.of_characters("acehst")
SMALL = {"lstm": CtcConfig("lstm", depth=2, width=16), "conformer": CtcConfig("conformer", depth=2, width=16)}


def write_model(folder: Path, config: CtcConfig, vocabulary: CtcVocabulary = LETTERS) -> Path:
    """A network of random weights, as `beamscribe train` leaves one."""
    keras.utils.set_random_seed(1)
    n_mels = config.log_mel.n_mels
    statistics = Statistics(np.full(n_mels, -8, np.float32), np.full(n_mels, 3, np.float32))
    network = build_network(config, len(vocabulary), statistics)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(config.to_json(), encoding="utf-8")
    (folder / VOCABULARY_FILE).write_text(vocabulary.to_json(), encoding="utf-8")
    write_tensors(folder / WEIGHTS_FILE, with_statistics(weights_of(network), statistics))
    return folder
