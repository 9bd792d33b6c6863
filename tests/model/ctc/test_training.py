"""Training: it learns, it goes on exactly after a kill, it says when it cannot; what it writes is a recogniser."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from model.ctc.board import EVENTS_FILE
from model.ctc.card import write_card
from model.ctc.config import WEIGHTS_FILE, CtcConfig
from model.ctc.texts import vocabulary_of
from model.ctc.train_options import TrainOptions
from model.ctc.training import BOARD_FOLDER, STATE_FILE, STATE_FOLDER, learning_rate, train
from model.ctc.weights_file import read_arrays
from model.errors import BeamscribeError
from model.recognizer import BiasPhrase, DecodeOptions
from model.registry import batch_windows_of, check_options, load_recognizer, resolve_model
from tests.model.ctc.toy_speech import LETTER_S, TEXTS, say, toy_clips

TINY = CtcConfig("lstm", depth=1, width=8, dropout=0.1)
CHARACTERS = vocabulary_of(TEXTS, "characters", 0)
SHAPES = {
    "lstm": CtcConfig("lstm", depth=1, width=48, dropout=0.0),
    "conformer": CtcConfig("conformer", depth=1, width=48, dropout=0.0),
}


def by_heart(folder: Path, architecture: str) -> Path:
    """A model that knows TEXTS by heart."""
    config = SHAPES[architecture]
    clips = toy_clips(folder / "clips", config)
    options = TrainOptions(epochs=150, batch_size=8, learning_rate=4e-3, warmup_steps=10, augment=False)
    trained = train(config, CHARACTERS, clips, None, folder, options)
    assert len(trained.history) == 150
    write_card(folder, trained, options, 0.1, len(clips))
    return folder


@pytest.fixture(scope="module", params=["lstm", "conformer"])
def model_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return by_heart(tmp_path_factory.mktemp(request.param), request.param)


def padded(text: str, n_samples: int) -> np.ndarray:
    return np.pad(say(text), (0, n_samples - len(say(text))))


def test_eight_utterances_are_learnt_by_heart(model_folder: Path) -> None:
    files = resolve_model(str(model_folder))
    assert (files.family, files.multilingual, files.languages) == ("ctc", False, ("en",))
    model = load_recognizer(files, DecodeOptions(beam_size=1))
    model.warm_up()
    heard = model.recognize([padded(text, model.window_samples) for text in TEXTS], [None] * 8)
    assert [hypothesis.text for hypothesis in heard] == list(TEXTS)
    words = [word for segment in heard[-1].segments for word in segment.words]
    assert [word.word for word in words] == ["cafe", "bad"]
    if "lstm" in model_folder.name:
        # a Conformer that knows a text by heart may say it at any time
        assert words[0].start_s == pytest.approx(0.0, abs=LETTER_S)
        assert words[1].start_s == pytest.approx(5 * LETTER_S, abs=LETTER_S)
        assert words[1].end_s == pytest.approx(8 * LETTER_S, abs=LETTER_S)
    assert {hypothesis.no_speech_prob for hypothesis in heard} == {None}
    assert model.recognize([padded("cab", model.window_samples)], ["en"]) == [heard[1]]
    assert model.sample([padded("cab", model.window_samples)], ["en"], [0], lambda *_: False) == [[]]


def test_silence_is_no_text(model_folder: Path) -> None:
    model = load_recognizer(resolve_model(str(model_folder)), DecodeOptions())
    [hypothesis] = model.recognize([np.zeros(model.window_samples, np.float32)], [None])
    assert (hypothesis.text, hypothesis.segments, hypothesis.tokens) == ("", (), ())


def test_what_it_cannot_honour_is_refused(model_folder: Path) -> None:
    files = resolve_model(str(model_folder))
    for options, message in (
        (DecodeOptions(task="translate"), "--task translate is for Whisper"),
        (DecodeOptions(prompt="Miller"), "--initial_prompt is for Whisper"),
        (DecodeOptions(precision="bfloat16"), "--precision bfloat16 is for Whisper"),
        (DecodeOptions(short_windows=False), "--exact is for Whisper"),
        (DecodeOptions(bias=(BiasPhrase("Xaver"),)), "the model's labels cannot write 'x' in 'xaver'"),
    ):
        with pytest.raises(BeamscribeError, match=message):
            check_options(files, options, [])
    with pytest.raises(BeamscribeError, match="knows English only, not 'de'"):
        check_options(files, DecodeOptions(), ["de"])
    assert batch_windows_of(files, DecodeOptions(), None) == 32
    with pytest.raises(BeamscribeError, match=r"--max_memory 0\.5: this model takes \d\.\d GB on \d+ threads"):
        batch_windows_of(files, DecodeOptions(), 0.5)
    with pytest.raises(BeamscribeError, match="the model knows en only, not 'de'"):
        load_recognizer(files, DecodeOptions()).recognize([say("cab")], ["de"])


def test_card_curves_and_board_are_written(model_folder: Path) -> None:
    card = (model_folder / "README.md").read_text()
    assert "![curves](curves.png)" in card
    assert "Data: 8 clips, 0.10 h, of which 0 were left out" in card
    assert Image.open(model_folder / "curves.png").size == (720, 360)
    events = [
        tf.compat.v1.Event.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(model_folder / STATE_FOLDER / BOARD_FOLDER / EVENTS_FILE))
    ]
    assert [event.step for event in events] == list(range(151))
    assert events[-1].summary.value[0].tag == "training/loss"


def test_damaged_folders_are_refused(model_folder: Path, tmp_path: Path) -> None:
    for name in ("ctc.json", "vocabulary.json", WEIGHTS_FILE):
        (tmp_path / name).write_bytes((model_folder / name).read_bytes())
    weights = (tmp_path / WEIGHTS_FILE).read_bytes()
    (tmp_path / WEIGHTS_FILE).write_bytes(weights[:-10])
    with pytest.raises(BeamscribeError, match="is missing or damaged"):
        resolve_model(str(tmp_path))
    (tmp_path / WEIGHTS_FILE).write_bytes(weights)
    (tmp_path / "vocabulary.json").write_text('["a"]')
    with pytest.raises(BeamscribeError, match="is no CTC vocabulary"):
        resolve_model(str(tmp_path))
    (tmp_path / "vocabulary.json").write_text(vocabulary_of(["xy"], "characters", 0).to_json())
    with pytest.raises(BeamscribeError, match="they are of different models"):
        resolve_model(str(tmp_path))
    (tmp_path / "ctc.json").write_text('{"depth": 1}')
    with pytest.raises(BeamscribeError, match="is not the file of a CTC model"):
        resolve_model(str(tmp_path))


RUN = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from model.ctc.train_options import TrainOptions
    from model.ctc.training import train
    from tests.model.ctc.test_training import CHARACTERS, TINY
    from tests.model.ctc.toy_speech import toy_clips

    folder, deadline = Path(sys.argv[1]), int(sys.argv[2])
    clips = toy_clips(folder / "clips", TINY)
    n_steps = 0

    def on_step(*_):
        global n_steps
        n_steps += 1
        if n_steps == deadline:
            os.kill(os.getpid(), signal.SIGKILL)

    options = TrainOptions(epochs=4, batch_size=2, warmup_steps=3, join_clips=2, checkpoint_every=2, seed=5)
    train(TINY, CHARACTERS, clips, clips, folder, options, on_step)
    """
)


def run_training(folder: Path, killed_at: int = 0) -> int:
    command = [sys.executable, "-c", RUN, str(folder), str(killed_at)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def test_killed_training_ends_in_the_same_weights_to_the_last_bit(tmp_path: Path) -> None:
    assert run_training(tmp_path / "whole") == 0
    assert run_training(tmp_path / "killed", killed_at=5) == -signal.SIGKILL
    assert not (tmp_path / "killed" / WEIGHTS_FILE).exists()
    assert run_training(tmp_path / "killed") == 0
    whole, killed = ((tmp_path / name / WEIGHTS_FILE).read_bytes() for name in ("whole", "killed"))
    assert killed == whole
    states = [read_arrays(tmp_path / name / STATE_FOLDER / STATE_FILE) for name in ("whole", "killed")]
    assert states[0][1] == states[1][1]
    assert {name: array.tobytes() for name, array in states[0][0].items()} == {
        name: array.tobytes() for name, array in states[1][0].items()
    }


def test_other_options_do_not_go_on_in_the_same_folder(tmp_path: Path) -> None:
    clips = toy_clips(tmp_path / "clips", TINY)
    options = TrainOptions(epochs=1, batch_size=8)
    first = train(TINY, CHARACTERS, clips, None, tmp_path, options)
    # what is done is not done again
    assert train(TINY, CHARACTERS, clips, None, tmp_path, options) == first
    with pytest.raises(BeamscribeError, match=r"other options or data \(seed\): give another --output"):
        train(TINY, CHARACTERS, clips, None, tmp_path, replace(options, seed=1))


def test_divergence_stops_with_a_mend(tmp_path: Path) -> None:
    clips = toy_clips(tmp_path / "clips", TINY)
    broken = replace(clips, frames=np.full_like(clips.frames, np.nan))
    with pytest.raises(BeamscribeError, match="training diverged: at step 0 the loss is nan"):
        train(TINY, CHARACTERS, broken, None, tmp_path, TrainOptions(epochs=1))


def test_training_stops_where_the_development_set_gets_no_better(tmp_path: Path) -> None:
    clips = toy_clips(tmp_path / "clips", TINY)
    options = TrainOptions(epochs=50, batch_size=8, patience=2, learning_rate=1e-12)
    trained = train(TINY, CHARACTERS, clips, clips, tmp_path, options)
    assert len(trained.history) == trained.best_epoch + 2 < 50


def test_learning_rate_rises_then_falls() -> None:
    options = TrainOptions(learning_rate=1.0, warmup_steps=3)
    assert [learning_rate(options, step, 0.0) for step in range(4)] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert learning_rate(options, 9, 0.5) == pytest.approx(0.51)
    assert learning_rate(options, 9, 1.0) == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "--epochs 0: needs at least 1"),
        ({"learning_rate": float("nan")}, "--learning_rate nan: needs a number above 0"),
        ({"precision": "float16"}, "--precision float16: give float32 or bfloat16"),
        ({"seed": -1}, "--checkpoint_every needs at least 1, --seed at least 0"),
    ],
)
def test_options_out_of_range_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(BeamscribeError, match=message):
        TrainOptions(**wrong)
