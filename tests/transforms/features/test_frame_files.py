"""Values of frames as rows, and as staged files."""

import numpy as np
import pytest

from transforms import storage
from transforms.features.frame_files import drop_frames, embedding_rows, frame_rows, path_of, read_rows, write_rows
from transforms.results import ResultStore
from transforms.tables import schema_of


def test_rows_of_frames():
    frames = {"f0_hz": np.array([100.0, np.nan]), "mfcc": np.arange(26.0).reshape(13, 2)}
    rows = frame_rows("a.wav", 1, 2, frames)
    assert rows.schema.equals(schema_of("frames"), check_metadata=True)
    first, second = rows.to_pylist()
    assert (first["uri"], first["channel"], first["frame_index"], first["time_s"]) == ("a.wav", 1, 6000, 60.0)
    assert (first["f0_hz"], second["f0_hz"]) == (100.0, None)
    assert first["mfcc"] == list(range(0, 26, 2))
    assert second["mfcc"] == list(range(1, 26, 2))
    assert (first["chroma"], first["rms"], second["frame_index"]) == (None, None, 6001)


def test_rows_of_embeddings():
    positions = {"start_sample": np.array([480_000, 480_320]), "embedding": np.array([[1.0, 2.0], [3.0, 4.0]])}
    first, second = embedding_rows("a.wav", None, 1500, positions).to_pylist()
    assert first == {
        "uri": "a.wav",
        "channel": None,
        "position_index": 1500,
        "time_s": 30.0,
        "embedding": [1.0, 3.0],
    }
    assert (second["position_index"], second["time_s"], second["embedding"]) == (1501, pytest.approx(30.02), [2.0, 4.0])


def test_what_is_staged_is_read_again_until_it_is_dropped(tmp_path):
    store = ResultStore(str(tmp_path / "out"))
    rows = frame_rows("a.wav", None, 0, {"rms": np.ones(3)})
    paths = {key: path_of(store, key, "frames", None, 0) for key in ("k1", "k2")}
    for path in paths.values():
        write_rows(path, rows)
    assert read_rows(paths["k1"]).equals(rows)
    drop_frames(store, {"k2"})
    assert (storage.exists(paths["k1"]), storage.exists(paths["k2"])) == (False, True)
    assert store.paths() == []
