"""Files that show people: readable by their owner only, on systems with such rights."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kaggle_face.artifacts.files.atomic import replacing

_FILE, _FOLDER = 0o600, 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private_folder(path: Path) -> None:
    """Makes a folder with its parents; those that are new are for their owner alone."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(_FOLDER, exist_ok=True)
    path.mkdir(exist_ok=True)  # an error where it is a file


def make_private_file(path: Path) -> None:
    """Makes an empty file for its owner alone; one that is there keeps its content and its rights."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, _FILE))


@contextmanager
def replacing_privately(path: Path) -> Iterator[Path]:
    """Does as `replacing`; the file, and folders that have to be made for it, are for their owner alone."""
    make_private_folder(path.parent)
    with replacing(path) as temporary:
        make_private_file(temporary)
        yield temporary


def write_privately(path: Path, content: bytes) -> None:
    """Writes a file for its owner alone, whole or not at all."""
    with replacing_privately(path) as temporary:
        temporary.write_bytes(content)


def tighten(path: Path) -> bool:
    """Takes the rights of all others from a file that is there; whether there were any.

    A file of another owner is left as it is.
    """
    try:
        mode = path.stat().st_mode
        if os.name == "nt" or not stat.S_ISREG(mode) or not mode & _OTHERS:
            return False
        path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
    except OSError:
        return False
    return True
