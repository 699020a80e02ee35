"""States of a disk or a machine that are no fault of the user or the code: one line with advice.

A full disk reaches Python as `OSError`, as a `RuntimeError` of torch, as an error of safetensors, as a short
write of NumPy or as a list in `shutil.Error`; lack of memory has as many shapes. `state_of` knows them all.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from kaggle_face.errors import DiskError, KaggleFaceError

Verb = Literal["written", "read"]

# errno: what it means, and what to do about it.
_STATES: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk of {folder} is full", "free some room{sizes} and start again"),
    errno.EDQUOT: ("the disk quota for {folder} is used up", "free some room{sizes} and start again"),
    errno.EFBIG: (
        "no file may become this large here{limit}",
        "raise the limit (ulimit -f) or choose another disk{sizes}",
    ),
    errno.EMFILE: ("this process has too many files open{limit}", "raise the limit with: ulimit -n 4096"),
    errno.ENFILE: ("this machine has too many files open", "end other programs and start again"),
    errno.ENOMEM: ("there is not enough memory", "end other programs, or use a smaller batch{sizes}"),
    errno.EAGAIN: ("this machine gives no more processes or memory", "end other programs and start again"),
    errno.EROFS: ("the disk can only be read", "choose another folder"),
    errno.EACCES: ("permission denied", "allow it or choose another folder"),
    errno.EPERM: ("this is not permitted", "allow it or choose another folder"),
    errno.EIO: ("the disk reports an error", "check the disk, or choose another one"),
    errno.EBUSY: ("another program uses it", "end that one and start again"),
    errno.EEXIST: (
        "something else stands there already",
        "see whether another process works there, and start again",
    ),
    errno.ENOTEMPTY: (
        "another process wrote there at the same time",
        "see that only one works there, and start again",
    ),
    errno.ESTALE: ("the network disk has lost it", "look whether the disk is connected, and start again"),
    errno.ETIMEDOUT: ("the disk does not answer", "look whether it is connected, and start again"),
    errno.ENOLCK: ("the disk gives no more locks", "choose another folder"),
}
# Numbers that mean the same; not every system has them.
_ALIKE = {
    "ENOTCONN": errno.ETIMEDOUT, "EHOSTDOWN": errno.ETIMEDOUT, "ENOMEDIUM": errno.ETIMEDOUT,
    "EKEYEXPIRED": errno.ETIMEDOUT, "EUCLEAN": errno.EIO, "EBADMSG": errno.EIO, "EREMOTEIO": errno.EIO,
    "ETXTBSY": errno.EBUSY,
}  # fmt: skip
_STATES |= {getattr(errno, name): _STATES[like] for name, like in _ALIKE.items() if hasattr(errno, name)}
_OF_WINDOWS = {
    32: errno.EBUSY, 33: errno.EBUSY, 21: errno.EIO, 23: errno.EIO, 1117: errno.EIO, 53: errno.ESTALE,
    59: errno.ESTALE, 64: errno.ESTALE, 1314: errno.EPERM, 1450: errno.ENOMEM, 1455: errno.ENOMEM,
    1816: errno.EDQUOT,
}  # fmt: skip
"""Errors that Windows numbers itself (`winerror`), for which Python has another `errno`."""
# What is wrong with a path and not a bug: the system's words are enough.
_FACTS_OF_A_PATH = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EXDEV, errno.EMLINK,
     errno.EILSEQ, errno.ENODEV, errno.ENXIO, errno.EOPNOTSUPP)
)  # fmt: skip
_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_NO_MEMORY = re.compile(
    r"out of memory|(can't|cannot|unable to) allocate|bad_alloc|failed to map segment", re.IGNORECASE
)
_NUMBERED = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
_TORCH_WRITER = "inline_container"
_NO_THREAD = "can't start new thread"
_NO_DESCRIPTOR_CAME = "items of ancdata"  # of a process that can open no more files
_NAMED = {
    os.strerror(number): number
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE)
}
"""States that torch and the loader of libraries give in words alone."""
_SQLITE_WRITES = ("SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_TRUNCATE")
_WRAP_SQLITE = ("optuna.", "sqlalchemy.")


def state_of(error: BaseException) -> OSError | MemoryError | None:
    """The state of the disk or the machine behind an error; None where the error is about something else."""
    if isinstance(error, MemoryError):
        return error
    text = str(error)
    if isinstance(error, OSError):
        return _state_of_os_error(error, text)
    if isinstance(error, RuntimeError | ValueError | ImportError) and _NO_MEMORY.search(text):
        return MemoryError(text)
    if isinstance(error, RuntimeError) and _NO_THREAD in text:
        return _os_error(errno.EAGAIN)
    if isinstance(error, RuntimeError | ImportError):
        if _NO_DESCRIPTOR_CAME in text:
            return _os_error(errno.EMFILE)
        if (number := next((_NAMED[words] for words in _NAMED if words in text), None)) is not None:
            return _os_error(number)
    if isinstance(error, RuntimeError) and _TORCH_WRITER in text and error.__context__ is not None:
        return state_of(error.__context__)
    return _state_of_library_error(error, text)


def _state_of_library_error(error: BaseException, text: str) -> OSError | MemoryError | None:
    """The state behind an error of a library that need not be imported to be recognised."""
    if type(error).__name__ == "SafetensorError":
        return _numbered(text, None)
    if type(error).__module__.startswith(_WRAP_SQLITE) and error.__cause__ is not None:
        return state_of(error.__cause__)
    name = getattr(error, "sqlite_errorname", None) or ""
    if name == "SQLITE_FULL":
        return _os_error(errno.ENOSPC)
    if name in _SQLITE_WRITES:
        return _os_error(errno.EIO if _largest_file() is None else errno.EFBIG)
    if name == "SQLITE_CANTOPEN" and (failure := _failure_to_open()) is not None:
        return failure
    return None


def _state_of_os_error(error: OSError, text: str) -> OSError | None:
    if isinstance(error, shutil.Error):
        copies = [copy for copy in error.args[0] if len(copy) == 3] if error.args else []
        return next((found for _, to, why in copies if (found := _numbered(str(why), str(to)))), None)
    if error.errno is None and _SHORT_WRITE.search(text):  # NumPy gives no reason
        return _os_error(errno.ENOSPC if _largest_file() is None else errno.EFBIG)
    number = _OF_WINDOWS.get(getattr(error, "winerror", None) or 0)
    if number is not None:
        return _os_error(number, error.filename)
    return error if error.errno in _STATES else None


def _numbered(text: str, path: str | None) -> OSError | None:
    found = _NUMBERED.search(text)
    number = int(found[1] or found[2]) if found else 0
    return _os_error(number, path) if number in _STATES else None


def _os_error(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path)


def _failure_to_open() -> OSError | None:
    """Why no file can be opened at all, where that is so."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error if error.errno in _STATES else None
    return None


def state_line(error: BaseException) -> str | None:
    """The line for an error that was not explained before; None where it is a bug."""
    state = state_of(error)
    if state is None and isinstance(error, OSError) and _is_fact_of_path(error):
        return f"{error.filename or 'the disk'}: {error.strerror}"
    if state is None:
        return None
    name = getattr(state, "filename2", None) or getattr(state, "filename", None)
    reason, remedy = _words(state, Path(str(name)) if name else None, None)
    return f"{name}: {reason}; {remedy}" if name else f"{reason}; {remedy}"


def _is_fact_of_path(error: OSError) -> bool:
    """Whether the system's words explain the error; a name that a disk cannot store is an invalid one."""
    is_odd_name = error.errno == errno.EINVAL and error.filename is not None
    return error.errno in _FACTS_OF_A_PATH or is_odd_name


def disk_error(
    state: OSError | MemoryError, path: Path, verb: Verb = "written", needed_bytes: int | None = None
) -> DiskError:
    """The error to raise in place of a state of the disk or the machine that was met at `path`."""
    reason, remedy = _words(state, path, needed_bytes)
    number = getattr(state, "errno", None) or errno.ENOMEM
    return DiskError(f"{path} cannot be {verb}: {reason}; {remedy}", number, reason)


@contextmanager
def explaining(path: Path, verb: Verb = "written", needed_bytes: int | None = None) -> Iterator[None]:
    """Turns states of the disk or the machine that are met in the block into one line that names `path`.

    Raises:
        DiskError: There is no room, no right, no memory, no free file, or the disk fails.
    """
    try:
        yield
    except KaggleFaceError:
        raise
    except Exception as error:
        state = state_of(error)
        if state is None:
            raise
        line = state_line(state) if _is_elsewhere(state, path) else None
        if line is not None and isinstance(state, OSError):
            raise DiskError(line, state.errno or 0, line) from error
        raise disk_error(state, path, verb, needed_bytes) from error


def _is_elsewhere(state: OSError | MemoryError, path: Path) -> bool:
    """Whether a state is that of another file, which is read while `path` is written."""
    name = getattr(state, "filename", None)
    is_full = isinstance(state, OSError) and state.errno in _NO_ROOM
    return isinstance(name, str) and not is_full and not Path(name).is_relative_to(path.parent)


def free_bytes(path: Path) -> int | None:
    """The free room of the disk on which `path` is or would be; None where it is not known."""
    try:
        existing = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
        return shutil.disk_usage(existing).free
    except (OSError, StopIteration):
        return None


def size_text(size_bytes: int) -> str:
    """A size for people.

    >>> size_text(5_460_000_000), size_text(12_300_000), size_text(1)
    ('5.46 GB', '12.3 MB', '1e-06 MB')
    """
    return f"{size_bytes / 1e9:.3g} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.3g} MB"


def _words(state: OSError | MemoryError, path: Path | None, needed_bytes: int | None) -> tuple[str, str]:
    number = state.errno if isinstance(state, OSError) else errno.ENOMEM
    reason, remedy = _STATES[number or errno.ENOMEM]
    if "CUDA" in str(state):
        reason = "the GPU has not enough memory"
    parts = [] if needed_bytes is None else [f"{size_text(needed_bytes)} are needed"]
    free = free_bytes(path) if path is not None and number in _NO_ROOM and number != errno.EFBIG else None
    parts += [] if free is None else [f"{size_text(free)} are free"]
    sizes = f" ({', '.join(parts)})" if parts else ""
    folder = "the files" if path is None else path.parent
    return reason.format(folder=folder, limit=_limit(number)), remedy.format(sizes=sizes)


def _limit(number: int | None) -> str:
    if number == errno.EFBIG:
        largest = _largest_file()
        return "" if largest is None else f" (limit: {size_text(largest)})"
    return "" if (limit := _soft_limit("RLIMIT_NOFILE")) is None else f" (limit: {limit})"


def _largest_file() -> int | None:
    return _soft_limit("RLIMIT_FSIZE")


def _soft_limit(name: str) -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    soft = resource.getrlimit(getattr(resource, name))[0]
    return None if soft == resource.RLIM_INFINITY else soft
