"""Training: the network is that of recognition, what is trained is what was asked for, and a stopped run goes on."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model.augmentation import Augmentation
from model.errors import BeamscribeError
from model.whisper import finetuning
from model.whisper.checkpoint import Checkpoint, load_checkpoint, sinusoids
from model.whisper.decoding import read_prompt
from model.whisper.dimensions import Dimensions, weight_shapes
from model.whisper.examples import ANY_TIMESTAMP, NO_LABEL, Examples, Utterance, at_any_speed
from model.whisper.finetuning import Clips, FineTuner, fine_tune
from model.whisper.network import audio_context, build_network, logits
from model.whisper.network import encode as encode_for_recognition
from model.whisper.tokenizer import WhisperTokenizer
from model.whisper.trainable import decode, encode
from model.whisper.tuned_weights import TunedWeights
from model.whisper.tuning_options import Epoch, TrainingOptions, TuneOptions
from model.whisper.write_huggingface import write_huggingface
from tests.model.whisper_helpers import load_windows

# as small as a Whisper with the vocabulary of tiny.en comes
DIMS = Dimensions(
    n_mels=80,
    n_vocab=51_864,
    n_audio_ctx=1500,
    n_audio_state=8,
    n_audio_head=2,
    n_audio_layer=1,
    n_text_ctx=32,
    n_text_state=8,
    n_text_head=2,
    n_text_layer=1,
)
OPTIONS = TrainingOptions(epochs=3, batch_size=2, learning_rate=0.02, patience=9, seed=5)


@pytest.fixture(scope="module")
def tokenizer(tiny_en: Path) -> WhisperTokenizer:
    return WhisperTokenizer(tiny_en)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    generator = np.random.default_rng(3)
    weights = {name: generator.normal(0, 0.3, shape).astype(np.float32) for name, shape in weight_shapes(DIMS).items()}
    weights["encoder.positional_embedding"] = sinusoids(DIMS.n_audio_ctx, DIMS.n_audio_state)
    return Checkpoint(DIMS, weights, alignment_heads=((0, 1),), suppress_tokens=(1, 2), suppress_at_begin=(220,))


def utterance(text: str, seed: int, n_samples: int = 32_000) -> Utterance:
    samples = np.random.default_rng(seed).normal(0, 0.1, n_samples).astype(np.float32)
    return Utterance(f"{seed}.wav", samples, 4_800, n_samples - 4_800, text, "en")


CLIPS = Clips(
    train=[utterance("red green", 1), utterance("blue", 2), utterance("", 3)],
    held_out=[utterance("white", 4)],
    anchors=[utterance("north south", 5)],
)


@pytest.fixture(scope="module")
def tuner(checkpoint: Checkpoint, tokenizer: WhisperTokenizer) -> FineTuner:
    return FineTuner(checkpoint, tokenizer, TuneOptions(rank=2), seed=0)


def test_logits_are_those_of_the_recognisers_network(tiny_en: Path, speech: Path, clips: list[dict]) -> None:
    checkpoint, tokenizer = load_checkpoint(tiny_en), WhisperTokenizer(tiny_en)
    examples = Examples(checkpoint.dims, tokenizer)
    windows = load_windows(speech, clips, "telephone_8k", 2)[:, :163_840]
    batch = examples.batch(
        [Utterance(str(i), window, 0, 48_000, "The birch", "en") for i, window in enumerate(windows)]
    )
    weights = TunedWeights(checkpoint.weights, TuneOptions(), seed=0)
    ours = decode(checkpoint.dims, weights, encode(checkpoint.dims, weights, batch.mel), batch.tokens)

    network = build_network(checkpoint.dims, checkpoint.weights)
    audio = tf.stack([encode_for_recognition(network, mel) for mel in batch.mel])
    states, _ = read_prompt(network, tf.constant(batch.tokens), audio_context(network, audio))
    np.testing.assert_allclose(ours, logits(network, states), atol=2e-3)


def test_text_is_framed_by_timestamps_of_which_any_is_right(tokenizer: WhisperTokenizer) -> None:
    batch = Examples(DIMS, tokenizer).batch([utterance("red green", 1)])
    text = list(tokenizer.encode(" red green"))
    # 0.3 s and 1.7 s, in steps of 0.02 s
    start, end = tokenizer.timestamp_begin + 15, tokenizer.timestamp_begin + 85
    read = [tokenizer.sot, start, *text, end]
    said = [ANY_TIMESTAMP, *text, ANY_TIMESTAMP, tokenizer.eot]
    assert batch.tokens[0].tolist() == read + [tokenizer.eot] * (16 - len(read))
    assert batch.labels[0].tolist() == said + [NO_LABEL] * (16 - len(said))
    assert batch.mel.shape == (1, 80, 1024)


def test_a_multilingual_model_is_told_language_and_task(base_model: Path) -> None:
    tokenizer = WhisperTokenizer(base_model)
    german = replace(utterance("rot", 1), language="de")
    read, said = Examples(DIMS, tokenizer).tokens_of(german)
    assert read[:3] == [tokenizer.sot, tokenizer.language_tokens["de"], tokenizer.transcribe]
    assert said[:4] == [NO_LABEL, NO_LABEL, ANY_TIMESTAMP, *tokenizer.encode(" rot")[:1]]
    silent, no_speech = Examples(DIMS, tokenizer).tokens_of(replace(german, text=""))
    assert (silent, no_speech) == ([tokenizer.sot], [tokenizer.no_speech])


def test_a_clip_at_another_speed_has_other_timestamps(tokenizer: WhisperTokenizer) -> None:
    slow = at_any_speed(utterance("red", 1), Augmentation(("speed", "noise"), 1.0), np.random.default_rng(1))
    stretch = len(slow.samples) / 32_000
    assert 0.86 < stretch < 1.18
    assert stretch != 1
    read, _ = Examples(DIMS, tokenizer).tokens_of(slow)
    times = (read[1] - tokenizer.timestamp_begin, read[-1] - tokenizer.timestamp_begin)
    assert times == (round(15 * stretch), round(85 * stretch))


def test_clips_that_do_not_fit_are_refused(tokenizer: WhisperTokenizer) -> None:
    examples = Examples(DIMS, tokenizer)
    noise = np.random.default_rng(0).normal(0, 0.1, 31 * 16_000).astype(np.float32)
    with pytest.raises(
        BeamscribeError, match=r"long\.wav has 31\.0 s of speech and the model's window is 30 s: cut it"
    ):
        examples.utterance("long.wav", noise, "red", "en")
    with pytest.raises(
        BeamscribeError, match=r"wordy\.wav has a reference of 43 tokens and the model takes 32: cut it"
    ):
        examples.utterance("wordy.wav", noise[:16_000], " ".join(["red"] * 40), "en")


def test_silence_around_the_speech_is_cut_as_in_the_pipeline(
    tokenizer: WhisperTokenizer, speech: Path, clips: list[dict]
) -> None:
    (window,) = load_windows(speech, clips, "librispeech", 1)
    padded = np.concatenate([np.zeros(32_000, np.float32), window[: 14 * 16_000]])
    made = Examples(DIMS, tokenizer).utterance("a.flac", padded, "red", "en")
    # the clip itself begins with half a second of silence
    assert made.speech_start == 4_800
    assert 14 * 16_000 - 16_000 < len(made.samples) < 14 * 16_000


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        (TuneOptions("decoder"), {"decoder"}),
        (TuneOptions("encoder"), {"encoder"}),
        (TuneOptions("all"), {"encoder", "decoder"}),
    ],
)
def test_weights_that_are_trained(checkpoint: Checkpoint, options: TuneOptions, trained: set[str]) -> None:
    weights = TunedWeights(checkpoint.weights, options, seed=0)
    expected = [n for n in checkpoint.weights if n.split(".")[0] in trained and n != "encoder.positional_embedding"]
    assert [variable.name for variable in weights.variables] == [name.replace(".", "_") for name in expected]


def test_adapters_begin_at_the_network_as_it_was_and_merge_into_it(checkpoint: Checkpoint) -> None:
    options = TuneOptions(rank=3, targets=("query", "mlp"), sides=("decoder",))
    weights = TunedWeights(checkpoint.weights, options, seed=0)
    for name, weight in weights.merged().items():
        np.testing.assert_array_equal(weight, checkpoint.weights[name])
    adapted = ["attn.query", "cross_attn.query", "mlp.0", "mlp.2"]
    names = {f"decoder_blocks_0_{name.replace('.', '_')}_weight" for name in adapted}
    assert {variable.name.rsplit("_", 1)[0] for variable in weights.variables} == names

    down, up = (v for v in weights.variables if v.name.startswith("decoder_blocks_0_mlp_0_"))
    up.assign(np.ones(up.shape))
    changed = weights.merged()
    rows = 2.0 * np.asarray(down).sum(axis=0)
    expected = checkpoint.weights["decoder.blocks.0.mlp.0.weight"] + rows
    np.testing.assert_allclose(changed["decoder.blocks.0.mlp.0.weight"], expected, atol=1e-6)
    half_way = weights.merged(share=0.5)["decoder.blocks.0.mlp.0.weight"]
    np.testing.assert_allclose(half_way, expected - rows / 2, atol=1e-6)
    np.testing.assert_array_equal(changed["decoder.ln.weight"], checkpoint.weights["decoder.ln.weight"])


def test_training_lowers_the_loss_and_keeps_the_best(
    checkpoint: Checkpoint, tokenizer: WhisperTokenizer, tmp_path: Path
) -> None:
    tuner = FineTuner(checkpoint, tokenizer, TuneOptions("all"), seed=0)
    heard: list[Epoch] = []
    history = fine_tune(tuner, CLIPS, replace(OPTIONS, learning_rate=0.1), tmp_path, heard.append)
    assert heard == history
    assert [epoch.epoch for epoch in history] == [0, 1, 2, 3]
    assert history[-1].text_loss < 0.9 * history[1].text_loss
    best = min(epoch.held_out_loss for epoch in history)
    assert best < history[0].held_out_loss
    assert tuner.loss(tuner.examples.batches(CLIPS.held_out, 2)) == pytest.approx(best, rel=1e-5)


class Killed(Exception):  # noqa: N818 - a stand-in for a signal
    """What ends a run in the middle of an epoch."""


def test_a_killed_run_goes_on_to_the_same_weights(
    checkpoint: Checkpoint, tokenizer: WhisperTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made() -> FineTuner:
        return FineTuner(checkpoint, tokenizer, TuneOptions(rank=2), seed=0)

    undisturbed, killed = made(), made()
    fine_tune(undisturbed, CLIPS, OPTIONS, tmp_path / "undisturbed", lambda _: None)

    real_step, n_steps = FineTuner.step, iter(range(4))

    def step(self: FineTuner, *args: object) -> object:
        if next(n_steps, None) is None:
            raise Killed
        return real_step(self, *args)

    monkeypatch.setattr(FineTuner, "step", step)
    # the fifth step: the first of the third epoch
    with pytest.raises(Killed):
        fine_tune(killed, CLIPS, OPTIONS, tmp_path / "killed", lambda _: None)
    monkeypatch.undo()
    told: list[Epoch] = []
    # whatever its variables are by now: all comes from the state that was kept
    for variable in [*killed.weights.variables, *killed.optimizer.variables]:
        variable.assign(variable.value * 0 + 1)
    fine_tune(killed, CLIPS, OPTIONS, tmp_path / "killed", told.append)
    assert [epoch.epoch for epoch in told] == [3]
    for ours, theirs in zip(killed.weights.variables, undisturbed.weights.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_state_of_another_training_is_refused(
    tuner: FineTuner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetuning, "_held_out_loss", lambda *_: 3.0)
    monkeypatch.setattr(finetuning, "_train_epoch", lambda *_: (1.0, None))
    fine_tune(tuner, CLIPS, replace(OPTIONS, epochs=1), tmp_path, lambda _: None)
    with pytest.raises(BeamscribeError, match="holds a training with other options or clips"):
        fine_tune(tuner, CLIPS, replace(OPTIONS, epochs=1, seed=6), tmp_path, lambda _: None)


def test_a_loss_that_is_no_number_stops(tuner: FineTuner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FineTuner, "step", lambda *_: (float("nan"), None))
    with pytest.raises(BeamscribeError, match=r"no number any more in step 1 of epoch 1: give a lower --learning_rate"):
        fine_tune(tuner, CLIPS, OPTIONS, tmp_path, lambda _: None)


@pytest.mark.parametrize("diverged", [6.0, float("inf"), float("nan")])
def test_a_held_out_loss_twice_the_untuned_stops(
    tuner: FineTuner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, diverged: float
) -> None:
    losses = iter([3.0, 2.9, diverged])
    monkeypatch.setattr(finetuning, "_held_out_loss", lambda *_: next(losses))
    monkeypatch.setattr(finetuning, "_train_epoch", lambda *_: (1.0, None))
    with pytest.raises(
        BeamscribeError, match=r"training diverges: the held-out loss was 3\.000 and is .* after epoch 2"
    ):
        fine_tune(tuner, CLIPS, OPTIONS, tmp_path, lambda _: None)


def test_patience(tuner: FineTuner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([3.0, 2.0, 2.5, 2.4])
    monkeypatch.setattr(finetuning, "_held_out_loss", lambda *_: next(losses))
    monkeypatch.setattr(finetuning, "_train_epoch", lambda *_: (1.0, None))
    history = fine_tune(tuner, CLIPS, replace(OPTIONS, epochs=9, patience=2), tmp_path, lambda _: None)
    assert [epoch.held_out_loss for epoch in history] == [3.0, 2.0, 2.5, 2.4]


def test_without_anchors_and_changes(tuner: FineTuner, tmp_path: Path) -> None:
    plain = replace(OPTIONS, epochs=1, augmentation=Augmentation(changes=()))
    history = fine_tune(tuner, CLIPS._replace(anchors=[]), plain, tmp_path, lambda _: None)
    assert history[1].anchor_loss is None


def test_written_folder_reads_back_bit_by_bit(
    checkpoint: Checkpoint, tokenizer: WhisperTokenizer, tmp_path: Path
) -> None:
    write_huggingface(checkpoint, tokenizer, tmp_path / "new")
    read = load_checkpoint(tmp_path / "new")
    assert replace(read, weights={}) == replace(checkpoint, weights={})
    assert read.weights.keys() == checkpoint.weights.keys()
    for name, weight in read.weights.items():
        np.testing.assert_array_equal(weight, checkpoint.weights[name])
    assert WhisperTokenizer(tmp_path / "new").encode("red") == tokenizer.encode("red")


def test_real_model_written_for_huggingface_is_the_same(base_model: Path, tmp_path: Path) -> None:
    checkpoint, tokenizer = load_checkpoint(base_model), WhisperTokenizer(base_model)
    write_huggingface(checkpoint, tokenizer, tmp_path)
    read = load_checkpoint(tmp_path)
    for name, weight in checkpoint.weights.items():
        np.testing.assert_array_equal(read.weights[name], weight)
    assert read.alignment_heads == checkpoint.alignment_heads
    assert read.suppress_tokens == checkpoint.suppress_tokens
    generation = json.loads((tmp_path / "generation_config.json").read_text())
    assert generation["lang_to_id"]["<|de|>"] == tokenizer.language_tokens["de"]
    assert generation["is_multilingual"] is True
    shutil.rmtree(tmp_path)
