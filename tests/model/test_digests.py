"""Digests of large files."""

import hashlib
import os
from pathlib import Path

from model.digests import file_sha256


def test_a_file_is_read_again_only_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"first")
    assert file_sha256(path) == hashlib.sha256(b"first").hexdigest()
    kept = path.stat().st_mtime_ns
    # as only a test can: other bytes of the same size at the same time, in place
    path.write_bytes(b"other")
    os.utime(path, ns=(kept, kept))
    assert file_sha256(path) == hashlib.sha256(b"first").hexdigest()
    os.utime(path, ns=(kept + 1, kept + 1))
    assert file_sha256(path) == hashlib.sha256(b"other").hexdigest()
    path.write_bytes(b"longer than before")
    assert file_sha256(path) == hashlib.sha256(b"longer than before").hexdigest()
