"""Finding the finished pack of just these files: by their times of change, else by their contents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kaggle_face.artifacts.seals import unsealed
from kaggle_face.data.cache.building import FORMAT, INFO_FILE
from kaggle_face.data.cache.decoding import digests_of_files
from kaggle_face.data.cache.sources import Sources
from kaggle_face.errors import DataError
from kaggle_face.progress import Progress


def find_by_state(packs: Path, size_px: int, digest: str) -> Path | None:
    """The folder of a finished pack that was made of files in this state, or found to hold their contents."""
    found = [*packs.glob(f"*-{size_px}px-{digest}"), *packs.glob(f"*-{size_px}px-*/{_mark(digest)}")]
    folders = sorted(path if path.is_dir() else path.parent for path in found)
    return folders[0] if folders else None


def find_by_contents(
    packs: Path, size_px: int, digest: str, sources: Sources, progress: Progress
) -> Path | None:
    """The folder of a finished pack of files with the same names and contents, whatever their times.

    The files are read only where a pack has their names and sizes. What is found is marked with the digest of
    the files' state, where the folder can be written to, and `find_by_state` finds it from then on.
    """
    packed = dict(_packed_contents(packs, size_px, sources.names_digest()))
    contents = _contents_of(sources, progress) if packed else None
    if contents is None or contents not in packed:
        return None
    folder = packed[contents]
    with suppress(OSError):  # on a disk that is only read the files are compared again next time
        (folder / _mark(digest)).touch()
    return folder


def _mark(digest: str) -> str:
    return f"same-{digest}"


def _packed_contents(packs: Path, size_px: int, names: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(packs.glob(f"*-{size_px}px-*/{INFO_FILE}")):
        with suppress(OSError, ValueError, KeyError, TypeError):  # a damaged pack is nobody's
            info = unsealed(path.read_text(encoding="utf-8"))
            if (info["format"], info["names"]) == (FORMAT, names) and path.parent.suffix != ".part":
                yield str(info["contents"]), path.parent


def _contents_of(sources: Sources, progress: Progress) -> str | None:
    try:
        digests = digests_of_files(sources, "comparing with a pack", progress)
    except DataError:
        return None  # packing it will say why
    return sources.contents_digest(digests)
