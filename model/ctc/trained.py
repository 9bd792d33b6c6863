"""A network as training left it."""

from pathlib import Path

from model.ctc.config import WEIGHTS_FILE
from model.ctc.files import CtcFiles, inspect_ctc
from model.ctc.network import CtcNetwork, build_network
from model.ctc.network_weights import set_weights
from model.ctc.weights_file import read_arrays, statistics_in


def load_trained(folder: Path) -> tuple[CtcFiles, CtcNetwork]:
    """What the folder holds, and the network with its weights. Raises BeamscribeError."""
    files = inspect_ctc(folder)
    arrays, _ = read_arrays(folder / WEIGHTS_FILE)
    network = build_network(files.config, len(files.vocabulary), statistics_in(arrays))
    set_weights(network, arrays, folder / WEIGHTS_FILE)
    return files, network
