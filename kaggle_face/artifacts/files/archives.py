"""ZIP archives from elsewhere: errors of damaged or hostile ones, and a limit of their size."""

from __future__ import annotations

import errno
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kaggle_face.errors import DataError

GROWTH = 100.0
"""The most times that the files of an archive may exceed it; JPEG does not shrink, text rarely 20 times."""

FREE_GROWTH_BYTES = 64 << 20
"""Up to this size an archive may grow as it likes."""

# All that zipfile and its decoders raise at bytes that they were not made for.
_FAULTS = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, MemoryError,
    ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError, NotImplementedError,
    RuntimeError,
)  # fmt: skip
_ERRNOS_OF_DAMAGE = (None, errno.EINVAL, errno.ENXIO)
"""bz2 raises an OSError without a number; a place before the file's beginning cannot be sought."""


class DamagedArchiveError(DataError):
    """An archive cannot be read; `reason` has a few words on why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged: {reason}; delete it and download it again")
        self.reason = reason


@contextmanager
def opened_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens a ZIP archive; whatever its bytes make the decoders raise while it is open is one error.

    Raises:
        DamagedArchiveError: The archive is damaged, or of a kind that cannot be read.
        OSError: A disk is to blame.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for without end
        raise DamagedArchiveError(path, "not a regular file")
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _FAULTS as error:
        raise DamagedArchiveError(path, _reason(error)) from error
    except OSError as error:
        if error.errno not in _ERRNOS_OF_DAMAGE:
            raise
        raise DamagedArchiveError(path, _reason(error)) from error


def growth(archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]) -> tuple[int, float]:
    """The bytes that the members unpack to, and how many times they exceed the archive.

    The packed sizes of members count only as far as the file is that large.
    """
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if archive.filename is not None:
        packed = min(packed, Path(archive.filename).stat().st_size)
    return unpacked, unpacked / max(1, packed)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
