"""The checksum inside a file of weights, and the metadata in its header, read without torch.

A safetensors file begins with eight bytes, the length of a JSON header. Our metadata are one text of it,
`about`, as the library writes several in an order that changes: a JSON object that holds `checksum`, the
digest of the whole file in which the checksum's own digits are zeros, so that every bit counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

from kaggle_face.errors import RunError

CHECKSUM, WEIGHTS = "checksum", "weights"
"""Keys of the metadata: the digest of the file, and that of the named tensors alone."""

NO_CHECKSUM = "0" * 32
"""What stands in place of the checksum while it is computed."""

_MOST_HEADER_BYTES = 100 * 2**20
_BLOCK_BYTES = 2**20
_PLACE = re.compile(rb'\\"checksum\\": \\"([0-9a-f]{32})\\"')
_ABOUT = "about"


def header_metadata(values: Mapping[str, str]) -> dict[str, str]:
    """The metadata to save with weights: `values`, and the place of the checksum."""
    return {_ABOUT: json.dumps({**values, CHECKSUM: NO_CHECKSUM}, sort_keys=True)}


def write_checksum(path: Path) -> None:
    """Puts the checksum into a file whose metadata `header_metadata` made."""
    with path.open("r+b") as stream:
        header = _read_header(stream)
        place = _PLACE.search(header)
        assert place is not None, "the metadata were given a place for the checksum"
        digest = _digest(stream, header, place)
        stream.seek(8 + place.start(1))
        stream.write(digest.encode())


def check_checksum(path: Path) -> None:
    """Compares a file with the checksum inside it.

    Raises:
        RunError: A bit is not what was written, or there is no checksum.
    """
    with _opened(path) as stream:
        header = _read_header(stream)
        place = _PLACE.search(header)
        if place is None:
            raise RunError(f"{path} is damaged, or was written by an earlier version: it holds no checksum")
        if _digest(stream, header, place).encode() != place[1]:
            raise RunError(f"{path} is damaged: it is not what was written")


def read_header_metadata(path: Path) -> dict[str, str]:
    """The values that `header_metadata` was given, read without the tensors.

    Raises:
        RunError: The file is missing or has no such header.
    """
    with _opened(path) as stream:
        about = json.loads(_read_header(stream)).get("__metadata__", {}).get(_ABOUT, "{}")
        return {str(key): str(value) for key, value in json.loads(about).items()}


def weights_digest(path: Path) -> str:
    """The digest of the tensors that a file of weights holds, from its header.

    Raises:
        RunError: The file is missing, damaged, or of an earlier version.
    """
    digest = read_header_metadata(path).get(WEIGHTS)
    if digest is None:
        raise RunError(f"{path} was written by an earlier version: it holds no checksum of its weights")
    return digest


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if not path.is_file():
        raise RunError(f"{path} is missing")
    try:
        with path.open("rb") as stream:
            yield stream
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "its header cannot be read"
        raise RunError(f"{path} is damaged ({reason})") from error


def _read_header(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    length = int.from_bytes(stream.read(8), "little")
    if length > _MOST_HEADER_BYTES:
        raise ValueError("the header is too long")
    header = stream.read(length)
    if len(header) < length:
        raise ValueError("the header is cut off")
    return header


def _digest(stream: IO[bytes], header: bytes, place: re.Match[bytes]) -> str:
    total = sha256(len(header).to_bytes(8, "little"))
    total.update(header[: place.start(1)] + NO_CHECKSUM.encode() + header[place.end(1) :])
    stream.seek(8 + len(header))
    while block := stream.read(_BLOCK_BYTES):
        total.update(block)
    return total.hexdigest()[: len(NO_CHECKSUM)]
