"""Lock files: one process at a time, freed by the system when the holder ends, also after a kill.

A lock file names its holder, for the line that another process prints. Readers take no locks.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from kaggle_face.errors import DataError, RunError

_SECONDS_BETWEEN_TRIES = 0.2
_LONGEST_NOTE_BYTES = 400
_LOCKED_BYTE = 1 << 30  # Windows forbids reading a locked byte: this one lies behind the holder's note

_held: set[int] = set()
"""Descriptors of this process's locks. A forked child would keep them locked after its parent's end."""


@contextmanager
def wait_for_lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Holds the lock file `path` for the block; calls `on_wait` once if another process holds it.

    Raises:
        DataError: The file system has no locks.
    """
    waited = False
    while (descriptor := _acquire(path)) is None:
        if not waited:
            on_wait()
        waited = True
        time.sleep(_SECONDS_BETWEEN_TRIES)
    try:
        yield
    finally:
        _release(path, descriptor)


@contextmanager
def lock_if_free(path: Path, leaves_note: bool = True) -> Iterator[bool]:
    """Holds the lock file `path` for the block if no process holds it; yields whether that is so.

    Args:
        path: The lock file; it is removed at the end.
        leaves_note: Whether the file names its holder.

    Raises:
        DataError: The file system has no locks.
    """
    descriptor = _acquire(path, leaves_note)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            _release(path, descriptor)


@contextmanager
def lock_or_refuse(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file `path` for the block, in which `what` is written.

    Raises:
        RunError: Another process holds it; process, machine and time are named.
        DataError: The file system has no locks.
    """
    with lock_if_free(path) as is_free:
        if not is_free:
            raise RunError(f"{what} is being written by {holder_of(path)}; wait until it ends")
        yield


def try_lock(descriptor: int) -> bool:
    """Takes the lock of an open file if no other process has it; returns whether it was taken.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def is_still_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is the one that lies at `path`."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def holder_of(path: Path) -> str:
    """The holder of a lock file, in words: `another process (4711 on gpu3 since 2026-11-29 05:10:42)`."""
    note = read_note(path)
    if note is None:
        return "another process"
    return f"another process ({note['pid']} on {note['host']} since {note['since']})"


def read_note(path: Path) -> dict[str, object] | None:
    """The holder's note in a lock file: `pid`, `host`, `since`; None if there is none (yet)."""
    try:
        with path.open("rb") as stream:
            note = json.loads(stream.read(_LONGEST_NOTE_BYTES))
    except (OSError, ValueError):
        return None
    if not isinstance(note, dict):
        return None
    values = [note.get(key) for key in ("pid", "host", "since")]
    is_plain = all(isinstance(it, int) or (isinstance(it, str) and it.isprintable()) for it in values)
    return note if is_plain else None


def _acquire(path: Path, leaves_note: bool = True) -> int | None:
    """An open descriptor that holds the lock; None if another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            is_ours = try_lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise DataError(
                f"{path.parent} lies on a file system without locks ({error.strerror}); "
                "choose another folder with paths.cache or paths.runs"
            ) from error
        if not is_ours:
            os.close(descriptor)
            return None
        if is_still_at(path, descriptor):
            break
        os.close(descriptor)  # its holder removed it after it was opened here: the lock of a gone file
    _close_in_forks()
    _held.add(descriptor)
    os.ftruncate(descriptor, 0)
    if leaves_note:
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        note = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        os.write(descriptor, json.dumps(note).encode())
    return descriptor


def _release(path: Path, descriptor: int) -> None:
    with suppress(OSError):  # Windows removes no open file; an empty file stays behind
        os.ftruncate(descriptor, 0)
        path.unlink()
    _held.discard(descriptor)
    os.close(descriptor)


@cache
def _close_in_forks() -> None:
    def forget_parents_locks() -> None:
        while _held:
            with suppress(OSError):
                os.close(_held.pop())

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget_parents_locks)
