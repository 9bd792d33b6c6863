"""Keys, and what is closed with them: results that wait for their commit still hold what is redacted in the tables."""

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from model.errors import BeamscribeError
from transforms import storage

MIN_KEY_BYTES = 16
NONCE_BYTES = 12


@dataclass(frozen=True)
class Seal:
    """Closes data with AES-256 in Galois/counter mode (NIST SP 800-38D), so that only the same key opens it."""

    # 32 bytes; never shown
    key: bytes = field(repr=False)

    def close(self, data: bytes) -> bytes:
        """The data under a nonce of its own, which goes before it."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, data, None)

    def open(self, sealed: bytes) -> bytes | None:
        """What was closed; None where it was another key, or it was changed, or not closed at all."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self.key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            return None


def derived(key: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose alone (HMAC-SHA256 as in RFC 5869, one block)."""
    return hmac.new(key, b"beamscribe " + purpose.encode(), hashlib.sha256).digest()


def read_key(path: str) -> bytes:
    """A user's key: all bytes of a file, less a line break at its end. Raises BeamscribeError."""
    try:
        key = storage.read_whole(storage.normalise(path)).rstrip(b"\r\n")
    except OSError as error:
        raise BeamscribeError(f"the key file {path} cannot be read ({error}); check path and rights") from error
    if len(key) < MIN_KEY_BYTES:
        raise BeamscribeError(
            f"the key file {path} holds {len(key)} bytes: give {MIN_KEY_BYTES} or more, such as openssl rand -hex 32"
        )
    return key


def machine_key() -> bytes:
    """A key that this user has on this machine alone, made the first time it is asked for; for nothing but staging.

    Where it cannot be kept it is new each time: what an interrupted run staged is then recognised again.
    """
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "beamscribe"
    path = folder / "staging.key"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _keep(path, secrets.token_bytes(32))
        key = path.read_bytes()
    except OSError:
        key = b""
    return key if len(key) >= MIN_KEY_BYTES else secrets.token_bytes(32)


def _keep(path: Path, key: bytes) -> None:
    """Writes a key whole; of two processes that do so at once the first one's stays."""
    whole = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key)
    try:
        os.link(whole, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(whole)
