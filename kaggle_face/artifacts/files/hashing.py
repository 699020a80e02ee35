"""Hashes of files."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path

from kaggle_face.errors import InputError


def hash_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes in hexadecimal digits.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
