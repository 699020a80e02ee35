"""A `.npy` file that is written a block of rows at a time, for arrays that are larger than memory.

It is not a memory map: Windows lets no folder be renamed in which a file is mapped, and on a full disk
a map ends the process by a signal, a write by an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt


class RowFile:
    """Rows (N, C) of an open file, to be set by slices; those that are never set are zero."""

    def __init__(self, stream: IO[bytes], shape: tuple[int, int], dtype: type[np.floating[Any]]) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        header = {"descr": self.dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        self._stream, self._begin = stream, stream.tell()
        self._row_bytes = shape[1] * self.dtype.itemsize
        stream.truncate(self._begin + shape[0] * self._row_bytes)

    def __len__(self) -> int:
        return self.shape[0]

    def __setitem__(self, rows: slice, block_BC: npt.NDArray[Any]) -> None:
        start, stop, step = rows.indices(len(self))
        assert step == 1 and block_BC.shape == (stop - start, self.shape[1])
        self._stream.seek(self._begin + start * self._row_bytes)
        self._stream.write(np.ascontiguousarray(block_BC, self.dtype).tobytes())


@contextmanager
def new_rows(path: Path, shape: tuple[int, int], dtype: type[np.floating[Any]]) -> Iterator[RowFile]:
    """Yields the rows of a new file."""
    with path.open("wb") as stream:
        yield RowFile(stream, shape, dtype)
