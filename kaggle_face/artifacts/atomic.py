"""Writing so that a file or folder is either the old one or the whole new one, also after a kill."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; what was written there becomes `path` if no error is raised.

    The temporary name ends like the final one, so writers that look at the suffix work.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{secrets.token_hex(6)}.{path.name}"
    try:
        yield temporary
        _flush_to_disk(temporary)
        temporary.replace(path)
        _flush_to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside `path` that takes its place if no error is raised.

    A kill between the two renames at the end leaves the old folder under its temporary name and no new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(6)
    temporary, old = path.parent / f".{token}.{path.name}", path.parent / f".{token}.old.{path.name}"
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.rglob("*"):
            _flush_to_disk(file)
        if path.exists():
            path.rename(old)
        temporary.rename(path)
        _flush_to_disk(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Opens `path` for bytes; the file appears, or replaces the old one, when the block ends well."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        yield stream
        stream.flush()


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text with '\\n' line ends."""
    with writing(path) as stream:
        stream.write(text.encode("utf-8"))


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes a JSON object, two blanks deep, keys in their given order."""
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Writes a `.npy` file without pickle."""
    import numpy as np

    with writing(path) as stream:
        np.save(stream, array, allow_pickle=False)


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
