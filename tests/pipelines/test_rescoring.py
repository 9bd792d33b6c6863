"""What a Whisper's beam ends with, ranked again by n-grams, through the command line."""

import json
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from pipelines.cli import main
from tests.conftest import REPOSITORY

# log10: somebody who talks of tea
ARPA = r"""
\data\
ngram 1=6

\1-grams:
-99	<s>
-1	</s>
-2	<unk>
-1	proper
-1	tea
-9	property

\end\
"""


@pytest.fixture
def arpa(tmp_path: Path) -> str:
    path = tmp_path / "tea.arpa"
    path.write_text(ARPA, encoding="utf-8")
    return str(path)


def heard(output: Path, *flags: str) -> tuple[str, dict]:
    """The text of a sample, and the options of decoding that stand in the run's row."""
    command = ["transcribe", "--input", str(REPOSITORY / "samples" / "voicemail.wav"), "--output", str(output), *flags]
    assert main(command) == 0
    [transcript] = ds.dataset(output / "transcripts", partitioning="hive").to_table().to_pylist()
    [run] = ds.dataset(output / "runs", partitioning="hive").to_table().to_pylist()
    return transcript["text"], json.loads(run["options"])["decode"]


def test_hypotheses_are_ranked_again(arpa: str, tmp_path: Path) -> None:
    plain, decode = heard(tmp_path / "plain")
    assert "from the property office" in plain
    assert "language_model" not in decode
    asked, decode = heard(tmp_path / "asked", "--language_model", arpa)
    assert asked == plain.replace("property", "proper tea")
    assert decode["language_model"]["alpha"] == 0.5
    # with next to no weight it stays what the search found
    same, _ = heard(tmp_path / "same", "--language_model", arpa, "--lm_alpha", "0.001", "--lm_beta", "0")
    assert same == plain
