"""Temporary names, the locks of their writers, and the removal of those left by killed processes.

What is written waits under `.<token>.<name>` beside its final place. As long as its writer lives, the writer
holds the lock file `.<token>.lock`, which the system frees at any end of a process, also on another machine.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kaggle_face.artifacts.files.locking import is_still_at, try_lock

_OURS = re.compile(r"\.([0-9a-f]{12})\.(.+)", re.DOTALL)
_SAFETENSORS = re.compile(r"\.tmp[A-Za-z0-9]{6}")  # it writes there, and then gives the file its name
_LOCK = "lock"


@contextmanager
def claimed(path: Path) -> Iterator[str]:
    """A token for temporary names beside `path`, `.<token>.<name>`, that is known to be in use meanwhile."""
    token, lock, descriptor = _new_lock(path.parent)
    try:
        yield token
    finally:
        os.close(descriptor)
        with suppress(OSError):
            lock.unlink(missing_ok=True)


def remove_abandoned(folder: Path, below: bool = True) -> int:
    """Removes half-written files of killed processes in a folder, and below it; the number of names removed.

    Only our own temporary names are touched, and those that safetensors gives to the weights it writes; a
    name whose writer lives is left alone. Call it under the lock of the run, where there is one.
    """
    removed = 0
    for place, folders, files in os.walk(folder):
        removed += _clean(Path(place), [*folders, *files])
        folders[:] = [name for name in folders if below and not _OURS.fullmatch(name)]
    return removed


def _new_lock(folder: Path) -> tuple[str, Path, int]:
    while True:
        token = secrets.token_hex(6)
        lock = folder / f".{token}.{_LOCK}"
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            is_ours = try_lock(descriptor) and is_still_at(lock, descriptor)
        except OSError:
            is_ours = True  # no locks here: nobody will be able to take it for abandoned
        if is_ours:
            return token, lock, descriptor
        os.close(descriptor)  # another process took it for abandoned at this very moment


def _clean(folder: Path, names: list[str]) -> int:
    """Removes the abandoned names of one folder."""
    found: dict[str, list[str]] = {}
    for name in names:
        if ours := _OURS.fullmatch(name):
            found.setdefault(ours[1], []).append(name)
    removed, has_writer = 0, False
    for token, temporary in found.items():
        with _abandoned(folder / f".{token}.{_LOCK}") as is_abandoned:
            has_writer |= not is_abandoned
            if is_abandoned:
                removed += sum(_put_away(folder / name) for name in sorted(temporary))
    for name in names if not has_writer else ():
        if _SAFETENSORS.fullmatch(name):
            removed += _put_away(folder / name)
    return removed


@contextmanager
def _abandoned(lock: Path) -> Iterator[bool]:
    """Whether the writer that holds this lock file is gone; nobody else finds so before the block ends."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        yield True  # from a version without such files
        return
    except OSError:
        yield False
        return
    try:
        try:
            is_gone = try_lock(descriptor)
        except OSError:
            is_gone = False  # no locks here: it cannot be known
        yield is_gone
    finally:
        os.close(descriptor)
        if is_gone:
            with suppress(OSError):
                lock.unlink(missing_ok=True)


def _put_away(path: Path) -> bool:
    """Removes a temporary file or folder."""
    ours = _OURS.fullmatch(path.name)
    if ours and ours[2] == _LOCK:
        return False
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        return True
    return False
