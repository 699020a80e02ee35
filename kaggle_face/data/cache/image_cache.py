"""The image cache: all pictures decoded and resized once, in one file with an index and checksums beside it.

Its folder is `<paths.cache>/<name>-<size>px-<digest>/`. The digest covers each file's path, size and times of
change, the size in pixels and the format, so a cache of other files or another size is never taken for it,
and settings that need the same files share one. Where the times alone are new (files were unpacked again, or
came to another machine together with their cache), the files are compared by content and not decoded again.

N images, S pixels a side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.files.disk import explaining
from kaggle_face.artifacts.files.hashing import short_digest
from kaggle_face.artifacts.files.reading import size_of_regular
from kaggle_face.artifacts.seals import unsealed
from kaggle_face.artifacts.tables import from_hex, read_table
from kaggle_face.data.cache.building import (
    INDEX_FILE,
    INFO_FILE,
    PIXELS_FILE,
    build_image_cache,
)
from kaggle_face.data.cache.decoding import digests_of_pixels
from kaggle_face.data.cache.pixels import Pixels, StoredPixels, damaged_cache
from kaggle_face.data.cache.search import CachePlan, find_by_contents, find_by_state
from kaggle_face.data.cache.sources import Sources, joint_digest
from kaggle_face.errors import DataError, DiskError, RunError, naming_first
from kaggle_face.progress import Progress
from kaggle_face.records import IntArray, StrArray


@dataclass(frozen=True, eq=False)
class ImageCache:
    """Pixels of images: ids sorted (N), RGB uint8 (N, S, S, 3), and whether each could be read (N).

    The pixels of an image that could not be read are mid-grey. `digests` (N) are those of the files,
    as `digest_of_file` gives them, or of the pixels where there were no files.
    """

    image_ids: StrArray
    images: Pixels
    valid: npt.NDArray[np.bool_]
    size_px: int
    folder: Path | None = None
    digests: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        assert self.images.shape == (len(self.image_ids), self.size_px, self.size_px, 3)
        assert self.valid.shape == self.image_ids.shape
        assert bool((self.image_ids[:-1] < self.image_ids[1:]).all()), "ids are sorted and unique"
        if self.folder is None and not len(self.digests):
            object.__setattr__(self, "digests", digests_of_pixels(np.asarray(self.images)))
        assert self.digests.shape == self.image_ids.shape

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def image_bytes(self) -> int:
        """The bytes of an image's pixels."""
        return 3 * self.size_px**2

    def rows_of(self, image_ids: StrArray) -> IntArray:
        """The row in `images` of each id.

        Raises:
            DataError: An id is not in the image cache; it is named.
        """
        rows = np.searchsorted(self.image_ids, image_ids).astype(np.int64, copy=False)
        found = np.zeros(len(rows), np.bool_)
        inside = rows < len(self)
        found[inside] = self.image_ids[rows[inside]] == image_ids[inside]
        if not found.all():
            first = str(image_ids[~found][0])
            count = int((~found).sum())
            raise DataError(naming_first(count, len(rows), "image", "are not in the image cache", first))
        return rows

    def contents_digest(self, image_ids: StrArray) -> str:
        """32 hexadecimal digits of images and the contents of their files, in the order of `image_ids`.

        Raises:
            DataError: An id is not in the image cache; it is named.
        """
        return joint_digest(image_ids, self.digests[self.rows_of(image_ids)])


def open_image_cache(
    plan: CachePlan, name: str, broken: Literal["error", "skip"], progress: Progress, workers: int = -1
) -> ImageCache:
    """The image cache of a plan; decodes the pictures if no cache of just these files is there yet.

    Args:
        plan: The pictures, their size in the cache and the folder of all caches.
        name: Begins the name of a new cache's folder.
        broken: What to do about images that cannot be read.
        progress: Counts the images that are decoded, and warns of what is left out.
        workers: Processes that decode; -1 chooses, 0 and 1 decode in this process.

    Raises:
        DataError: Images cannot be read (`broken="error"`), or lie outside the root, or the disk is full.
    """
    if not len(plan.image_ids):
        raise DataError(f"there are no images under {plan.root}")
    sources = plan.sources()
    folder = find_by_state(plan, sources) or find_by_contents(plan, sources, progress)
    if folder is None:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
        folder = plan.folder / f"{plain}-{plan.size_px}px-{plan.digest(sources)}"
        build_image_cache(folder, sources, plan.size_px, progress, workers)
    cache = _read_cache_of(folder, sources)
    if not cache.valid.all():
        reasons = broken_images(cache)
        first, count = min(reasons), len(reasons)
        text = naming_first(count, len(cache), "image", "cannot be read", f"{first} ({reasons[first]})")
        if broken == "error" or count == len(cache):
            raise DataError(f"{text}; fix or remove them, or set data.broken_images=skip")
        progress.warn(f"{text}; left out")
    return cache


def find_image_cache(plan: CachePlan) -> ImageCache | None:
    """The finished image cache of a plan's pictures in today's state; None where there is none.

    Raises:
        DataError: The image cache is damaged, or an id leads out of the root.
    """
    if not plan.folder.is_dir() or not len(plan.image_ids):
        return None
    sources = plan.sources()
    folder = find_by_state(plan, sources)
    return None if folder is None else _read_cache_of(folder, sources)


def _read_cache_of(folder: Path, sources: Sources) -> ImageCache:
    cache = read_image_cache(folder)
    if not np.array_equal(cache.image_ids, sources.image_ids):
        raise damaged_cache(folder, f"{INDEX_FILE} lists other images")
    return cache


def read_image_cache(folder: Path) -> ImageCache:
    """Opens a finished image cache; its pixels stay on disk and are compared with their checksums when read.

    Raises:
        DataError: The folder is not an image cache, or is damaged.
        DiskError: The machine or the disk cannot give it now, and the image cache may be whole.
    """
    try:
        with explaining(folder, "read"):
            info = _info(folder)
            size_of_regular(folder / INDEX_FILE)
            if short_digest((folder / INDEX_FILE).read_bytes()) != info["index"]:
                raise damaged_cache(folder, f"{INDEX_FILE} is not what was written")
            table = read_table(folder / INDEX_FILE, ["image_id", "valid", "digest", "pixels"])
            return ImageCache(
                image_ids=table["image_id"],
                images=StoredPixels(folder / PIXELS_FILE, from_hex(table["pixels"], np.uint32)),
                valid=table["valid"] == "1",
                size_px=int(info["size_px"]),
                folder=folder,
                digests=from_hex(table["digest"], np.int64),
            )
    except (DataError, DiskError):
        raise
    except (OSError, ValueError, KeyError, TypeError, AssertionError, RunError) as error:
        raise damaged_cache(folder, " ".join(str(error).split()) or type(error).__name__) from error


def verify_image_cache(cache: ImageCache, progress: Progress) -> None:
    """Reads all pixels of an image cache and compares them with their checksums; those in memory need not be.

    Raises:
        DataError: Images hold other pixels than were written.
    """
    if isinstance(cache.images, StoredPixels):
        cache.images.verify(progress)


def broken_images(cache: ImageCache) -> dict[str, str]:
    """Why images of an image cache cannot be read, by image id."""
    if cache.folder is None or cache.valid.all():
        return {}
    reasons: dict[str, str] = _info(cache.folder)["broken"]
    return reasons


def _info(folder: Path) -> dict[str, Any]:
    """The content of `pack.json`, if it is valid."""
    try:
        size_of_regular(folder / INFO_FILE)
        return unsealed((folder / INFO_FILE).read_text(encoding="utf-8"))
    except ValueError as error:
        raise damaged_cache(folder, f"{INFO_FILE} is not what was written") from error
