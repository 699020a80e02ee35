"""One process at a time: a lock file that the system frees when its holder ends, also after a kill."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kaggle_face.artifacts.abandoned import try_lock
from kaggle_face.errors import DataError


@contextmanager
def only_process(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Holds the lock file `path` for the block; calls `on_wait` once if another process holds it.

    Raises:
        DataError: The file system knows no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(path, on_wait)
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file; an empty file stays behind
            path.unlink()
        os.close(descriptor)


@contextmanager
def if_free(path: Path) -> Iterator[bool]:
    """Holds the lock file `path` for the block if no process holds it; yields whether that is so.

    Raises:
        DataError: The file system knows no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    is_ours = _try_lock(descriptor, path) and _is_still(path, descriptor)
    try:
        yield is_ours
    finally:
        if is_ours:
            with suppress(OSError):
                path.unlink()
        os.close(descriptor)


def _acquire(path: Path, on_wait: Callable[[], None]) -> int:
    told = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _try_lock(descriptor, path):
            os.close(descriptor)
            if not told:
                on_wait()
            told = True
            time.sleep(0.2)
        elif _is_still(path, descriptor):
            return descriptor
        else:  # its holder removed it after it was opened here: the lock of a file that is gone
            os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _try_lock(descriptor: int, path: Path) -> bool:
    try:
        return try_lock(descriptor)
    except OSError as error:
        os.close(descriptor)
        raise DataError(
            f"{path.parent} lies on a file system without locks ({error.strerror}); "
            "choose another folder with paths.packs or paths.runs"
        ) from error
