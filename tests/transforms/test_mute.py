"""Copies in which what is redacted cannot be heard."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import soundfile

from tests.transforms import make_rows
from transforms import storage
from transforms.assemble import AssetRows
from transforms.assets import Asset, WorkItem
from transforms.decoder import Decoder
from transforms.mute import MuteAudio, Muting, muted, muting_of
from transforms.site import Site

RATE = 16_000
MARK = {"rule": "redact_card", "start": 0, "end": 6, "before": None, "after": "[CARD]"}


def tone(hertz):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(2 * RATE) / RATE)).astype(np.float32)


def rows_with(*words, edits=(MARK,)):
    segment = make_rows.segment("a.wav", channel=None, start_s=1.0, end_s=9.0, edits=list(edits))
    rows = [
        make_rows.word("a.wav", channel=None, segment_index=segment.segment_index, word=w, start_s=a, end_s=b)
        for w, a, b in words
    ]
    return AssetRows("a.wav", (make_rows.transcript("a.wav", channel=None),), (segment,), tuple(rows))


def stretches_of(rows):
    item = WorkItem(Asset("a.wav", "a.wav", 1, 1), "c", 1, "k")
    return muting_of(item, rows).stretches


def test_the_words_of_a_secret_are_silent_with_a_margin():
    assert stretches_of(rows_with(("so", 1.0, 2.0), ("[CARD].", 3.0, 5.0))) == {None: [(2.75, 5.25)]}


def test_where_the_time_of_a_secret_is_not_known_its_segment_is_silent():
    whole = {None: [(0.75, 9.25)]}
    assert stretches_of(rows_with(("so", 1.0, 2.0))) == whole
    assert stretches_of(rows_with(("[CARD]", None, None))) == whole
    assert stretches_of(rows_with(("[CARD]", 3.0, 5.0), edits=(MARK, MARK | {"start": 10, "end": 16}))) == whole


def test_nothing_to_hide_is_nothing_silent():
    assert stretches_of(rows_with(("so", 1.0, 2.0), edits=())) == {None: []}


def test_stretches_go_over_blocks_and_end_inside_the_sound():
    blocks = [np.full(RATE, 0.5, np.float32)] * 2
    sound = np.concatenate(list(muted(blocks, [(-1.0, 0.25), (0.75, 1.5), (1.9, 99.0)])))
    silent = np.repeat([True, False, True, False, True], [4000, 8000, 12000, 6400, 1600])
    np.testing.assert_array_equal(sound, np.where(silent, 0, 16384).astype(np.int16))


def test_copy_has_every_channel_and_is_silent_in_its_own_stretches(tmp_path):
    source = tmp_path / "in" / "a.wav"
    source.parent.mkdir()
    soundfile.write(source, np.stack([tone(440), tone(880)], axis=1), RATE)
    item = WorkItem(Asset(str(source), str(source), source.stat().st_size, 1), "c", 1, "k")
    step = MuteAudio(str(tmp_path / "out"), 60.0, Site())
    (path,) = step.process(Muting(item.to_json(), {0: [(0.5, 1.0)], 1: []}))
    assert path.startswith(str(tmp_path / "out"))
    assert path.endswith("/a.wav.flac")
    sound, rate = soundfile.read(path)
    assert (rate, sound.shape) == (RATE, (2 * RATE, 2))
    assert not sound[RATE // 2 : RATE, 0].any()
    with closing(Decoder()) as decoder, storage.open_read(str(source)) as file:
        heard = np.concatenate(list(decoder.open(file).samples(1)))
    np.testing.assert_allclose(sound[:, 1], heard, atol=1e-4)
    source.unlink()
    assert list(step.process(Muting(replace(item, attempts=2).to_json(), {0: []}))) == []
