"""A pack: all pictures decoded and resized once, as one file of bytes with an index and checksums beside it.

A pack's folder is `<packs>/<name>-<size>px-<digest>/`. The digest covers each file's path, size and times of
change, the size in pixels and the format, so a pack of other files or another size is never taken for it, and
settings that need the same files share one. Where the times alone are new (files were unpacked again, or came
to another machine together with their pack), the files are compared by content instead of packed again.

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
from kaggle_face.artifacts.seals import unsealed
from kaggle_face.artifacts.tables import from_hex, read_table
from kaggle_face.data.cache.building import (
    FORMAT,
    INDEX_FILE,
    INFO_FILE,
    PIXELS_FILE,
    build_image_cache,
)
from kaggle_face.data.cache.decoding import digests_of_pixels
from kaggle_face.data.cache.pixels import Pixels, StoredPixels, damaged_cache
from kaggle_face.data.cache.search import find_by_contents, find_by_state
from kaggle_face.data.cache.sources import Sources, find_sources, joint_digest
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
        assert bool((self.image_ids[:-1] < self.image_ids[1:]).all()), "a pack's ids are sorted and unique"
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
            DataError: An id is not in the pack; it is named.
        """
        rows = np.searchsorted(self.image_ids, image_ids).astype(np.int64, copy=False)
        found = np.zeros(len(rows), np.bool_)
        inside = rows < len(self)
        found[inside] = self.image_ids[rows[inside]] == image_ids[inside]
        if not found.all():
            first = str(image_ids[~found][0])
            raise DataError(naming_first(int((~found).sum()), len(rows), "images are not packed", first))
        return rows

    def contents_digest(self, image_ids: StrArray) -> str:
        """32 hexadecimal digits of images and the contents of their files, in the order of `image_ids`.

        Raises:
            DataError: An id is not in the pack; it is named.
        """
        return joint_digest(image_ids, self.digests[self.rows_of(image_ids)])


def open_image_cache(
    packs: Path,
    name: str,
    root: Path,
    image_ids: StrArray,
    *,
    size_px: int,
    broken: Literal["error", "skip"],
    progress: Progress,
    workers: int = -1,
) -> ImageCache:
    """The pack of the images below `root`; decodes them if no pack of just these files is there yet.

    Args:
        packs: The folder of all packs.
        name: Begins the name of a new pack's folder.
        root: The data root; the file of an image is `<root>/<image id>`.
        image_ids: The images, in any order.
        size_px: The side of the packed images in pixels.
        broken: What to do about images that cannot be read.
        progress: Told how far the decoding is, and what is left out.
        workers: Processes that decode; -1 chooses, 0 and 1 decode in this process.

    Raises:
        DataError: Images cannot be read (`broken="error"`), or lie outside the root, or the disk is full.
    """
    if not len(image_ids):
        raise DataError(f"there are no images to pack under {root}")
    sources = find_sources(root, image_ids)
    digest = sources.state_digest(FORMAT, size_px)
    folder = find_by_state(packs, size_px, digest) or find_by_contents(
        packs, size_px, digest, sources, progress
    )
    if folder is None:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
        folder = packs / f"{plain}-{size_px}px-{digest}"
        build_image_cache(folder, sources, size_px, progress, workers)
    cache = _read_pack_of(folder, sources)
    _judge(cache, broken, progress)
    return cache


def find_image_cache(packs: Path, root: Path, image_ids: StrArray, size_px: int) -> ImageCache | None:
    """The finished pack of the images below `root` in today's state; None where there is none.

    Raises:
        DataError: The pack is damaged, or an id leads out of the root.
    """
    if not packs.is_dir() or not len(image_ids):
        return None
    sources = find_sources(root, image_ids)
    folder = find_by_state(packs, size_px, sources.state_digest(FORMAT, size_px))
    return None if folder is None else _read_pack_of(folder, sources)


def _read_pack_of(folder: Path, sources: Sources) -> ImageCache:
    cache = read_image_cache(folder)
    if not np.array_equal(cache.image_ids, sources.image_ids):
        raise damaged_cache(folder, f"{INDEX_FILE} lists other images")
    return cache


def read_image_cache(folder: Path) -> ImageCache:
    """Opens a finished pack; its pixels stay on disk, and are compared with their checksums as they are read.

    Raises:
        DataError: The folder is no pack, or is damaged.
        DiskError: The machine or the disk cannot give it now; nothing is said against the pack.
    """
    try:
        with explaining(folder, "read"):
            return _read_pack(folder)
    except (DataError, DiskError):
        raise
    except (OSError, ValueError, KeyError, TypeError, AssertionError, RunError) as error:
        raise damaged_cache(folder, " ".join(str(error).split()) or type(error).__name__) from error


def _read_pack(folder: Path) -> ImageCache:
    info = _info(folder)
    if short_digest((folder / INDEX_FILE).read_bytes()) != info["index"]:
        raise damaged_cache(folder, f"{INDEX_FILE} is not what was written")
    table = read_table(folder / INDEX_FILE, ["image_id", "valid", "digest", "pixels"])
    images = StoredPixels(folder / PIXELS_FILE, from_hex(table["pixels"], np.uint32))
    digests = from_hex(table["digest"], np.int64)
    return ImageCache(table["image_id"], images, table["valid"] == "1", int(info["size_px"]), folder, digests)


def verify_image_cache(cache: ImageCache, progress: Progress) -> None:
    """Reads all pixels of a pack and compares them with their checksums; those in memory need not be.

    Raises:
        DataError: Images hold other pixels than were written.
    """
    if isinstance(cache.images, StoredPixels):
        cache.images.verify(progress)


def broken_images(cache: ImageCache) -> dict[str, str]:
    """Why images of a pack cannot be read, by image id."""
    if cache.folder is None or cache.valid.all():
        return {}
    reasons: dict[str, str] = _info(cache.folder)["broken"]
    return reasons


def _info(folder: Path) -> dict[str, Any]:
    """What `pack.json` says, if it is what was written."""
    try:
        return unsealed((folder / INFO_FILE).read_text(encoding="utf-8"))
    except ValueError as error:
        raise damaged_cache(folder, f"{INFO_FILE} is not what was written") from error


def _judge(cache: ImageCache, broken: Literal["error", "skip"], progress: Progress) -> None:
    if cache.valid.all():
        return
    reasons = broken_images(cache)
    first, count = min(reasons), len(reasons)
    text = naming_first(count, len(cache), "images cannot be read", f"{first} ({reasons[first]})")
    if broken == "error" or count == len(cache):
        raise DataError(f"{text}; mend or remove them, or set data.broken_images=skip")
    progress.warn(f"{text}; they are left out")
