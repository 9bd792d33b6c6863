"""Tensors that lie in a file: described by its headers, read as float32 only when asked for."""

import json
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import BeamscribeError
from model.whisper.dimensions import Dimensions

# how the bytes of each stored type are viewed; bfloat16, unknown to NumPy, is the upper half of a float32
STORED_TYPES: dict[str, str] = {
    "float32": "<f4",
    "float16": "<f2",
    "bfloat16": "<u2",
    "int8": "<i1",
    "int16": "<i2",
    "int32": "<i4",
}


@dataclass(frozen=True)
class StoredTensor:
    """A tensor's place in a file; if it is quantised, weight = stored / scale, with one scale a row or one in all."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int
    scale: "StoredTensor | None" = None

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * np.dtype(STORED_TYPES[self.dtype]).itemsize

    def rows(self, start: int, stop: int) -> "StoredTensor":
        """The tensor of rows [start, stop), which are contiguous in the file."""
        row_bytes = self.n_bytes // self.shape[0]
        scale = self.scale.rows(start, stop) if self.scale and self.scale.shape == self.shape[:1] else self.scale
        return replace(self, shape=(stop - start, *self.shape[1:]), offset=self.offset + start * row_bytes, scale=scale)

    def read(self) -> np.ndarray:
        """The tensor as float32."""
        count = math.prod(self.shape)
        values = np.fromfile(self.path, STORED_TYPES[self.dtype], count, offset=self.offset).reshape(self.shape)
        if self.dtype == "bfloat16":
            return (values.astype(np.uint32) << 16).view(np.float32)
        values = values.astype(np.float32, copy=False)
        if self.scale is None:
            return values
        scale = self.scale.read()
        return values / scale.reshape(scale.shape + (1,) * (values.ndim - scale.ndim))


@dataclass(frozen=True)
class StoredCheckpoint:
    """What the headers of a checkpoint say: sizes, where each weight lies (OpenAI's names), and its settings."""

    dims: Dimensions
    tensors: dict[str, StoredTensor]
    weight_files: tuple[Path, ...]
    # alignment_heads, suppress_tokens and suppress_at_begin as the JSON has them; None where it says nothing
    settings: dict[str, Any]


def file_size(path: Path) -> int:
    """Bytes of a file; BeamscribeError where it cannot be read."""
    if not path.is_file() or not os.access(path, os.R_OK):
        raise BeamscribeError(f"{path} is not a file that this user may read: correct its permissions")
    return path.stat().st_size


def read_json(path: Path, mend: str) -> dict:
    """The JSON object in a file; BeamscribeError with the mend where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BeamscribeError(f"{path} is missing: {mend}") from None
    except (OSError, ValueError) as error:
        raise BeamscribeError(f"{path} cannot be read as JSON ({error}): {mend}") from error
    if not isinstance(content, dict):
        raise BeamscribeError(f"{path} is not a JSON object: {mend}")
    return content
