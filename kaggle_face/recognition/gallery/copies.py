"""The copies of everyone's prototypes beside a gallery: where they lie, and how they are removed."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from kaggle_face.artifacts.files.abandoned import remove_abandoned

_OLD_SECONDS = 3600.0  # what steps aside on systems that exchange no folders is removed after this time


def cache_folder(gallery: Path) -> Path:
    """The folder of the copies of a gallery's prototypes; it may be deleted at any time."""
    return gallery.with_name(f"{gallery.name}.cache")


def remove_copies(gallery: Path, but: str | None = None) -> None:
    """Removes the copies of a gallery, but for the one of that name.

    One that another process has open stays whole for it, as does one that it is writing.
    """
    folder = cache_folder(gallery)
    with suppress(OSError):
        remove_abandoned(folder, below=False)
        for other in folder.iterdir():
            is_new = time.time() - other.stat().st_mtime < _OLD_SECONDS
            if other.name != but and not (other.name.startswith(".") and is_new):
                shutil.rmtree(other, ignore_errors=True)
