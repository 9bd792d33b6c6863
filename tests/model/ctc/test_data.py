"""Training data: every clip once an epoch, in an order by seed; labels that fit; what augmentation may change."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from model.ctc.config import CtcConfig
from model.ctc.data import BatchMaker, Clip, Clips, fits, in_order, plan_epoch, read_clips, usable, write_clips
from model.ctc.examples import read_examples
from model.ctc.features import LogMelDefinition, log_mel
from model.ctc.specaugment import Augmentation, joined, louder, mask
from model.ctc.statistics import Statistics
from model.ctc.texts import fold, vocabulary_of
from model.ctc.vocabulary import CtcVocabulary
from model.errors import BeamscribeError
from tests.model.ctc.toy_speech import TEXTS, toy_clips

CONFIG = CtcConfig()


def clips_of(lengths: list[int]) -> Clips:
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    names = tuple(map(str, range(len(lengths))))
    return Clips(names, ("a",) * len(lengths), starts, np.zeros((int(starts[-1]), 80), np.float32), "")


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 7), st.integers(1, 4), st.integers(0, 3))
def test_an_epoch_holds_every_clip_once(lengths: list[int], batch_size: int, join_clips: int, epoch: int) -> None:
    clips, chosen = clips_of(lengths), range(len(lengths))
    plan = plan_epoch(clips, chosen, batch_size=batch_size, join_clips=join_clips, seed=1, epoch=epoch)
    assert sorted(clip for batch in plan for utterance in batch for clip in utterance) == list(chosen)
    assert {len(batch) <= batch_size for batch in plan} == {True}
    assert {1 <= len(utterance) <= join_clips for batch in plan for utterance in batch} == {True}
    assert plan == plan_epoch(clips, chosen, batch_size=batch_size, join_clips=join_clips, seed=1, epoch=epoch)


def test_epochs_and_seeds_differ() -> None:
    clips = clips_of([5] * 40)
    plans = [
        plan_epoch(clips, range(40), batch_size=8, join_clips=2, seed=seed, epoch=epoch)
        for seed, epoch in ((0, 0), (0, 1), (1, 0))
    ]
    assert len({str(plan) for plan in plans}) == 3


@given(st.lists(st.integers(1, 3), max_size=6), st.integers(0, 9))
def test_labels_fit_where_a_path_writes_them(labels: list[int], n_outputs: int) -> None:
    shortest: list[int] = []
    for label in labels:
        shortest += [0, label] if shortest and shortest[-1] == label else [label]
    assert fits(labels, n_outputs) == (n_outputs > 0 and len(shortest) <= n_outputs)


def test_clips_are_read_as_they_were_written(tmp_path: Path) -> None:
    features = [np.arange(n * 80, dtype=np.float32).reshape(n, 80) for n in (3, 1)]
    written = write_clips(tmp_path, [Clip("x", "a", features[0]), Clip("y", "b", features[1])], CONFIG.log_mel)
    read = read_clips(tmp_path)
    assert (read.uris, read.texts, read.fingerprint) == (("x", "y"), ("a", "b"), written.fingerprint)
    for clip, expected in enumerate(features):
        np.testing.assert_array_equal(read.log_mel(clip), expected)
    other = write_clips(tmp_path / "o", [Clip("x", "a", features[0]), Clip("y", "c", features[1])], CONFIG.log_mel)
    assert other.fingerprint != written.fingerprint


def test_no_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BeamscribeError, match="holds no utterance to learn from"):
        write_clips(tmp_path, [], CONFIG.log_mel)


def test_statistics_are_those_of_all_frames() -> None:
    first, second = np.random.default_rng(0).normal(3, 2, (2, 50, 4)).astype(np.float32)
    second[:, 3] = first[:, 3] = 5
    found = Statistics.of([first, second])
    everything = np.concatenate([first, second]).astype(np.float64)
    np.testing.assert_allclose(found.mean, everything.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.std, [*everything.std(axis=0)[:3], 1.0], rtol=1e-5)


def test_batches_hold_features_and_labels_filled_up(tmp_path: Path) -> None:
    clips = toy_clips(tmp_path, CONFIG)
    vocabulary = vocabulary_of(clips.texts, "characters", 0)
    maker = BatchMaker(clips, vocabulary, clips.statistics(), CONFIG.silence, seed=0)
    batch = maker.plain([(1,), (0, 4)])
    lengths = clips.n_frames
    assert batch.n_frames.tolist() == [lengths[1], lengths[0] + lengths[4]]
    np.testing.assert_array_equal(batch.log_mel[1], np.concatenate([clips.log_mel(0), clips.log_mel(4)]))
    assert not batch.log_mel[0, lengths[1] :].any()
    own = batch.labels[0]
    assert own[own >= 0].tolist() == vocabulary.encode("cab")
    assert batch.labels[1].tolist() == vocabulary.encode("abba a bed")
    augmented = [maker.augmented([(0,), (2,)], step, Augmentation()) for step in (5, 5, 6)]
    np.testing.assert_array_equal(augmented[0].log_mel, augmented[1].log_mel)
    assert augmented[0].log_mel.shape != augmented[2].log_mel.shape


def test_scoring_takes_every_clip_by_length(tmp_path: Path) -> None:
    clips = clips_of([5, 2, 9, 2])
    assert list(in_order(clips, [0, 1, 2, 3], 3)) == [[(1,), (3,), (0,)], [(2,)]]


def test_clips_too_short_for_their_text_are_left_out(tmp_path: Path) -> None:
    silence = np.zeros((14, 80), np.float32)
    rows = [Clip("x", "abcde", silence), Clip("y", "aabbc", silence), Clip("z", "", silence)]
    clips = write_clips(tmp_path, rows, CONFIG.log_mel)
    assert usable(clips, CONFIG, CtcVocabulary.of_characters("abcde")) == [0]


def test_masks_put_the_mean_in_place_of_bins_and_frames() -> None:
    random = np.random.default_rng(7)
    plain = random.normal(size=(100, 80)).astype(np.float32)
    mean = np.full(80, 50, np.float32)
    masked = mask(plain, mean, Augmentation(), np.random.default_rng(1))
    is_masked = masked == 50
    bins, frames = is_masked.all(axis=0), is_masked.all(axis=1)
    assert 0 < bins.sum() <= 30
    assert 0 < frames.sum() <= 20
    np.testing.assert_array_equal(is_masked, bins[None] | frames[:, None])
    np.testing.assert_array_equal(masked[~is_masked], plain[~is_masked])
    np.testing.assert_array_equal(mask(plain, mean, Augmentation.none(), random), plain)


def test_loudness_moves_all_but_digital_silence() -> None:
    plain = np.array([[-23.0, -3.0], [0.0, -22.9]], np.float32)
    moved = louder(plain, -23.0, Augmentation(), np.random.default_rng(0))
    gain = moved[0, 1] - plain[0, 1]
    assert 0 < abs(gain) <= 1.4
    np.testing.assert_allclose(moved, np.maximum(plain + gain * (plain > -23.0), -23.0), rtol=1e-6)


def test_sound_beside_digital_silence_begins_and_ends_as_in_a_recording() -> None:
    definition = LogMelDefinition()
    tone = np.sin(2 * np.pi * 1000 * np.arange(8_080) / 16_000).astype(np.float32)
    quiet = np.zeros(1_600, np.float32)
    heard = np.logaddexp.reduce(log_mel(np.concatenate([quiet, tone, quiet]), definition), axis=1)
    made = joined([log_mel(tone, definition)], CONFIG.silence, Augmentation(), np.random.default_rng(0))
    power = np.logaddexp.reduce(made, axis=1)
    first = int(np.flatnonzero(power > power.min() + 1)[0])
    # two windows that reach into the tone, 49 inside it, two that reach out of it
    np.testing.assert_allclose(power[first : first + 53], heard[8 : 8 + 53], atol=0.4)
    np.testing.assert_array_equal(joined([made], 0.0, Augmentation.none(), np.random.default_rng(0)), made)


@pytest.mark.parametrize(
    ("reference", "learnt"),
    [
        ("Don’t  STOP, 'now'!", "don't stop now"),
        ("naïve café — 42 %", "naïve café 42"),
        ("half-past ten", "half past ten"),
        ("...", ""),
    ],
)
def test_references_are_folded(reference: str, learnt: str) -> None:
    assert fold(reference) == learnt


def test_vocabularies_write_all_texts() -> None:
    characters = vocabulary_of(TEXTS, "characters", 0)
    assert characters.labels == ("<blank>", " ", *"abcdef")
    pieces = vocabulary_of(TEXTS, "pieces", 12)
    assert len(pieces) == 13
    assert pieces.is_pieces
    assert [pieces.text(pieces.encode(text)) for text in TEXTS] == list(TEXTS)
    assert sum(len(pieces.encode(text)) for text in TEXTS) < sum(len(text) + 1 for text in TEXTS)


def test_texts_without_letters_and_too_few_pieces_are_refused() -> None:
    with pytest.raises(BeamscribeError, match="no reference of the manifest holds a letter"):
        vocabulary_of(["", ""], "characters", 0)
    with pytest.raises(BeamscribeError, match="--pieces 6: the texts have 6 characters"):
        vocabulary_of(TEXTS, "pieces", 6)


def write_examples(folder: Path, made: dict) -> dict[str, np.ndarray]:
    """A set of one file as `features` writes it: three utterances, one of them without a reference."""
    folder.mkdir()
    features = {name: np.random.default_rng(i).normal(size=(i + 2, 80)).astype("<f4") for i, name in enumerate("abc")}
    path = folder / "utterances-00000-of-00001.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as file:
        for uri, log_mel in features.items():
            example = tf.train.Example()
            feature = example.features.feature
            feature["log_mel"].bytes_list.value.append(log_mel.tobytes())
            feature["n_frames"].int64_list.value.append(len(log_mel))
            feature["n_mels"].int64_list.value.append(80)
            feature["uri"].bytes_list.value.append(uri.encode())
            if uri != "b":
                feature["reference"].bytes_list.value.append(f"said in {uri}".encode())
            file.write(example.SerializeToString())
    listed = [{"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}]
    manifest = {"format_version": 1, "log_mel": made, "files": listed}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return features


def test_tfrecords_give_the_utterances_with_references(tmp_path: Path) -> None:
    features = write_examples(tmp_path / "tfrecords", asdict(CONFIG.log_mel))
    for folder in (tmp_path, tmp_path / "tfrecords"):
        read = list(read_examples(folder, CONFIG.log_mel))
        assert [(uri, reference) for uri, reference, _ in read] == [("a", "said in a"), ("c", "said in c")]
        for uri, _, heard in read:
            np.testing.assert_array_equal(heard, features[uri])


def test_tfrecords_of_other_features_or_changed_files_are_refused(tmp_path: Path) -> None:
    write_examples(tmp_path / "other", asdict(CONFIG.log_mel) | {"hop": 80})
    with pytest.raises(BeamscribeError, match="its features are made otherwise"):
        list(read_examples(tmp_path / "other", CONFIG.log_mel))
    write_examples(tmp_path / "changed", asdict(CONFIG.log_mel))
    with (tmp_path / "changed" / "utterances-00000-of-00001.tfrecord").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BeamscribeError, match="is not as it was written"):
        list(read_examples(tmp_path / "changed", CONFIG.log_mel))
    with pytest.raises(BeamscribeError, match="is no manifest of TFRecords"):
        list(read_examples(tmp_path, CONFIG.log_mel))
