"""Finding the finished image cache of some files: by their sizes and times, else by their contents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kaggle_face.artifacts.files.reading import size_of_regular
from kaggle_face.artifacts.seals import unsealed
from kaggle_face.data.cache.building import FORMAT, INFO_FILE
from kaggle_face.data.cache.decoding import digests_of_files
from kaggle_face.data.cache.sources import Sources, find_sources
from kaggle_face.errors import DataError
from kaggle_face.progress import Progress
from kaggle_face.records import StrArray


@dataclass(frozen=True, eq=False)
class CachePlan:
    """The image cache that is wanted.

    Attributes:
        folder: The folder of all image caches; it need not exist.
        root: The data root; the file of an image is `<root>/<image id>`.
        image_ids: The images, in any order.
        size_px: The side of the cached images in pixels.
    """

    folder: Path
    root: Path
    image_ids: StrArray
    size_px: int

    def sources(self) -> Sources:
        """The picture files in today's state.

        Raises:
            DataError: An id leads out of the root.
        """
        return find_sources(self.root, self.image_ids)

    def digest(self, sources: Sources) -> str:
        """The digest that identifies the cache of these files."""
        return sources.state_digest(FORMAT, self.size_px)


def find_by_state(plan: CachePlan, sources: Sources) -> Path | None:
    """The folder of a finished cache made of files in this state, or found to hold their contents."""
    digest = plan.digest(sources)
    made = plan.folder.glob(f"*-{plan.size_px}px-{digest}")
    marked = plan.folder.glob(f"*-{plan.size_px}px-*/{_mark(digest)}")
    return min([*made, *(path.parent for path in marked)], default=None)


def find_by_contents(plan: CachePlan, sources: Sources, progress: Progress) -> Path | None:
    """The folder of a finished cache of files with the same names and contents, whatever their times.

    The files are read only where a cache has their names and sizes. What is found is marked with the digest
    of the files' state, where the folder can be written to, and `find_by_state` finds it from then on.
    """
    folders = dict(_cached_contents(plan, sources.names_digest()))
    if not folders:
        return None
    try:
        digests = digests_of_files(sources, "comparing with an image cache", progress)
    except DataError:
        return None  # decoding the file gives the reason
    folder = folders.get(sources.contents_digest(digests))
    if folder is not None:
        with suppress(OSError):  # on a disk that is only read the files are compared again next time
            (folder / _mark(plan.digest(sources))).touch()
    return folder


def _mark(digest: str) -> str:
    return f"same-{digest}"


def _cached_contents(plan: CachePlan, names: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(plan.folder.glob(f"*-{plan.size_px}px-*/{INFO_FILE}")):
        with suppress(OSError, ValueError, KeyError, TypeError):  # a damaged cache is not taken
            size_of_regular(path)
            info = unsealed(path.read_text(encoding="utf-8"))
            if (info["format"], info["names"]) == (FORMAT, names) and path.parent.suffix != ".part":
                yield str(info["contents"]), path.parent
