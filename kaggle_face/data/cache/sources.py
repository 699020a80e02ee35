"""The picture files that an image cache is made of: found, checked, and summed up in digests."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import DataError, naming_first
from kaggle_face.file_names import is_unicode
from kaggle_face.pictures import MAX_FILE_BYTES, NO_FILE, NOT_ALLOWED, NOT_REGULAR, TOO_LARGE
from kaggle_face.records import IntArray, StrArray

PROBLEMS = {-1: NO_FILE, -2: NOT_REGULAR, -3: TOO_LARGE, -4: NOT_ALLOWED}
"""What a negative number in `sizes_bytes` stands for: the file need not even be opened."""

_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True, eq=False)
class Sources:
    """Picture files below a root: ids sorted and unique (N), sizes in bytes (N), times of change (N, 2).

    The times are those of the contents, which copying and unpacking may set, and those of the file, which
    nothing sets but the system.
    """

    root: Path
    image_ids: StrArray
    sizes_bytes: IntArray
    changed_ns: IntArray

    def __len__(self) -> int:
        return len(self.image_ids)

    def state_digest(self, *words: object) -> str:
        """Twelve hexadecimal digits of the ids, sizes, times of change and further words."""
        return _digest(words, self.image_ids, self.sizes_bytes, *self.changed_ns.T)

    def names_digest(self) -> str:
        """The digest of the ids and sizes: where it differs, the files do."""
        return _digest((), self.image_ids, self.sizes_bytes)

    def contents_digest(self, digests: Sequence[int] | IntArray) -> str:
        """The digest of the ids, the sizes and the digests (N) of the files' contents."""
        return _digest((), self.image_ids, self.sizes_bytes, np.array(digests, np.int64))


def joint_digest(image_ids: StrArray, digests: IntArray) -> str:
    """32 hexadecimal digits of images (N) and the digests of their files (N), in this order."""
    total = blake2b(digest_size=16)
    packed = digests.astype("<i8").tobytes()
    for row, name in enumerate(image_ids.tolist()):
        total.update(name.encode() + b"\0" + packed[8 * row : 8 * row + 8])
    return total.hexdigest()


def _digest(words: tuple[object, ...], *columns: npt.NDArray[Any]) -> str:
    total = blake2b(repr(words).encode(), digest_size=6)
    line = "\0".join(["%s"] * len(columns)) + "\n"
    for start in range(0, len(columns[0]), _ROWS_AT_ONCE):
        rows = zip(*(column[start : start + _ROWS_AT_ONCE].tolist() for column in columns), strict=True)
        total.update("".join([line % row for row in rows]).encode())
    return total.hexdigest()


def find_sources(root: Path, image_ids: StrArray) -> Sources:
    """Looks up the file of each id, `<root>/<id>`; a missing one is kept, with a number of `PROBLEMS`.

    Raises:
        DataError: An id leads out of the root, or its text cannot be stored.
    """
    unique = np.unique(image_ids)
    names = unique.tolist()
    unsafe = [name for name in names if not _stays_below(name)]
    if unsafe:
        raise DataError(
            naming_first(len(unsafe), len(names), "image path", f"lead out of {root}", repr(unsafe[0]))
        )
    found = np.array([_size_and_times(f"{root}/{name}") for name in names], np.int64).reshape(-1, 3)
    return Sources(root, unique, found[:, 0].copy(), found[:, 1:].copy())


def _stays_below(name: str) -> bool:
    if not name or "\0" in name or not is_unicode(name):
        return False
    if ".." not in name and "\\" not in name and ":" not in name and name[0] != "/":
        return True
    parts = name.split("/")
    if os.name == "nt":
        parts = name.replace("\\", "/").split("/")
        if PureWindowsPath(name).drive:
            return False
    return ".." not in parts and parts[0] != ""


def _size_and_times(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - Path.stat costs four times as much
    except OSError:
        return -1, 0, 0
    if not stat.S_ISREG(found.st_mode):
        return -2, 0, 0
    if found.st_size > MAX_FILE_BYTES:
        return -3, found.st_mtime_ns, found.st_ctime_ns
    size_bytes = found.st_size if os.access(path, os.R_OK) else -4
    return size_bytes, found.st_mtime_ns, found.st_ctime_ns
