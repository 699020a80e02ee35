"""System calls as they behave on Windows, for what can be imitated elsewhere.

No folder is opened or flushed; only a file that may be written is flushed; nothing is renamed over something
else, and nothing that is open or mapped is renamed, replaced or removed; there are no links; and signal 0
does not ask for a process, but ends it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kaggle_face.artifacts.files import renaming

SHARING_VIOLATION, ACCESS_DENIED = 32, 5


def imitate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patches `os` for the length of a test."""
    really = types.SimpleNamespace(**{name: getattr(os, name) for name in ("open", "fsync", "rename")})
    really.replace, really.unlink, really.rmdir = os.replace, os.unlink, os.rmdir

    def open_file(path: Any, flags: int, *mode: Any, **more: Any) -> int:
        # With `more`, a descriptor, Python itself removes trees here.
        if not more and Path(os.fsdecode(path)).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return int(really.open(path, flags, *mode, **more))

    def fsync(descriptor: int) -> None:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        really.fsync(descriptor)

    def rename(source: Any, target: Any, **more: Any) -> None:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "File exists", str(source))
        _refuse_what_is_open(source)
        really.rename(source, target, **more)

    def replace(source: Any, target: Any, **more: Any) -> None:
        if Path(target).is_dir():
            raise _refusal(ACCESS_DENIED, target)
        _refuse_what_is_open(source)
        _refuse_what_is_open(target)
        really.replace(source, target, **more)

    def unlink(path: Any, *, dir_fd: int | None = None) -> None:
        _refuse_what_is_open(path if dir_fd is None else Path(f"/proc/self/fd/{dir_fd}").readlink() / path)
        really.unlink(path, dir_fd=dir_fd)

    changes: dict[str, Callable[..., Any]] = {
        "open": open_file,
        "fsync": fsync,
        "rename": rename,
        "replace": replace,
        "unlink": unlink,
        "remove": unlink,
        "symlink": _not_allowed,
        "link": _not_allowed,
        "kill": _ends_the_process,
    }
    for name, function in changes.items():
        monkeypatch.setattr(os, name, function)
    for name in ("sched_getaffinity", "getloadavg", "fork"):
        monkeypatch.delattr(os, name)
    monkeypatch.setattr(renaming, "_system_exchange", lambda: None)
    monkeypatch.setattr(renaming, "_SECONDS_OF_FIRST_PAUSE", 1e-5)


def _refuse_what_is_open(path: Any) -> None:
    wanted = str(Path(os.fsdecode(path)).absolute())
    for other in _open_files():
        if other == wanted or other.startswith(wanted + os.sep):
            raise _refusal(SHARING_VIOLATION, other)


def _open_files() -> set[str]:
    """What this process has open or mapped."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    found = {line.partition("/")[2] for line in maps.splitlines() if "/" in line}
    files = {f"/{name}" for name in found}
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue
        if Path(target).is_file():
            files.add(target)
    return files


def _refusal(number: int, path: Any) -> PermissionError:
    error = PermissionError(errno.EACCES, "Permission denied", str(path))
    error.winerror = number  # type: ignore[attr-defined]
    return error


def _not_allowed(*arguments: Any, **named: Any) -> None:
    raise OSError(errno.EPERM, "A required privilege is not held by the client")


def _ends_the_process(pid: int, number: int) -> None:
    raise AssertionError(f"os.kill({pid}, {number}) would end that process")
