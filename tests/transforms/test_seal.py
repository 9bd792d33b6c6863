"""Keys and what is closed with them."""

import pytest

from model.errors import BeamscribeError
from transforms.seal import Seal, derived, machine_key, read_key


def test_only_the_same_key_opens_and_only_what_was_not_changed():
    seal = Seal(derived(b"k" * 16, "staging"))
    sealed = seal.close(b"four one one one")
    assert b"one" not in sealed
    assert seal.open(sealed) == b"four one one one"
    assert seal.close(b"four one one one") != sealed
    assert seal.open(sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert seal.open(b"plain") is None
    assert Seal(derived(b"k" * 16, "tags")).open(sealed) is None
    assert "k" * 4 not in repr(seal)


def test_key_of_a_machine_is_made_once_for_one_user(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    key = machine_key()
    assert (len(key), machine_key()) == (32, key)
    assert [path.name for path in (tmp_path / "beamscribe").iterdir()] == ["staging.key"]
    assert (tmp_path / "beamscribe" / "staging.key").stat().st_mode & 0o777 == 0o600


def test_where_no_key_can_be_kept_each_run_has_its_own(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert len(machine_key()) == 32
    assert machine_key() != machine_key()


def test_users_key_is_the_bytes_of_a_file(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"0123456789abcdef\n")
    assert read_key(str(path)) == b"0123456789abcdef"
    path.write_bytes(b"short\n")
    with pytest.raises(BeamscribeError, match="holds 5 bytes: give 16 or more"):
        read_key(str(path))
    with pytest.raises(BeamscribeError, match="cannot be read"):
        read_key(str(tmp_path / "none"))
