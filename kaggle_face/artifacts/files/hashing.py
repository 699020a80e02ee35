"""Hashes and checksums of files and bytes."""

from __future__ import annotations

import zlib
from hashlib import blake2b, file_digest
from pathlib import Path

from kaggle_face.artifacts.files.reading import size_of_regular
from kaggle_face.errors import InputError

_BLOCK_BYTES = 2**22


def hash_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes in hexadecimal digits.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        size_of_regular(path)
        with path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def crc_of_file(path: Path) -> int:
    """The CRC-32 of a file's bytes."""
    total = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            total = zlib.crc32(block, total)
    return total


def short_digest(data: bytes) -> str:
    """16 hexadecimal digits of some bytes.

    >>> short_digest(b"abc") == short_digest(b"abd")
    False
    """
    return blake2b(data, digest_size=8).hexdigest()
