"""What a file holds, in one number."""

import hashlib
from typing import BinaryIO

HASH_BLOCK_BYTES = 1 << 20


def sha256_of(file: BinaryIO) -> str:
    """SHA-256 of a file from its start, in hexadecimal; the file is left at its start."""
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(HASH_BLOCK_BYTES):
        digest.update(block)
    file.seek(0)
    return digest.hexdigest()
