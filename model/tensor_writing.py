"""Writing of safetensors files, which a reader finds whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Replaces the file at once: whoever reads it finds the old or the new one."""
    part = path.with_name(path.name + ".part")
    save_file({name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}, part, dict(metadata or {}))
    # safetensors leaves it to its owner alone; a model is for all who may read its folder
    part.chmod(path.parent.stat().st_mode & 0o666)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
