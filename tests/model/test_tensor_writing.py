"""Files of weights are for all who may read the folder that they are in."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from model.tensor_writing import write_tensors


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o755, 0o644), (0o700, 0o600)])
def test_the_file_is_for_whom_its_folder_is_for(tmp_path: Path, folder_mode: int, file_mode: int) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    folder.chmod(folder_mode)
    write_tensors(folder / "weights.safetensors", {"a": np.arange(6).reshape(2, 3).T}, {"format": "pt"})
    assert [path.name for path in folder.iterdir()] == ["weights.safetensors"]
    assert (folder / "weights.safetensors").stat().st_mode & 0o777 == file_mode
    assert load_file(folder / "weights.safetensors")["a"].tolist() == [[0, 3], [1, 4], [2, 5]]
