"""`beamscribe models` with CTC models: what it says is so, what it writes is heard alike, what is broken is named."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from safetensors.numpy import load_file, save_file

from model.ctc.config import WEIGHTS_FILE
from model.ctc.exports import NETWORK_FILE
from model.ctc.exports import log_mel as log_mel_in_graph
from model.ctc.facts import trial_sound, window_flops
from model.ctc.features import LogMelDefinition, log_mel
from model.ctc.files import inspect_ctc
from model.ctc.network import build_network
from model.ctc.recognizer import CtcRecognizer
from model.ctc.weights_file import statistics_in
from model.recognizer import DecodeOptions
from model.registry import load_recognizer, resolve_model
from pipelines.cli import main
from tests.conftest import REPOSITORY
from tests.model.ctc.tiny_ctc import LETTERS, SMALL, write_model
from tests.pipelines.test_models import counted_flops, invoke, run

ARCHITECTURES = ("lstm", "conformer")


@pytest.fixture(scope="module", params=ARCHITECTURES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp(request.param) / request.param, SMALL[request.param])


@pytest.fixture(scope="module")
def exported(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / model.name
    assert main(["models", "export", str(model), str(folder), "--format", "saved_model"]) == 0
    return folder


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    """Of the model, to be spoilt."""
    return Path(shutil.copytree(model, tmp_path / model.name))


def windows() -> list[np.ndarray]:
    """Of speech at 16 kHz: one of 12 s, one of less, a moment, and silence."""
    samples, _ = soundfile.read(REPOSITORY / "samples" / "voicemail.wav", dtype="float32")
    speech = np.repeat(samples, 2)
    return [np.pad(speech[:n], (0, 480_000 - n)) for n in (192_000, 70_001, 4_000, 0)]


def test_show_says_what_it_is_made_of(model: Path, capsys: pytest.CaptureFixture) -> None:
    status, out, _ = run(capsys, "show", model, "--json")
    facts = json.loads(out)
    config, arrays = SMALL[model.name], load_file(model / WEIGHTS_FILE)
    assert status == 0
    assert (facts["family"], facts["architecture"], facts["depth"], facts["width"]) == ("ctc", model.name, 2, 16)
    assert facts["parameters"] == sum(array.size for array in arrays.values()) - 2 * config.log_mel.n_mels
    assert (facts["labels"], facts["frame_s"], facts["languages"]) == (8, 0.02, ["en"])
    assert (facts["log-mel n_mels"], facts["log-mel hop"]) == (80, 160)
    assert facts["sha256"] == resolve_model(str(model)).sha256
    assert ("n_heads" in facts) == (model.name == "conformer")


def test_list_finds_all_families(model: Path, exported: Path, capsys: pytest.CaptureFixture) -> None:
    broken = model.parent / "zz"
    broken.mkdir(exist_ok=True)
    (broken / "ctc.json").write_text("{}")
    status, out, err = run(capsys, "list", model.parent, exported)
    lines = [line.split() for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert lines[-3][:2] == [str(model), "ctc"]
    assert lines[-2][:2] == [str(broken), "broken"]
    assert lines[-1][:2] == [str(exported), "saved_model"]


def test_sound_models(model: Path, exported: Path, capsys: pytest.CaptureFixture) -> None:
    arrays = load_file(model / WEIGHTS_FILE)
    n_numbers = sum(array.size for array in arrays.values())
    status, out, _ = run(capsys, "verify", model)
    assert (status, out.startswith(f"{model} is sound: {n_numbers:,} numbers, all finite; sha256 ")) == (0, True)
    status, out, _ = run(capsys, "verify", exported, "--json")
    assert (status, json.loads(out)["numbers"]) == (0, n_numbers - 2 * 80)


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("enter/kernel", lambda array: array * np.nan, "enter/kernel holds numbers that are not finite"),
        ("features/std", lambda array: array * 0, "features/std holds a deviation that is not above 0"),
        ("enter/kernel", lambda array: array[:-1], "enter/kernel is missing or of another model"),
        ("block_1/normalise/gamma", None, "block_1/normalise/gamma is missing or of another model"),
        ("leave/bias", lambda array: array[:-1], "leave/bias is (7,), ctc.json and vocabulary.json ask for (8,)"),
        ("leave/kernel", lambda array: np.full_like(array, 3e38), "what the network makes of a sound is not finite"),
    ],
)
def test_unsound_models(copy: Path, name, change, complaint, capsys: pytest.CaptureFixture) -> None:
    arrays = load_file(copy / WEIGHTS_FILE)
    array = arrays.pop(name)
    if change:
        arrays[name] = np.ascontiguousarray(change(array))
    save_file(arrays, copy / WEIGHTS_FILE)
    status, _, err = run(capsys, "verify", copy)
    assert (status, err.count("\n")) == (1, 1)
    assert err.startswith("beamscribe models verify: ")
    assert complaint in err


def test_truncated_models(copy: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    weights = copy / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:-100])
    status, _, err = run(capsys, "verify", copy)
    assert (status, err.count("\n")) == (1, 1)
    assert "weights.safetensors is missing or damaged" in err
    saved = Path(shutil.copytree(exported, tmp_path / "saved"))
    data = saved / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:200])
    status, _, err = run(capsys, "verify", saved)
    assert (status, err.count("\n")) == (1, 1)
    assert str(saved) in err


def test_operations_are_those_that_tensorflow_counts() -> None:
    """Of a Conformer: those of an LSTM are in a loop, of which TensorFlow counts one turn."""
    config, n_frames = SMALL["conformer"], 1000
    n_mels = config.log_mel.n_mels
    statistics = statistics_in({"features/mean": np.zeros(n_mels), "features/std": np.ones(n_mels)})
    network = build_network(config, len(LETTERS), statistics)
    shapes = {weight.path.removeprefix("ctc/"): tuple(weight.shape) for weight in network.trainable_variables}
    hear = tf.function(lambda features: network(features, tf.constant([n_frames])))
    flops = counted_flops(hear, tf.TensorSpec([1, n_frames, n_mels]))
    # what it does not count are convolutions: that which halves the frames, and filters over time, one a feature
    halving = 2 * 3 * n_mels * config.width * n_frames // 2
    over_time = config.depth * 2 * config.n_kernel_frames * config.width * n_frames // 2
    assert flops + halving + over_time == pytest.approx(window_flops(config, shapes, n_frames), rel=0.01)


def test_operations_of_an_lstm_are_its_kernels_a_frame() -> None:
    # two layers, two directions, four gates of 16; 80 bins and three frames to 16; 16 to 16; 2 x 16 to 8 labels
    a_frame = 2 * (3 * 80 * 16 + 16 * 16 + 2 * 4 * 16 * (16 + 16) + 2 * 4 * 16 * (32 + 16) + 32 * 8)
    shapes = {
        "halving_0/kernel": (3, 80, 16),
        "enter/kernel": (16, 16),
        **{f"block_{i}/both/{way}/lstm_cell/kernel": (16 << i, 64) for i in (0, 1) for way in ("forward", "backward")},
        **{f"block_{i}/both/{way}/recurrent_kernel": (16, 64) for i in (0, 1) for way in ("forward", "backward")},
        "leave/kernel": (32, 8),
    }
    assert window_flops(SMALL["lstm"], shapes, 1000) == 500 * a_frame


def test_profile_adds_up(model: Path, capsys: pytest.CaptureFixture) -> None:
    status, out, _ = run(capsys, "profile", model, "--json")
    facts = json.loads(out)
    found = inspect_ctc(model)
    assert status == 0
    assert sum(value for name, value in facts.items() if name.startswith("parameters, ")) == facts["parameters"]
    expected = window_flops(found.config, found.shapes, 3000) / 30 / 1e9
    assert facts["gflops a second, in windows of 30 s"] == pytest.approx(expected)
    assert facts["times real time that this comes to, greedy"] > 1


def test_profile_of_a_saved_model(exported: Path, capsys: pytest.CaptureFixture) -> None:
    status, out, _ = run(capsys, "profile", exported, "--json")
    facts = json.loads(out)
    assert (status, "gflops a second, in windows of 30 s" in facts) == (0, False)
    assert facts["times real time that this comes to, greedy"] > 1


@pytest.mark.parametrize("n_samples", [100, 400, 5_000])
def test_log_mel_of_a_graph_is_that_of_training(n_samples: int) -> None:
    samples, definition = trial_sound()[:n_samples], LogMelDefinition()
    found = log_mel_in_graph(tf.constant(samples[None]), definition)[0]
    np.testing.assert_allclose(found, log_mel(samples, definition), atol=2e-3)


def test_an_exported_model_hears_the_same(model: Path, exported: Path) -> None:
    heard = [
        load_recognizer(resolve_model(str(folder)), DecodeOptions(beam_size=3)).recognize(windows(), [None] * 4)
        for folder in (model, exported)
    ]
    assert [hypothesis.text for hypothesis in heard[1]] == [hypothesis.text for hypothesis in heard[0]]
    assert len(heard[0][0].text) > 10
    for ours, theirs in zip(*heard, strict=True):
        # times, too
        assert [(s.start_s, s.end_s) for s in theirs.segments] == [(s.start_s, s.end_s) for s in ours.segments]
        assert theirs.avg_logprob == pytest.approx(ours.avg_logprob, abs=1e-3)


def test_rows_of_an_exported_model_are_their_own(exported: Path) -> None:
    loaded = tf.saved_model.load(str(exported))
    sound = trial_sound()
    batch = np.stack([sound, np.where(np.arange(len(sound)) < 9_000, sound, 1.0)]).astype(np.float32)
    hear = loaded.signatures["serving_default"]
    together = hear(waveform=tf.constant(batch), lengths=tf.constant([len(sound), 9_000]))
    alone = hear(waveform=tf.constant(sound[None, :9_000]), lengths=tf.constant([9_000]))
    n = int(alone["lengths"][0])
    assert together["lengths"].numpy().tolist() == [math.ceil(198 / 2), n]
    np.testing.assert_allclose(together["logits"][1, :n], alone["logits"][0], atol=1e-4)


@pytest.mark.parametrize(("quantization", "tolerance"), [("none", 1e-3), ("int8", 0.3)])
def test_litert_says_the_same(model: Path, tmp_path: Path, quantization, tolerance, capsys) -> None:
    flags = ["--format", "litert", "--quantization", quantization]
    assert run(capsys, "export", model, tmp_path / "lite", *flags)[0] == 0
    settings = json.loads((tmp_path / "lite" / "recognizer.json").read_text())
    mel = log_mel(trial_sound(), LogMelDefinition(**settings["log_mel"]))
    found = invoke(tmp_path / "lite" / NETWORK_FILE, mel[None])
    logprobs = tf.nn.log_softmax(found[0]).numpy()
    [expected] = CtcRecognizer(model, DecodeOptions(beam_size=1)).logprobs([trial_sound()])
    np.testing.assert_allclose(logprobs, expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["export", "CTC", "NEW", "--format", "huggingface"], "is a CTC model, which --format huggingface cannot hold"),
        (["export", "SAVED", "NEW", "--format", "saved_model"], "is a SavedModel, which --format saved_model cannot"),
        (["export", "SAVED", "NEW", "--format", "litert"], "is a SavedModel, which --format litert cannot hold"),
        (["export", "CTC", "NEW", "--format", "saved_model", "--quantization", "int8"], "of --format litert alone"),
        (["import", "CTC", "NEW"], "is a CTC model, which has one layout only: copy its folder"),
    ],
)
def test_what_there_is_no_way_to(argv, complaint, model, exported, tmp_path, capsys) -> None:
    names = {"CTC": model, "SAVED": exported, "NEW": tmp_path / "new"}
    status, _, err = run(capsys, *(names.get(arg, arg) for arg in argv))
    assert (status, err.count("\n")) == (2, 1)
    assert complaint in err
    assert not (tmp_path / "new").exists()
