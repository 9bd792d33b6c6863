"""Clips to train on: what the rows of a manifest come to, and texts that are on one side alone."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from model.errors import BeamscribeError
from transforms import storage
from transforms.training_clips import TrainingClip, file_versions, hold_out, read_noises, read_training_clips

RATE_HZ = 16_000


def write(folder: Path, *rows: dict) -> str:
    """Two channels: a ramp, and silence."""
    ramp = np.linspace(0, 0.5, 2 * RATE_HZ)
    soundfile.write(folder / "a.wav", np.stack([ramp, 0 * ramp], axis=1), RATE_HZ, "FLOAT")
    manifest = folder / "clips.jsonl"
    manifest.write_text("".join(json.dumps({"uri": "a.wav", **row}) + "\n" for row in rows))
    return str(manifest)


def test_rows_become_clips(tmp_path):
    manifest = write(
        tmp_path,
        {"reference": " red "},
        {"reference": "green", "start_s": 0.5, "end_s": 1.5, "channel": 0, "language": "en"},
        {"reference": "", "start_s": 1.5, "channel": 1},
        {"reference": None},
    )
    clips = list(read_training_clips([manifest]))
    uri = str(tmp_path / "a.wav")
    assert [(c.uri, len(c.samples), c.reference, c.language) for c in clips] == [
        (uri, 2 * RATE_HZ, "red", None),
        (f"{uri}#t=0.5,1.5 (channel 0)", RATE_HZ, "green", "en"),
        (f"{uri}#t=1.5 (channel 1)", RATE_HZ // 2, "", None),
    ]
    # the mix of the channels, a part of one, and the other
    assert clips[0].samples.max() == pytest.approx(0.25)
    assert clips[1].samples[[0, -1]] == pytest.approx([0.125, 0.375], abs=1e-4)
    assert clips[2].samples.max() == 0


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"reference": "red", "uri": "gone.wav"}, "gone.wav cannot be decoded"),
        ({"reference": "red", "channel": 2}, "a.wav has no channel 2: mend its rows"),
        ({"reference": "red", "start_s": 5.0}, "a.wav#t=5 has no sound: the file ends at 2 s"),
        ({"reference": "red", "uri": "clips.jsonl"}, "clips.jsonl cannot be decoded"),
    ],
)
def test_rows_that_cannot_be_trained_on(row, complaint, tmp_path):
    with pytest.raises(BeamscribeError, match=complaint):
        list(read_training_clips([write(tmp_path, row)]))


@pytest.mark.skipif(find_spec("tensorflow_io") is None, reason="tensorflow-io: make tfio-test")
def test_in_graph_rows_become_the_same_clips(tmp_path):
    manifest = write(
        tmp_path, {"reference": "red"}, {"reference": "green", "start_s": 0.5, "end_s": 1.5}, {"reference": ""}
    )
    plain, in_graph = (list(read_training_clips([manifest], how)) for how in (False, True))
    assert [(c.uri, c.reference) for c in plain] == [(c.uri, c.reference) for c in in_graph]
    for ours, theirs in zip(plain, in_graph, strict=True):
        np.testing.assert_allclose(ours.samples, theirs.samples, atol=1e-6)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"uri": "s3://calls/a.wav"}, "s3://calls/a.wav is not on this machine: leave --read_in_graph out"),
        ({"channel": 1}, r"a\.wav \(channel 1\): --read_in_graph mixes channels, leave it out"),
    ],
)
def test_in_graph_what_it_cannot_read_is_refused(row, complaint, tmp_path):
    with pytest.raises(BeamscribeError, match=complaint):
        list(read_training_clips([write(tmp_path, {"reference": "red", **row})], in_graph=True))


def test_damaged_clips_are_refused(tmp_path):
    manifest = write(tmp_path, {"reference": "red"})
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BeamscribeError, match=r"a\.wav cannot be decoded whole \(truncated.*\): leave its rows out"):
        list(read_training_clips([manifest]))


def test_versions_tell_of_a_file_that_changed(tmp_path):
    manifest = write(tmp_path, {"reference": "red"}, {"reference": "red", "channel": 1}, {"uri": "b.wav"})
    versions = file_versions(manifest)
    assert len(versions) == 1
    assert str(tmp_path / "a.wav") in versions[0]
    assert file_versions(manifest) == versions
    os.utime(tmp_path / "a.wav", (1, 1))
    touched = file_versions(manifest)
    (tmp_path / "a.wav").unlink()
    assert len({*versions, *touched, *file_versions(manifest)}) == 3


def test_versions_in_a_store(store, folder):
    manifest = f"{folder}/clips.jsonl"
    storage.write_whole(manifest, json.dumps({"uri": f"{folder}/a.wav", "reference": "red"}).encode())
    versions = []
    for content in (b"red", b"red", b"RED"):
        storage.write_whole(f"{folder}/a.wav", content)
        versions += file_versions(manifest)
    # as every store's etags are of the content, or of each writing
    assert versions[2] not in versions[:2]


def test_a_file_that_is_no_manifest_is_refused(tmp_path):
    write(tmp_path)
    with pytest.raises(BeamscribeError, match=r"a\.wav: clips to train on are named by a manifest"):
        list(read_training_clips([str(tmp_path / "a.wav")]))


def test_noises_are_any_inputs(tmp_path):
    write(tmp_path)
    soundfile.write(tmp_path / "silence.wav", np.zeros(100), RATE_HZ)
    assert [len(noise) for noise in read_noises([str(tmp_path / "*.wav")])] == [2 * RATE_HZ]
    assert list(read_noises([])) == []


def clips_of(*texts: str) -> list[TrainingClip]:
    return [TrainingClip(f"{i}.wav", np.zeros(1, np.float32), text, "en") for i, text in enumerate(texts)]


def test_no_text_is_on_both_sides():
    clips = clips_of(*(f"{'Number' if i % 2 else 'number,'} {i % 10}" for i in range(40)))
    train, held = hold_out(clips, 0.3, seed=1)
    numbers = [{clip.reference[-1] for clip in side} for side in (train, held)]
    assert numbers[0] | numbers[1] == set("0123456789")
    assert not numbers[0] & numbers[1]
    assert (len(numbers[1]), len(train) + len(held)) == (3, 40)


def test_more_clips_move_none():
    few = clips_of(*(f"number {i}" for i in range(10)))
    (before,) = hold_out(few, 0.1, seed=0)[1]
    (after,) = hold_out([*few, *clips_of("number 3")], 0.1, seed=0)[1][:1]
    assert before.reference == after.reference


def test_one_text_is_too_few():
    with pytest.raises(BeamscribeError, match="2 clips with 1 different references: training needs at least 2"):
        hold_out(clips_of("Red.", "red"), 0.1, seed=0)
