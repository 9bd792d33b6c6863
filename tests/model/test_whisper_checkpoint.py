"""Checkpoints of both formats: the right numbers in the right places, and broken files named before work starts."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import ctranslate2
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import BeamscribeError
from model.whisper import network
from model.whisper.checkpoint import Checkpoint, inspect_checkpoint, load_checkpoint, sinusoids
from model.whisper.dimensions import Dimensions, weight_shapes
from model.whisper.tokenizer import WhisperTokenizer
from tests.model.numpy_whisper import reference_logits
from tests.model.tiny_whisper import CONFIG, N_HEAD, random_tensors, write_ctranslate2, write_huggingface

TINY = Dimensions(8, 50, 20, 16, 2, 2, 12, 16, 2, 3)
TOKENS = [1, 49, 7, 7, 0]


def mel_of(dims: Dimensions) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (dims.n_mels, 2 * dims.n_audio_ctx)).astype(np.float32)


def network_logits(checkpoint: Checkpoint, mel: np.ndarray, tokens: list[int]) -> np.ndarray:
    net = network.build_network(checkpoint.dims, checkpoint.weights)
    context = network.audio_context(net, network.encode(net, tf.constant(mel))[None])
    visible = tf.constant(np.tril(np.ones((1, len(tokens), len(tokens)), bool)))
    cache = network.empty_cache(net, 1)
    states, _ = network.decode(net, tf.constant([tokens]), tf.range(len(tokens)), visible, cache, context)
    return network.logits(net, states)[0].numpy()


@pytest.mark.parametrize("prefix", ["model.", ""])
@pytest.mark.parametrize("n_shards", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_huggingface_folder_gives_the_logits_of_an_independent_forward_pass(
    tmp_path: Path, dtype: type, n_shards: int, prefix: str
) -> None:
    tensors = {name: tensor.astype(dtype) for name, tensor in random_tensors().items()}
    write_huggingface(tmp_path, tensors, n_shards=n_shards, prefix=prefix)
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint.dims == TINY
    assert {name: weight.shape for name, weight in checkpoint.weights.items()} == weight_shapes(TINY)
    assert {weight.dtype for weight in checkpoint.weights.values()} == {np.dtype(np.float32)}
    mel = mel_of(TINY)
    expected = reference_logits(tensors, N_HEAD, mel, TOKENS)
    assert np.ptp(expected) > 5
    np.testing.assert_allclose(network_logits(checkpoint, mel, TOKENS), expected, atol=1e-4)


def test_generation_config_wins_over_config(tmp_path: Path) -> None:
    write_huggingface(tmp_path, random_tensors())
    plain = load_checkpoint(tmp_path)
    assert (plain.suppress_tokens, plain.suppress_at_begin) == ((3, 4), (5,))
    assert plain.alignment_heads == ((1, 1), (2, 0), (2, 1)), "the later half of six heads"
    generation = {"alignment_heads": [[0, 1], [31, 4]], "suppress_tokens": [], "begin_suppress_tokens": None}
    (tmp_path / "generation_config.json").write_text(json.dumps(generation))
    stated = load_checkpoint(tmp_path)
    assert (stated.suppress_tokens, stated.suppress_at_begin) == ((), (5,))
    assert stated.alignment_heads == ((0, 1),), "a head that the decoder has not is a teacher's"


@pytest.mark.parametrize("quantization", [None, "float16"])
def test_ctranslate2_folder_equals_the_huggingface_folder(tmp_path: Path, quantization: str | None) -> None:
    dtype = np.float16 if quantization else np.float32
    tensors = random_tensors()
    write_ctranslate2(tmp_path / "ct2", tensors, quantization)
    write_huggingface(tmp_path / "hf", {name: tensor.astype(dtype) for name, tensor in tensors.items()})
    found, expected = load_checkpoint(tmp_path / "ct2"), load_checkpoint(tmp_path / "hf")
    assert found.dims == expected.dims
    assert found.weights.keys() == expected.weights.keys()
    for name, weight in expected.weights.items():
        np.testing.assert_array_equal(found.weights[name], weight, err_msg=name)
    assert found.alignment_heads == ((2, 0), (2, 1))
    assert (found.suppress_tokens, found.suppress_at_begin) == ((3, 4), (5,))


@pytest.mark.parametrize("quantization", ["int8", "int8_float16"])
def test_int8_weights_are_the_nearest_of_the_255_levels_of_their_row(tmp_path: Path, quantization: str) -> None:
    tensors = random_tensors()
    write_ctranslate2(tmp_path / "ct2", tensors, quantization)
    write_huggingface(tmp_path / "hf", tensors)
    found, expected = load_checkpoint(tmp_path / "ct2").weights, load_checkpoint(tmp_path / "hf").weights
    for name, weight in expected.items():
        if weight.ndim == 1 or name.endswith("positional_embedding"):
            np.testing.assert_allclose(found[name], weight, rtol=1e-3, atol=1e-6, err_msg=name)
        else:
            rows, found_rows = weight.reshape(len(weight), -1), found[name].reshape(len(weight), -1)
            step = np.abs(rows).max(axis=1, keepdims=True) / 127
            np.testing.assert_allclose(found_rows / step, np.rint(found_rows / step), atol=1e-4, err_msg=name)
            np.testing.assert_allclose(found_rows / step, rows / step, rtol=0, atol=0.501, err_msg=name)


def test_int16_weights_are_within_half_a_step(tmp_path: Path) -> None:
    tensors = random_tensors()
    write_ctranslate2(tmp_path / "ct2", tensors, "int16")
    write_huggingface(tmp_path / "hf", tensors)
    found, expected = load_checkpoint(tmp_path / "ct2").weights, load_checkpoint(tmp_path / "hf").weights
    half_step = max(np.abs(weight).max() for weight in expected.values()) / 1024 / 2
    for name, weight in expected.items():
        np.testing.assert_allclose(found[name], weight, rtol=0, atol=1.01 * half_step, err_msg=name)


def test_missing_encoder_positions_are_computed(tmp_path: Path, tiny_en: Path) -> None:
    write_ctranslate2(tmp_path, random_tensors(), encoder_positions=False)
    computed = load_checkpoint(tmp_path)
    assert computed.dims.n_audio_ctx == 1500
    np.testing.assert_array_equal(computed.weights["encoder.positional_embedding"], sinusoids(1500, 16))
    real = load_checkpoint(tiny_en)
    positions = real.weights["encoder.positional_embedding"]
    np.testing.assert_allclose(sinusoids(*positions.shape), positions, atol=3e-4, err_msg="float16 in the file")


def test_real_english_model_hears_as_ctranslate2_does(tiny_en: Path) -> None:
    checkpoint = load_checkpoint(tiny_en)
    assert checkpoint.dims == Dimensions(80, 51_864, 1500, 384, 6, 4, 448, 384, 6, 4)
    assert checkpoint.alignment_heads == ((1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4))
    assert checkpoint.suppress_at_begin == (220, 50_256)
    mel = mel_of(checkpoint.dims)
    engine = ctranslate2.models.Whisper(str(tiny_en), compute_type="float32", intra_threads=1)
    expected = np.asarray(engine.encode(ctranslate2.StorageView.from_array(mel[None])))[0]
    net = network.build_network(checkpoint.dims, checkpoint.weights)
    found = network.encode(net, tf.constant(mel)).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_real_multilingual_model_tells_languages_as_ctranslate2_does(base_model: Path) -> None:
    checkpoint, tokenizer = load_checkpoint(base_model), WhisperTokenizer(base_model)
    assert checkpoint.dims == Dimensions(80, 51_865, 1500, 512, 8, 6, 448, 512, 8, 6)
    mel = mel_of(checkpoint.dims)
    engine = ctranslate2.models.Whisper(str(base_model), compute_type="float32", intra_threads=1)
    [expected] = engine.detect_language(ctranslate2.StorageView.from_array(mel[None]))
    scores = network_logits(checkpoint, mel, [tokenizer.sot])[0, list(tokenizer.language_tokens.values())]
    probabilities = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    found = dict(zip(tokenizer.language_tokens, probabilities, strict=True))
    assert found.keys() == {token.strip("<|>") for token, _ in expected}
    for token, probability in expected:
        assert found[token.strip("<|>")] == pytest.approx(probability, abs=1e-3)


def edit(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def unquantised(data: bytes) -> bytes:
    return data.replace(b"decoder/layer_1/ffn/linear_0/weight_scale", b"decoder/layer_1/ffn/linear_0/weight_other")


BROKEN_CTRANSLATE2: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), r"config\.json is missing: copy the model again"),
    "config is no JSON": (lambda f: (f / "config.json").write_text("{"), r"config\.json cannot be read as JSON"),
    "config is a list": (lambda f: (f / "config.json").write_text("[]"), r"config\.json is not a JSON object"),
    "tokens of another vocabulary": (lambda f: edit_json(f / "config.json", suppress_ids=[50]), "suppress_tokens"),
    "heads are no pairs": (lambda f: edit_json(f / "config.json", alignment_heads=[3]), "alignment_heads"),
    "empty": (lambda f: edit(f / "model.bin", lambda data: b""), r"model\.bin is truncated or corrupt \(0 bytes\)"),
    "one byte short": (lambda f: edit(f / "model.bin", lambda data: data[:-1]), r"model\.bin is truncated or corrupt"),
    "one byte long": (lambda f: edit(f / "model.bin", lambda data: data + b"x"), r"model\.bin is truncated or corrupt"),
    "half": (lambda f: edit(f / "model.bin", lambda data: data[: len(data) // 2]), r"model\.bin is truncated"),
    "a git-lfs pointer": (lambda f: (f / "model.bin").write_text("version https://git-lfs"), "not a CTranslate2 model"),
    "not Whisper": (
        lambda f: edit(f / "model.bin", lambda data: data.replace(b"WhisperSpec", b"WhistleSpec")),
        r"model\.bin holds a WhistleSpec, not a Whisper model",
    ),
    "a missing tensor": (
        lambda f: edit(
            f / "model.bin", lambda data: data.replace(b"decoder/layer_norm/beta", b"decoder/layer_norm/zeta")
        ),
        r"model\.bin has no tensor decoder/layer_norm/beta",
    ),
    "a missing scale": (lambda f: edit(f / "model.bin", unquantised), r"decoder\.blocks\.1\.mlp\.0\.weight quantised"),
    "a directory": (lambda f: ((f / "model.bin").unlink(), (f / "model.bin").mkdir()), r"model\.bin is not a file"),
}


@pytest.mark.parametrize("broken", BROKEN_CTRANSLATE2)
def test_broken_ctranslate2_folder_is_named(tmp_path: Path, broken: str) -> None:
    write_ctranslate2(tmp_path, random_tensors(), "int8")
    inspect_checkpoint(tmp_path)
    breaks, message = BROKEN_CTRANSLATE2[broken]
    breaks(tmp_path)
    assert_refused(tmp_path, message)


BROKEN_HUGGINGFACE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), r"config\.json is missing: copy the model again"),
    "another model": (lambda f: edit_json(f / "config.json", model_type="wav2vec2"), "describes a wav2vec2 model"),
    "no sizes": (lambda f: edit_json(f / "config.json", d_model=None), r"config\.json lacks"),
    "no layers": (lambda f: edit_json(f / "config.json", decoder_layers=0), "impossible network"),
    "more layers": (lambda f: edit_json(f / "config.json", decoder_layers=4), r"no weight decoder\.blocks\.3\."),
    "odd heads": (lambda f: edit_json(f / "config.json", decoder_attention_heads=3), "width 16 .* its 3 heads"),
    "another width": (
        lambda f: edit_json(f / "config.json", num_mel_bins=80),
        r"encoder\.conv1\.weight of shape \(16, 8, 3\) where \(16, 80, 3\) fits",
    ),
    "another activation": (lambda f: edit_json(f / "config.json", activation_function="relu"), "not supported"),
    "a shard missing": (
        lambda f: (f / "model-00002-of-00002.safetensors").unlink(),
        r"model-00002-of-00002\.safetensors is missing",
    ),
    "a shard one byte short": (
        lambda f: edit(f / "model-00002-of-00002.safetensors", lambda data: data[:-1]),
        r"model-00002-of-00002\.safetensors is truncated or corrupt",
    ),
    "a shard one byte long": (
        lambda f: edit(f / "model-00002-of-00002.safetensors", lambda data: data + b"x"),
        r"model-00002-of-00002\.safetensors is truncated or corrupt",
    ),
    "a shard of half a header": (
        lambda f: edit(f / "model-00001-of-00002.safetensors", lambda data: data[:100]),
        r"model-00001-of-00002\.safetensors is truncated or corrupt",
    ),
    "an absurd header length": (
        lambda f: edit(f / "model-00001-of-00002.safetensors", lambda data: b"\xff" * 8 + data[8:]),
        r"model-00001-of-00002\.safetensors is truncated or corrupt",
    ),
    "an empty index": (lambda f: edit_json(f / "model.safetensors.index.json", weight_map={}), "names no files"),
    "no weights": (
        lambda f: (f / "model.safetensors.index.json").unlink(),
        "neither model.bin .* nor model.safetensors",
    ),
    "a generation config that is no JSON": (
        lambda f: (f / "generation_config.json").write_text("x"),
        r"generation_config\.json cannot be read",
    ),
}


@pytest.mark.parametrize("broken", BROKEN_HUGGINGFACE)
def test_broken_huggingface_folder_is_named(tmp_path: Path, broken: str) -> None:
    write_huggingface(tmp_path, random_tensors(), CONFIG, n_shards=2)
    inspect_checkpoint(tmp_path)
    breaks, message = BROKEN_HUGGINGFACE[broken]
    breaks(tmp_path)
    assert_refused(tmp_path, message)


def assert_refused(folder: Path, message: str) -> None:
    for read in (inspect_checkpoint, load_checkpoint):
        with pytest.raises(BeamscribeError, match=message) as error:
            read(folder)
        assert "\n" not in str(error.value)
        assert str(folder) in str(error.value)


def test_untied_output_embeddings_are_refused(tmp_path: Path) -> None:
    tensors = random_tensors()
    write_ctranslate2(tmp_path / "ct2", tensors, tied=False)
    assert_refused(tmp_path / "ct2", "untied output embeddings")
    untied = tensors | {"proj_out.weight": tensors["decoder.embed_tokens.weight"]}
    write_huggingface(tmp_path / "hf", untied, CONFIG | {"tie_word_embeddings": False}, prefix="")
    assert_refused(tmp_path / "hf", "untied output embeddings")


@pytest.fixture(scope="module")
def int8_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8")
    write_ctranslate2(folder, random_tensors(), "int8")
    return folder


@pytest.fixture(scope="module")
def safetensors_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("safetensors")
    write_huggingface(folder, random_tensors())
    return folder


@given(part=st.floats(0, 1, exclude_max=True))
@settings(max_examples=100, deadline=None)
def test_weights_cut_anywhere_are_refused(int8_folder: Path, safetensors_folder: Path, part: float) -> None:
    for weights in (int8_folder / "model.bin", safetensors_folder / "model.safetensors"):
        with changed(weights, lambda data: data[: int(part * len(data))]):
            assert_refused(weights.parent, f"{weights.name} is truncated or corrupt")


@given(places=st.lists(st.integers(0, 3000), min_size=1, max_size=3), byte=st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_weights_with_wrong_bytes_are_refused_or_whole(
    int8_folder: Path, safetensors_folder: Path, places: list[int], byte: int
) -> None:
    """A wrong number is a number still; nothing but BeamscribeError may come of the rest."""
    for weights in (int8_folder / "model.bin", safetensors_folder / "model.safetensors"):
        with changed(weights, lambda data: overwritten(data, places, byte)), suppress(BeamscribeError):
            found = {name: tensor.shape for name, tensor in inspect_checkpoint(weights.parent).tensors.items()}
            assert found == weight_shapes(TINY)


@contextmanager
def changed(path: Path, change: Callable[[bytes], bytes]) -> Iterator[None]:
    data = path.read_bytes()
    path.write_bytes(change(data))
    try:
        yield
    finally:
        path.write_bytes(data)


def overwritten(data: bytes, places: list[int], byte: int) -> bytes:
    changed_data = bytearray(data)
    for place in places:
        changed_data[place] = byte
    return bytes(changed_data)
