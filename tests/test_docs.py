"""Every example in the documentation runs."""

import re

import pytest

from pipelines.cli import main
from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BLOCKS = [
    (page.name, block)
    for page in PAGES
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.S | re.M)
]


@pytest.fixture(scope="module")
def folder(kept_recognizers, tmp_path_factory):
    """A folder with what `make demo`, and the commands of docs/features.md, leave in it."""
    folder = tmp_path_factory.mktemp("demo")
    samples = REPOSITORY / "samples"
    features = ["features", "--per", "utterance,frame", "--output", str(folder / "features"), "--input", str(samples)]
    examples = ["features", "--format", "tfrecord", "--output", str(folder / "examples"), "--input"]
    assert main(["transcribe", "--input", str(samples), "--output", str(folder / "out")]) == 0
    assert main(features) == 0
    assert main([*examples, str(samples / "manifest.jsonl")]) == 0
    return folder


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[f"{page}-{i}" for i, (page, _) in enumerate(BLOCKS)])
def test_example_runs_and_prints(page, block, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    exec(compile(block, page, "exec"), {})
    assert capsys.readouterr().out or "failures" in block


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
