"""JSON objects that carry a digest of themselves, checksums of files, and numbers as hexadecimal text."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.files.reading import json_object
from kaggle_face.records import StrArray

_SEAL = "seal"
_BLOCK_BYTES = 2**22


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, and under `seal` a digest of them."""
    return {**values, _SEAL: digest_of_bytes(json.dumps(values, sort_keys=True).encode())}


def unsealed(text: str) -> dict[str, Any]:
    """What `sealed` was given, from the JSON text of its result.

    Raises:
        ValueError: The text is not such a result, or was changed.
    """
    try:
        values = json_object(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    seal = values.pop(_SEAL, None)
    if sealed(values)[_SEAL] != seal:
        raise ValueError("it is not what was written")
    return values


def digest_of_bytes(data: bytes) -> str:
    """16 hexadecimal digits of some bytes."""
    return blake2b(data, digest_size=8).hexdigest()


def crc_of_file(path: Path) -> int:
    """The CRC-32 of a file's content."""
    total = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            total = zlib.crc32(block, total)
    return total


def to_hex(numbers: npt.NDArray[Any]) -> list[str]:
    """Integers of one type as hexadecimal texts of one length, the lowest byte first."""
    digits = 2 * numbers.dtype.itemsize
    joined = numbers.astype(numbers.dtype.newbyteorder("<")).tobytes().hex()
    return [joined[start : start + digits] for start in range(0, len(joined), digits)]


def from_hex(texts: StrArray, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """What `to_hex` was given.

    Raises:
        ValueError: A text is not one of its results.
    """
    kind = np.dtype(dtype)
    joined = "".join(texts.tolist())
    packed = bytes.fromhex(joined)  # skips blanks, so the length is looked at afterwards
    longest = texts.dtype.itemsize // 4
    if (
        longest > 2 * kind.itemsize
        or len(packed) != kind.itemsize * len(texts)
        or 2 * len(packed) != len(joined)
    ):
        raise ValueError(f"not {2 * kind.itemsize} hexadecimal digits")
    return np.frombuffer(packed, kind.newbyteorder("<")).astype(kind)
