"""Which weights of a Whisper are trained: a part of the network as it is, or low-rank adapters beside its products.

Adapters are those of Hu et al. 2021 ("LoRA", section 4.1): W + (alpha / rank) * B A, A random and B zero at first, so
that training starts at the network as it was. Merged into W on writing, they cost nothing in recognition.
"""

import re
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from model.whisper.checkpoint import ENCODER_POSITIONS
from model.whisper.tuning_options import TARGETS, TuneOptions

# of the sum that an adapter adds, relative to its rank (Hu et al. 2021, section 4.1)
ALPHA_PER_RANK = 2.0


class TunedWeights:
    """A network's weights, of which some are variables. Called with a name, it gives the weight as it stands."""

    def __init__(self, weights: Mapping[str, np.ndarray], options: TuneOptions, seed: int) -> None:
        self._frozen = {name: tf.constant(weight) for name, weight in weights.items()}
        self._own: dict[str, keras.Variable] = {}
        self._adapters: dict[str, tuple[keras.Variable, keras.Variable]] = {}
        generator = np.random.default_rng(seed)
        for name, weight in weights.items():
            if options.tune == "adapters" and _has_adapter(name, options):
                n_out, n_in = weight.shape
                down = generator.normal(0, n_in**-0.5, [options.rank, n_in]).astype(np.float32)
                up = np.zeros([n_out, options.rank], np.float32)
                self._adapters[name] = (_variable(down, f"{name}.down"), _variable(up, f"{name}.up"))
            elif _is_trained(name, options):
                self._own[name] = _variable(weight, name)

    def __call__(self, name: str) -> tf.Tensor:
        """The weight of a name; gradients run through it."""
        if name in self._own:
            return self._own[name].value
        weight = self._frozen[name]
        if name not in self._adapters:
            return weight
        down, up = self._adapters[name]
        return weight + ALPHA_PER_RANK * tf.matmul(up.value, down.value)

    def untuned(self, name: str) -> tf.Tensor:
        """The weight of a name as it was before."""
        return self._frozen[name]

    @property
    def variables(self) -> list[keras.Variable]:
        """All that is trained, in one order."""
        return [*self._own.values(), *(variable for pair in self._adapters.values() for variable in pair)]

    def merged(self, share: float = 1.0) -> dict[str, np.ndarray]:
        """All weights, those of adapters merged into the network's.

        share: how much of the way from the untuned weights to the tuned ones. Between them lie networks that keep more
        of what they knew and lose little of what they learned (Wortsman et al. 2022, "WiSE-FT", section 3).
        """
        return {
            name: np.asarray(weight + share * (self(name) - weight) if share < 1 else self(name))
            for name, weight in self._frozen.items()
        }


def _variable(value: np.ndarray, name: str) -> keras.Variable:
    return keras.Variable(value, name=name.replace(".", "_"))


def _has_adapter(name: str, options: TuneOptions) -> bool:
    side = name.split(".")[0]
    return side in options.sides and any(
        re.search(rf"\.(cross_)?{TARGETS[target]}\.weight$", name) for target in options.targets
    )


def _is_trained(name: str, options: TuneOptions) -> bool:
    # sinusoids: fixed by the paper, and stored or not
    return options.tune in ("all", name.split(".")[0]) and name != ENCODER_POSITIONS
