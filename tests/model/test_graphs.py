"""Traced functions that are kept on disk: the same results, read back, and never a reason to fail."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from model import graphs
from model.graphs import CACHE, Graphs, KeptFunction, graphs_folder, write
from model.recognizer import BiasPhrase, DecodeOptions, Hypothesis
from model.whisper.checkpoint import load_checkpoint
from model.whisper.recognizer import WhisperRecognizer
from model.whisper.tokenizer import WhisperTokenizer
from tests.model.whisper_helpers import load_windows

# TensorFlow treats captured tensors of up to 128 numbers otherwise
N = 16
WEIGHT = tf.constant(np.random.default_rng(0).normal(size=[N, N]), tf.float32)
SIGNATURE = [tf.TensorSpec([None, N]), tf.TensorSpec([], tf.int32)]
ROWS = np.eye(N, dtype=np.float32)


class Powers(NamedTuple):
    """What the function under test gives back."""

    of_all: tf.Tensor
    n: list[tf.Tensor]


class Traced:
    """A function with a loop, and how often it was traced."""

    def __init__(self, weight: tf.Tensor = WEIGHT) -> None:
        self.n_traces = 0
        self.weight = weight

    def __call__(self, x: tf.Tensor, n: tf.Tensor) -> Powers:
        self.n_traces += 1
        loop = tf.while_loop(lambda i, _: i < n, lambda i, y: (i + 1, tf.matmul(y, self.weight)), (0, x))
        return Powers(loop[1], [loop[0]])


def function_in(folder: Path | None, body: Traced, settings: str = "") -> object:
    return Graphs(folder, {"weight": WEIGHT}).function(body, SIGNATURE, Powers("", [""]), settings)


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.pb"))


def assert_right(found: Powers, n: int = 3, weight: tf.Tensor = WEIGHT, rows: np.ndarray = ROWS) -> None:
    expected = rows
    for _ in range(n):
        expected = tf.matmul(expected, weight)
    assert isinstance(found, Powers)
    assert found.n[0].numpy() == n
    np.testing.assert_array_equal(found.of_all, expected)


def test_a_function_is_traced_once_and_then_read(tmp_path: Path) -> None:
    first, second = Traced(), Traced()
    assert_right(function_in(tmp_path, first)(ROWS, 3))
    kept = function_in(tmp_path, second)
    for n in (3, 0, 7):
        assert_right(kept(ROWS, n), n)
    assert (first.n_traces, second.n_traces, len(files_of(tmp_path))) == (1, 0, 1)


def test_another_process_reads_what_is_kept_beside_its_own_functions(tmp_path: Path) -> None:
    # both count their functions' names from the same number
    code = """
import sys
from pathlib import Path
from tests.model.test_graphs import *
body = Traced()
kept = function_in(Path(sys.argv[1]), body)
own = tf.function(lambda x: tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y + 1), (0, x))[1])
assert own(tf.zeros([])).numpy() == 3
assert_right(kept(ROWS, 3))
assert own(tf.ones([])).numpy() == 4
print(body.n_traces)
"""
    for n_traces in (1, 0):
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
        assert done.stdout.split() == [str(n_traces)], done.stderr


@pytest.mark.parametrize("n", [4, N])
def test_other_weights_are_used_with_the_same_graph(tmp_path: Path, n: int) -> None:
    bodies = []
    for number in range(2):
        weight = tf.constant(np.random.default_rng(number).normal(size=[n, n]), tf.float32)
        bodies.append(Traced(weight))
        signature = [tf.TensorSpec([None, n]), SIGNATURE[1]]
        kept = Graphs(tmp_path, {"weight": weight}).function(bodies[-1], signature, Powers("", [""]), "")
        rows = np.eye(n, dtype=np.float32)
        assert_right(kept(rows, 3), 3, weight, rows)
    assert [body.n_traces for body in bodies] == [1, 0]


def test_what_others_may_write_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "graphs"
    function_in(folder, Traced())(ROWS, 3)
    (path,) = files_of(folder)
    assert (folder.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    for changed, mode in ((path, 0o660), (folder, 0o777)):
        before = changed.stat().st_mode
        changed.chmod(mode)
        body = Traced()
        assert_right(function_in(folder, body)(ROWS, 3))
        assert body.n_traces == 1
        if changed.is_dir():
            changed.chmod(before)
    body = Traced()
    function_in(folder, body)(ROWS, 3)
    assert body.n_traces == 0


def test_a_cache_that_is_only_read_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    function_in(tmp_path, Traced())(ROWS, 3)

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    body = Traced()
    assert_right(function_in(tmp_path, body)(ROWS, 3))
    assert body.n_traces == 0


def test_other_settings_code_shapes_and_networks_are_other_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function_in(tmp_path, Traced())(ROWS, 3)
    for n_files, graphs_of_it, settings, signature in (
        (1, Graphs(tmp_path, {"weight": WEIGHT}), "", SIGNATURE),
        (2, Graphs(tmp_path, {"weight": WEIGHT}), "other", SIGNATURE),
        (3, Graphs(tmp_path, {"weight": WEIGHT}, "other"), "", SIGNATURE),
        (4, Graphs(tmp_path, {"weight": WEIGHT, "more": WEIGHT[:1]}), "", SIGNATURE),
        (5, Graphs(tmp_path, {"weight": WEIGHT}), "", [tf.TensorSpec([N, N]), SIGNATURE[1]]),
    ):
        assert_right(graphs_of_it.function(Traced(), signature, Powers("", [""]), settings)(ROWS, 3))
        assert len(files_of(tmp_path)) == n_files
    monkeypatch.setattr(graphs, "CODE", "of other code")
    assert_right(function_in(tmp_path, Traced())(ROWS, 3))
    # the code in the files is not what this process runs
    assert len(files_of(tmp_path)) == 5
    monkeypatch.setattr(graphs, "code_digest", lambda: "of other code")
    function_in(tmp_path, Traced())(ROWS, 3)
    assert len(files_of(tmp_path)) == 6
    # code that does not lie in files
    monkeypatch.setattr(graphs, "CODE", None)
    assert_right(function_in(tmp_path, Traced())(ROWS, 3))
    assert len(files_of(tmp_path)) == 6


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"not a graph",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
    ],
)
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    function_in(tmp_path, Traced())(ROWS, 3)
    (path,) = files_of(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    body = Traced()
    assert_right(function_in(tmp_path, body)(ROWS, 3))
    assert body.n_traces == 1
    again = Traced()
    assert_right(function_in(tmp_path, again)(ROWS, 3))
    assert again.n_traces == 0


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert_right(function_in(tmp_path / "file" / "graphs", Traced())(ROWS, 3))
    assert (tmp_path / "file").read_text() == "no folder"


def test_a_function_of_other_tensors_is_not_kept(tmp_path: Path) -> None:
    assert_right(Graphs(tmp_path, {}).function(Traced(), SIGNATURE, Powers("", [""]), "")(ROWS, 3))
    assert not files_of(tmp_path)


def test_files_that_were_not_used_for_longest_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = {"of somebody else.pb", "folder"}
    (tmp_path / "of somebody else.pb").write_text("not ours")
    (tmp_path / "folder").mkdir()
    (tmp_path / ".graph-of-a-process-that-was-killed").write_text("half")
    new, old, newest = (f"{digit * 64}.pb" for digit in "abc")
    for name in (new, old):
        write(tmp_path / name, b"graph")
    for age, name in enumerate([new, old, ".graph-of-a-process-that-was-killed", *others]):
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    monkeypatch.setattr(graphs, "MOST_FILES", 2)
    write(tmp_path / newest, b"graph")
    assert {path.name for path in tmp_path.iterdir()} == {new, newest, *others}


def test_the_folder_is_the_user_s_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CACHE, raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert graphs_folder() == Path("/home/somebody/.cache/beamscribe/graphs")
    monkeypatch.setenv("XDG_CACHE_HOME", "/scratch")
    assert graphs_folder() == Path("/scratch/beamscribe/graphs")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert graphs_folder() == Path("/home/somebody/.cache/beamscribe/graphs")
    monkeypatch.setenv(CACHE, "/elsewhere")
    assert graphs_folder() == Path("/elsewhere/graphs")
    monkeypatch.setenv(CACHE, "~/elsewhere")
    assert graphs_folder() == Path("/home/somebody/elsewhere/graphs")
    monkeypatch.setenv(CACHE, "")
    assert graphs_folder() is None


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_recognizer_hears_the_same_with_kept_graphs(
    tmp_path: Path, tiny_en: Path, speech: Path, clips: list[dict], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(DecodeOptions(), beam_size=2, precision=precision)
    checkpoint, tokenizer = load_checkpoint(tiny_en), WhisperTokenizer(tiny_en)
    windows = load_windows(speech, clips, "librispeech", 3)

    def heard(folder: Path | None) -> list[Hypothesis]:
        model = WhisperRecognizer(checkpoint, tokenizer, options, graphs_folder=folder)
        model.warm_up()
        found = model.recognize(windows, [None] * 3)
        drawn = model.sample(windows[:1], ["en"], [1], lambda _, hypothesis: hypothesis.temperature > 0.5)[0]
        return [*found, *model.search_wider(windows, ["en"] * 3), *drawn]

    traced = heard(tmp_path)
    n_files = len(files_of(tmp_path))
    # the encoder, both searches, the draws and what words' times are read with
    assert n_files == 5
    assert heard(None) == traced
    monkeypatch.setattr(KeptFunction, "_trace", None)
    assert heard(tmp_path) == traced


def test_languages_are_identified_with_kept_graphs(
    tmp_path: Path, base_model: Path, speech: Path, clips: list[dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(DecodeOptions(), beam_size=1, word_timestamps=False)
    checkpoint, tokenizer = load_checkpoint(base_model), WhisperTokenizer(base_model)
    windows = load_windows(speech, clips, "multilingual", 2)
    traced = WhisperRecognizer(checkpoint, tokenizer, options, graphs_folder=tmp_path).identify(windows)
    monkeypatch.setattr(KeptFunction, "_trace", None)
    assert WhisperRecognizer(checkpoint, tokenizer, options, graphs_folder=tmp_path).identify(windows) == traced


def test_a_recognizer_of_one_token_warms_up(tiny_en: Path) -> None:
    options = replace(DecodeOptions(), beam_size=1, max_tokens=1, word_timestamps=False)
    model = WhisperRecognizer(load_checkpoint(tiny_en), WhisperTokenizer(tiny_en), options)
    model.warm_up()
    silence = np.zeros(model.window_samples, np.float32)
    assert len(model.recognize([silence], ["en"])[0].tokens) <= 1


def test_the_terms_of_a_vocabulary_are_kept_nowhere(
    tmp_path: Path, tiny_en: Path, speech: Path, clips: list[dict]
) -> None:
    options = replace(DecodeOptions(), beam_size=1, word_timestamps=False, bias=(BiasPhrase("Peter Pan", 2.0),))
    model = WhisperRecognizer(load_checkpoint(tiny_en), WhisperTokenizer(tiny_en), options, graphs_folder=tmp_path)
    model.recognize(load_windows(speech, clips, "librispeech", 1), [None])
    assert len(files_of(tmp_path)) == 1  # the encoder alone
