"""`beamscribe models`: what it says of models is so, what it writes is read again, what is broken is named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model.registry import resolve_model
from model.whisper.audio import log_mel
from model.whisper.checkpoint import load_checkpoint
from model.whisper.facts import context_flops, encoder_flops, parameters_by_part, token_flops
from model.whisper.stopwatch import Speed
from model.whisper.trainable import decode, decode_last, encode
from pipelines.cli import main
from tests.model.tiny_whisper import CONFIG, random_tensors, write_huggingface

TINY_CONFIG = CONFIG | {"vocab_size": 51_864, "num_mel_bins": 80, "max_source_positions": 1500}
TINY_CONFIG |= {"suppress_tokens": [], "begin_suppress_tokens": []}


@pytest.fixture
def model(tmp_path: Path, tiny_en: Path) -> Path:
    """A Whisper of random weights, 16 wide, with the vocabulary of tiny.en."""
    folder = tmp_path / "model"
    write_huggingface(folder, random_tensors(TINY_CONFIG), TINY_CONFIG)
    shutil.copy(tiny_en / "tokenizer.json", folder)
    return folder


def run(capsys, *argv):
    status = main(["models", *map(str, argv)])
    said = capsys.readouterr()
    return status, said.out, said.err


def spoil(folder: Path, value: float) -> None:
    """One number in the middle of the weights."""
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    at = len(data) // 2 // 4 * 4
    header_bytes = int.from_bytes(data[:8], "little")
    at += (8 + header_bytes - at) % 4
    data[at : at + 4] = np.float32(value).tobytes()
    path.write_bytes(data)


def test_list_names_what_is_built_in_cached_and_named(model, tmp_path, monkeypatch, capsys):
    cache = tmp_path / "hub"
    snapshot = cache / "models--owner--small" / "snapshots" / "abc"
    shutil.copytree(model, snapshot)
    (cache / "models--owner--other" / "snapshots" / "def").mkdir(parents=True)
    for name in ("small", "other"):
        refs = cache / f"models--owner--{name}" / "refs"
        refs.mkdir()
        (refs / "main").write_text({"small": "abc", "other": "def"}[name])
        (cache / f"models--owner--{name}" / "blobs").mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.utils._cache_manager.HF_HUB_CACHE", str(cache))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")

    status, out, _ = run(capsys, "list", tmp_path)
    rows = [line.split() for line in out.splitlines()]
    sha256 = resolve_model(str(model)).sha256[:12]
    assert status == 0
    assert rows[0] == ["NAME", "FAMILY", "PARAMETERS", "LANGUAGES", "SHA256"]
    assert rows[1] == ["tiny.en", "whisper", "37.8", "M", "en", "1a5afae06a4d"]
    assert rows[2][0] == "owner/small"
    assert rows[3][:2] == [str(tmp_path / "broken"), "broken"]
    assert rows[4] == [str(model), "whisper", f"{rows[4][2]}", "M", "en", sha256]
    assert len(rows) == 5


def test_show_is_what_the_headers_say(capsys):
    status, out, _ = run(capsys, "show", "tiny.en", "--json")
    facts = json.loads(out)
    assert status == 0
    assert facts["parameters"] == sum(w.size for w in load_checkpoint(Path(facts["folder"])).weights.values())
    assert (facts["family"], facts["multilingual"], facts["languages"]) == ("whisper", False, ["en"])
    assert (facts["n_audio_state"], facts["n_text_layer"], facts["stored_as"]) == (384, 4, ["float16"])
    plain = dict(line.split(maxsplit=1) for line in run(capsys, "show", "tiny.en")[1].splitlines())
    assert (plain["n_vocab"], plain["sha256"]) == ("51,864", facts["sha256"])


def test_a_sound_model(model, capsys):
    status, out, _ = run(capsys, "verify", model)
    n_numbers = sum(parameters_by_part(load_checkpoint(model).dims).values())
    assert status == 0
    assert out == f"{model} is sound: {n_numbers:,} numbers, all finite; sha256 {resolve_model(str(model)).sha256}\n"


@pytest.mark.parametrize(
    ("value", "complaint"), [(np.nan, "holds numbers that are not finite"), (1e30, "holds a number of 1e+30")]
)
def test_a_number_that_is_unsound(model, value, complaint, capsys):
    spoil(model, value)
    status, _, err = run(capsys, "verify", model)
    assert status == 1
    assert err.startswith(f"beamscribe models verify: {model}: the weight ")
    assert complaint in err
    assert err.count("\n") == 1


def test_a_truncated_model(model, capsys):
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    status, _, err = run(capsys, "verify", model)
    assert (status, err.count("\n")) == (1, 1)
    assert "model.safetensors is truncated or corrupt" in err


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ([], "the following arguments are required: ACTION"),
        (["delete"], "invalid choice: 'delete'"),
        (["verify", "no such model"], "there is no model 'no such model'"),
        (["list", "gone"], "gone is no folder"),
        (["export", "tiny.en", "FULL", "--format", "litert"], "is not empty: name a new folder"),
        (["export", "tiny.en", "NEW", "--format", "saved_model", "--quantization", "int8"], "of --format litert alone"),
    ],
)
def test_wrong_command_line(argv, complaint, tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("in the way")
    names = {"FULL": str(tmp_path / "full"), "NEW": str(tmp_path / "new")}
    status, _, err = run(capsys, *(names.get(arg, arg) for arg in argv))
    assert (status, err.count("\n")) == (2, 1)
    assert complaint in err


def test_import_of_a_ctranslate2_model_is_the_same_model(tmp_path, tiny_en, capsys):
    status, out, _ = run(capsys, "import", "tiny.en", tmp_path / "mine")
    ours, theirs = load_checkpoint(tmp_path / "mine"), load_checkpoint(tiny_en)
    assert status == 0
    assert out.endswith(f"sha256 {resolve_model(str(tmp_path / 'mine')).sha256}\n")
    for name, weight in theirs.weights.items():
        np.testing.assert_array_equal(ours.weights[name], weight)


@pytest.fixture
def heard(model):
    """A second of noise as audio, tokens, and the logits after them."""
    checkpoint = load_checkpoint(model)
    waveform = np.random.default_rng(0).normal(0, 0.1, [1, 480_000]).astype(np.float32)
    mel = log_mel(waveform, 80)
    weights = checkpoint.weights.__getitem__
    audio = encode(checkpoint.dims, lambda name: tf.constant(weights(name)), mel)
    tokens = np.array([[50_257, 7, 9]], np.int32)
    logits = decode(checkpoint.dims, lambda name: tf.constant(weights(name)), audio, tokens)
    return waveform, mel.numpy(), audio.numpy(), tokens, logits.numpy()


def test_saved_model_has_its_signatures(model, heard, tmp_path, capsys):
    waveform, _, audio, tokens, logits = heard
    assert run(capsys, "export", model, tmp_path / "saved", "--format", "saved_model")[0] == 0
    signatures = tf.saved_model.load(str(tmp_path / "saved")).signatures
    found = signatures["encode"](waveform=tf.constant(waveform))["audio"]
    np.testing.assert_allclose(found, audio, atol=1e-4)
    found = signatures["decode"](audio=tf.constant(audio), tokens=tf.constant(tokens))["logits"]
    np.testing.assert_allclose(found, logits, atol=1e-4)


@pytest.mark.parametrize(("quantization", "tolerance"), [("none", 1e-3), ("int8", 0.3)])
def test_litert_says_the_same(model, heard, tmp_path, quantization, tolerance, capsys):
    _, mel, audio, tokens, logits = heard
    flags = ["--format", "litert", "--quantization", quantization]
    assert run(capsys, "export", model, tmp_path / "lite", *flags)[0] == 0
    found = invoke(tmp_path / "lite" / "encoder.tflite", mel)
    np.testing.assert_allclose(found, audio, atol=tolerance)
    found = invoke(tmp_path / "lite" / "decoder.tflite", audio, tokens)
    np.testing.assert_allclose(found, logits[:, -1], atol=tolerance * np.abs(logits).max())


def invoke(path: Path, *inputs: np.ndarray) -> np.ndarray:
    interpreter = tf.lite.Interpreter(model_path=str(path))
    for slot, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.resize_tensor_input(slot["index"], value.shape)
    interpreter.allocate_tensors()
    for slot, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(slot["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def counted_flops(function, *specs) -> int:
    """TensorFlow's own count of a graph's products and convolutions."""
    from tensorflow.python.profiler import model_analyzer, option_builder

    graph = function.get_concrete_function(*specs).graph
    options = option_builder.ProfileOptionBuilder(option_builder.ProfileOptionBuilder.float_operation())
    counted = model_analyzer.profile(
        graph, options=options.with_empty_output().with_node_names(show_name_regexes=[".*(MatMul|conv1d).*"]).build()
    )
    return counted.total_float_ops


def test_operations_are_those_that_tensorflow_counts(model):
    checkpoint = load_checkpoint(model)
    dims, constants = checkpoint.dims, {name: tf.constant(weight) for name, weight in checkpoint.weights.items()}
    encoder = tf.function(lambda mel: encode(dims, constants.__getitem__, mel))
    flops = counted_flops(encoder, tf.TensorSpec([1, 80, 3000]))
    assert flops == pytest.approx(encoder_flops(dims), rel=0.01)

    # a decoder without a cache: the projections of all tokens, and of the audio; scores of the last token alone
    n = 6
    decoder = tf.function(lambda audio, tokens: decode_last(dims, constants.__getitem__, audio, tokens))
    flops = counted_flops(decoder, tf.TensorSpec([1, 1500, dims.n_text_state]), tf.TensorSpec([1, n], tf.int32))
    scores = 2 * dims.n_text_state * dims.n_vocab
    # each token attends to all n here, those after it masked
    unseen = 4 * dims.n_text_layer * dims.n_text_state * sum(n - 1 - i for i in range(n))
    expected = context_flops(dims) + sum(token_flops(dims, i) - scores for i in range(n)) + unseen + scores
    assert flops == pytest.approx(expected, rel=0.01)


def test_profile_adds_up(model, capsys):
    status, out, _ = run(capsys, "profile", model, "--json")
    facts = json.loads(out)
    parts = [value for name, value in facts.items() if name.startswith("parameters, ")]
    assert status == 0
    assert sum(parts) == facts["parameters"]
    assert facts["gflops of the encoder, a window of 30 s"] == encoder_flops(load_checkpoint(model).dims) / 1e9
    assert facts["measured: ms of the encoder, a window of 30 s"] > 0


def test_real_time_is_audio_over_work():
    # 4 windows of 30 s: 4 times 100 ms of the encoder, 120 steps of 5 ms
    assert Speed(encoder_ms=100.0, step_ms=5.0).times_real_time == pytest.approx(120.0)
