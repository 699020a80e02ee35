"""Renaming so that a path always names the old thing or the whole new one, on every system.

Windows knows neither an exchange of two folders nor `fsync` of a folder or of a file that was opened for
reading, and it refuses to rename what another process (a virus scanner, an indexer) has open for a moment.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

_HERE = -100  # AT_FDCWD of Linux: paths are relative to the working directory
_LINUX_EXCHANGE, _MACOS_SWAP = 2, 2  # RENAME_EXCHANGE of renameat2(2), RENAME_SWAP of renamex_np(2)
_TRIES = 10
_SECONDS_OF_FIRST_PAUSE = 0.01
_NOT_FLUSHED = frozenset((errno.EBADF, errno.EINVAL, errno.ENOTSUP, errno.EISDIR))


def put_in_place(new: Path, path: Path) -> None:
    """Makes the folder `new` be `path`; the folder that was there is removed afterwards.

    On Linux and macOS the two are exchanged, so a kill leaves the one or the other at `path`. Elsewhere the
    old one steps aside for a moment: a kill in it is made good by `restore`, which this calls first.
    """
    restore(path)
    old = new
    if not path.exists():
        patiently(lambda: new.rename(path))
    elif not _exchange(new, path):
        old = _aside(path)
        patiently(lambda: path.rename(old))
        try:
            patiently(lambda: new.rename(path))
        except BaseException:
            old.rename(path)
            raise
    flush_to_disk(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def restore(path: Path) -> None:
    """Puts back a folder that a killed process had moved aside; removes it if the new one is there."""
    aside = _aside(path)
    if not aside.exists():
        return
    if path.exists():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.rename(path)


def replace_file(new: Path, path: Path) -> None:
    """Makes the file `new` be `path`."""
    patiently(lambda: new.replace(path))


def flush_to_disk(path: Path) -> None:
    """Has the system write a file, or the names of a folder, to the disk, where it can."""
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except PermissionError:  # a folder on Windows, or a file that may only be read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_FLUSHED:
            raise
    finally:
        os.close(descriptor)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.before")


def _exchange(first: Path, second: Path) -> bool:
    """Exchanges two folders in one step; whether system and disk can do that."""
    exchange = _system_exchange()
    with suppress(OSError):
        return exchange is not None and exchange(os.fsencode(first), os.fsencode(second)) == 0
    return False


@cache
def _system_exchange() -> Callable[[bytes, bytes], int] | None:
    """The system's call for it, or None."""
    if sys.platform == "win32":
        return None
    library = ctypes.CDLL(None)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        swap = library.renamex_np
        return lambda first, second: int(swap(first, second, ctypes.c_uint(_MACOS_SWAP)))
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        rename = library.renameat2
        flags = ctypes.c_uint(_LINUX_EXCHANGE)
        return lambda first, second: int(rename(_HERE, first, _HERE, second, flags))
    return None


def patiently(rename: Callable[[], object]) -> None:
    """Renames, and tries again for some seconds while Windows reports that something has the file open."""
    pause = _SECONDS_OF_FIRST_PAUSE
    for _ in range(_TRIES - 1):
        try:
            rename()
        except PermissionError as error:
            if getattr(error, "winerror", None) is None:
                raise
            time.sleep(pause)
            pause *= 2
        else:
            return
    rename()
