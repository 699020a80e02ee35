"""Writing so that a file or folder is either the old one or the whole new one, also after a kill."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

from kaggle_face.artifacts.files.abandoned import claimed
from kaggle_face.artifacts.files.disk import explaining
from kaggle_face.artifacts.files.renaming import flush_to_disk, put_in_place, replace_file, restore


@contextmanager
def replacing(path: Path, needed_bytes: int | None = None) -> Iterator[Path]:
    """Yields a temporary path beside `path`, which takes its place if no error is raised.

    The temporary name ends like the final one, so writers that look at the suffix work.

    Raises:
        DiskError: There is no room (of `needed_bytes`, where they are known), no right, or the disk fails.
    """
    with explaining(path, needed_bytes=needed_bytes):
        path.parent.mkdir(parents=True, exist_ok=True)
        with claimed(path) as token:
            temporary = path.parent / f".{token}.{path.name}"
            try:
                yield temporary
                flush_to_disk(temporary)
                replace_file(temporary, path)
                flush_to_disk(path.parent)
            finally:
                temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside `path` that takes its place if no error is raised.

    How it does so, and what a kill leaves: see `put_in_place`.

    Raises:
        DiskError: There is no room, no right, or the disk fails.
    """
    with explaining(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        restore(path)
        with claimed(path) as token:
            temporary = path.parent / f".{token}.{path.name}"
            temporary.mkdir()
            try:
                yield temporary
                for file in temporary.rglob("*"):
                    flush_to_disk(file)
                put_in_place(temporary, path)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def writing(path: Path, needed_bytes: int | None = None) -> Iterator[IO[bytes]]:
    """Opens `path` for bytes; the file appears, or replaces the old one, when the block ends well.

    Raises:
        DiskError: There is no room (of `needed_bytes`, where they are known), no right, or the disk fails.
    """
    with replacing(path, needed_bytes) as temporary, temporary.open("wb") as stream:
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
