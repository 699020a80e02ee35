"""The pixels of an image cache on disk: read row by row and compared with their checksums.

They are read, not mapped: where a file is cut or a disk fails under a memory map, the system ends the process
(SIGBUS); a read raises. A row is compared with its checksum when a process reads it for the first time.

N images, S pixels a side.
"""

from __future__ import annotations

import os
import re
import threading
import weakref
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.files.disk import explaining
from kaggle_face.errors import DataError, naming_first
from kaggle_face.progress import Progress
from kaggle_face.records import IntArray

Checksums = npt.NDArray[np.uint32]

_HEADER = re.compile(
    rb"\{'descr': '\|u1', 'fortran_order': False, 'shape': \((\d{1,18}), (\d{1,9}), (\d{1,9}), 3\), \} *\n"
)
_BEGINNING = b"\x93NUMPY\x01\x00"
_LONGEST_HEADER = 1024
_BYTES_AT_ONCE = 8 * 2**20
_OPENED_TO_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_CAN_READ_AT = hasattr(os, "preadv")


def checksum(pixels: Any) -> int:
    """The CRC-32 of an image's pixels."""
    return zlib.crc32(pixels)


def damaged_cache(folder: Path, reason: str) -> DataError:
    """The error for an image cache that is not as it was written."""
    return DataError(f"the image cache {folder} is damaged; delete it, and it is made again ({reason})")


class StoredPixels:
    """Pixels uint8 (N, S, S, 3) in a `.npy` file, with a checksum (N) of each image.

    Raises:
        DataError: The file is missing, cut, or holds something else.
        DiskError: The machine cannot open it.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, path: Path, checksums: Checksums) -> None:
        self.path, self._checksums = path, checksums
        with explaining(path, "read"):
            try:
                self._descriptor = os.open(path, _OPENED_TO_READ)
            except (FileNotFoundError, IsADirectoryError) as error:
                raise damaged_cache(path.parent, f"{path.name} is missing") from error
            weakref.finalize(self, os.close, self._descriptor)
            self.shape, self._offset = self._read_header()
        if len(self) != len(checksums):
            raise self._damaged(f"{len(self)} images, {len(checksums)} checksums")
        self._verified = np.zeros(len(self), np.bool_)
        self._turn = threading.Lock()

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """The bytes of all pixels."""
        return len(self) * self.image_bytes

    @property
    def image_bytes(self) -> int:
        """The bytes of an image's pixels."""
        return 3 * self.shape[1] * self.shape[2]

    def read_into(self, rows: IntArray, target: npt.NDArray[np.uint8]) -> None:
        """Reads rows (B) into a contiguous array (B, S, S, 3).

        Raises:
            DataError: The file was cut, or holds other pixels than were written.
            DiskError: The disk fails.
        """
        view = target.reshape(-1).data
        size = self.image_bytes
        with explaining(self.path, "read"):
            breaks = (np.flatnonzero(np.diff(rows) != 1) + 1).tolist()  # where a run of neighbours ends
            for start, stop in zip([0, *breaks], [*breaks, len(rows)], strict=True) if len(rows) else ():
                self._read_at(view[start * size : stop * size], self._offset + int(rows[start]) * size)
        for place in np.flatnonzero(~self._verified[rows]).tolist():
            row = int(rows[place])
            if checksum(view[place * size : (place + 1) * size]) != self._checksums[row]:
                raise self._damaged(f"row {row} holds other pixels than were written")
            self._verified[row] = True

    def verify(self, progress: Progress) -> None:
        """Reads everything and compares it with the checksums.

        Raises:
            DataError: Rows hold other pixels than were written; they are counted and the first is named.
        """
        length = max(1, _BYTES_AT_ONCE // self.image_bytes)
        block = np.empty((length, *self.shape[1:]), np.uint8)
        wrong: list[int] = []
        with progress.track("verifying the image cache", len(self), "images") as counter:
            for start in range(0, len(self), length):
                rows = np.arange(start, min(start + length, len(self)))
                with explaining(self.path, "read"):
                    self._read_at(
                        block[: len(rows)].reshape(-1).data, self._offset + start * self.image_bytes
                    )
                sums = [checksum(image) for image in block[: len(rows)]]
                wrong += rows[np.array(sums, np.uint32) != self._checksums[rows]].tolist()
                counter.advance(len(rows))
        if wrong:
            what = naming_first(len(wrong), len(self), "image", "hold other pixels than were written", "")
            raise self._damaged(f"{what}row {wrong[0]}")

    def __getitem__(self, key: Any) -> npt.NDArray[np.uint8]:
        """The pixels of rows, as NumPy's indexing chooses them."""
        chosen = np.arange(len(self))[key]
        rows = np.atleast_1d(chosen)
        pixels = np.empty((len(rows), *self.shape[1:]), np.uint8)
        self.read_into(rows, pixels)
        return pixels if np.ndim(chosen) else pixels[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """All pixels, read."""
        return self[:] if dtype is None else self[:].astype(dtype)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> npt.NDArray[np.bool_]:  # type: ignore[override]
        """Pixel by pixel, as an array compares."""
        return np.asarray(self[:] == np.asarray(other))

    def __reduce__(self) -> tuple[Any, ...]:
        """A process that is given this opens the file anew."""
        return StoredPixels, (self.path, self._checksums)

    def _read_header(self) -> tuple[tuple[int, int, int, int], int]:
        """Shape, and where the pixels begin; any other file than ours is refused before it is interpreted."""
        head = os.read(self._descriptor, _LONGEST_HEADER)
        beginning, length = head[: len(_BEGINNING)], int.from_bytes(head[8:10], "little")
        found = _HEADER.fullmatch(head[10 : 10 + length])
        if beginning != _BEGINNING or found is None:
            raise self._damaged("it is not a file of pixels")
        count, height, width = map(int, found.groups())
        offset, size = 10 + length, os.fstat(self._descriptor).st_size
        if height != width or size != offset + 3 * count * height * width:
            raise self._damaged(
                f"it has {size} bytes, and {offset + 3 * count * height * width} were written"
            )
        return (count, height, width, 3), offset

    def _read_at(self, view: memoryview, offset: int) -> None:
        done = 0
        while done < len(view):
            count = self._read_some(view[done:], offset + done)
            if count == 0:
                raise self._damaged("it was cut while it was read")
            done += count

    def _read_some(self, view: memoryview, offset: int) -> int:
        if _CAN_READ_AT:
            return os.preadv(self._descriptor, [view], offset)
        with self._turn:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            data = os.read(self._descriptor, len(view))
        view[: len(data)] = data
        return len(data)

    def _damaged(self, reason: str) -> DataError:
        return damaged_cache(self.path.parent, f"{self.path.name}: {reason}")


Pixels = npt.NDArray[np.uint8] | StoredPixels
"""Pixels (N, S, S, 3) in memory or on disk."""


def take_rows(pixels: Pixels, rows: IntArray, target: npt.NDArray[np.uint8]) -> None:
    """Writes rows (B) of pixels to a contiguous array (B, S, S, 3); the rows are known to be inside."""
    if isinstance(pixels, StoredPixels):
        pixels.read_into(rows, target)
    else:
        np.take(pixels, rows, axis=0, out=target, mode="clip")  # `clip` writes straight into the target
