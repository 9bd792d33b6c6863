"""Whisper's tokens: found by what they say, and the same as faster-whisper's."""

import json
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from faster_whisper.tokenizer import Tokenizer

from model.errors import BeamscribeError
from model.whisper.tokenizer import WhisperTokenizer


def faster_whisper_tokenizer(folder: Path, language: str = "en", task: str = "transcribe") -> Tokenizer:
    loaded = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    return Tokenizer(loaded, multilingual=WhisperTokenizer(folder).multilingual, task=task, language=language)


@pytest.fixture(params=["tiny_en", "base_model"])
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_special_tokens_are_those_of_faster_whisper(folder: Path) -> None:
    found, expected = WhisperTokenizer(folder), faster_whisper_tokenizer(folder)
    for name in ("sot", "eot", "transcribe", "translate", "no_timestamps", "timestamp_begin"):
        assert getattr(found, name) == getattr(expected, name), name


def test_special_tokens_stand_where_the_vocabulary_has_them(folder: Path) -> None:
    text = folder / "vocabulary.txt"
    if text.exists():
        vocabulary = text.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    else:
        vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    tokenizer = WhisperTokenizer(folder)
    assert tokenizer.n_vocab == len(vocabulary)
    assert vocabulary[tokenizer.no_speech] in ("<|nospeech|>", "<|nocaptions|>")
    assert vocabulary[tokenizer.timestamp_begin] == "<|0.00|>"
    assert vocabulary[tokenizer.timestamp_begin + 1500] == "<|30.00|>"
    assert vocabulary[tokenizer.eot] == "<|endoftext|>"
    for code, token in tokenizer.language_tokens.items():
        assert vocabulary[token] == f"<|{code}|>"


def test_decodes_as_faster_whisper_does(folder: Path) -> None:
    found, expected = WhisperTokenizer(folder), faster_whisper_tokenizer(folder)
    rng = np.random.default_rng(3)
    for length in range(1, 60):
        # cut UTF-8 characters, special and timestamp tokens included
        tokens = [*rng.integers(0, found.n_vocab, length).tolist(), found.timestamp_begin, found.eot, found.sot]
        assert found.decode(tokens) == expected.decode(tokens), tokens


def test_decodes_all_but_the_special_tokens(folder: Path) -> None:
    tokenizer = WhisperTokenizer(folder)
    words = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")).encode(
        " naïve, 你好 ", add_special_tokens=False
    )
    begin = tokenizer.timestamp_begin
    assert tokenizer.decode([tokenizer.sot, begin, *words.ids, begin + 1500, tokenizer.eot]) == " naïve, 你好 "
    assert tokenizer.decode(range(tokenizer.eot, tokenizer.n_vocab)) == ""
    assert tokenizer.decode([]) == ""


def test_multilingual_model_starts_from_language_and_task(base_model: Path) -> None:
    tokenizer = WhisperTokenizer(base_model)
    assert tokenizer.multilingual
    assert len(tokenizer.language_tokens) == 99
    assert list(tokenizer.language_tokens)[:3] == ["en", "zh", "de"]
    assert {"haw", "jw", "su", "hi"} <= tokenizer.language_tokens.keys()
    for language, token in tokenizer.language_tokens.items():
        assert tokenizer.sot_sequence(language, "transcribe") == (50_258, token, 50_359)
        assert tokenizer.sot_sequence(language, "translate") == (50_258, token, 50_358)
    for task in ("transcribe", "translate"):
        expected = faster_whisper_tokenizer(base_model, "hi", task).sot_sequence
        assert list(tokenizer.sot_sequence("hi", task)) == expected


def test_english_model_starts_from_nothing_else(tiny_en: Path) -> None:
    tokenizer = WhisperTokenizer(tiny_en)
    assert not tokenizer.multilingual
    assert tokenizer.language_tokens == {}, "though its tokenizer.json lists 99"
    assert tokenizer.sot_sequence("en", "transcribe") == (50_257,)


def test_large_v3_has_one_language_more(tmp_path: Path, base_model: Path) -> None:
    """Its tokenizer.json as published: <|yue|> follows <|su|>, and all after it move up by one."""
    content = json.loads((base_model / "tokenizer.json").read_text(encoding="utf-8"))
    [su] = [token for token in content["added_tokens"] if token["content"] == "<|su|>"]
    for token in content["added_tokens"]:
        token["id"] += token["id"] > su["id"]
    content["added_tokens"].append(su | {"id": su["id"] + 1, "content": "<|yue|>"})
    content["added_tokens"].sort(key=lambda token: token["id"])
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    tokenizer = WhisperTokenizer(tmp_path)
    assert tokenizer.n_vocab == 51_866
    assert len(tokenizer.language_tokens) == 100
    assert tokenizer.sot_sequence("yue", "transcribe") == (50_258, 50_358, 50_360)
    assert (tokenizer.no_speech, tokenizer.no_timestamps, tokenizer.timestamp_begin) == (50_363, 50_364, 50_365)
    assert tokenizer.decode([50_365, 440, 50_365 + 1500]) == WhisperTokenizer(base_model).decode([440])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"tokenizer\.json is missing: copy tokenizer\.json from the model"),
        ("{", r"tokenizer\.json is not a tokenizer"),
        (
            '{"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}',
            r"has no token <\|startoftranscript\|>",
        ),
    ],
)
def test_broken_tokenizer_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(BeamscribeError, match=message) as error:
        WhisperTokenizer(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_text_becomes_tokens_and_text_again(folder: Path) -> None:
    tokenizer = WhisperTokenizer(folder)
    for text in (" Avonlea", "Avonlea", " Zoë's 東京 \u2013 ok "):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_tokens_that_go_on_with_a_word(folder: Path) -> None:
    tokenizer = WhisperTokenizer(folder)
    glued = set(tokenizer.glued_tokens())
    for text, is_glued in [
        ("s", True),
        ("9", True),
        ("é", True),
        (" s", False),
        ("'s", False),
        (",", False),
        ("の", False),
    ]:
        [token] = tokenizer.encode(text)
        assert (token in glued) == is_glued, text
    assert max(glued) < tokenizer.eot
