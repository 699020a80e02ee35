"""What is in the picture files today, asked cheaply: did they change since something was made of them?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kaggle_face.data.cache.building import FORMAT
from kaggle_face.data.cache.decoding import digests_of_files
from kaggle_face.data.cache.image_cache import find_image_cache
from kaggle_face.data.cache.search import find_by_contents, find_by_state
from kaggle_face.data.cache.sources import find_sources
from kaggle_face.progress import Progress
from kaggle_face.records import IntArray, StrArray


def contents_today(
    packs: Path, root: Path, image_ids: StrArray, size_px: int, wanted_ids: StrArray, progress: Progress
) -> IntArray:
    """The digest of the contents of each wanted image's file, as `ImageCache.digests` holds them.

    Where a finished pack of all files in today's state is there, its digests are taken: this costs looking at
    the files' sizes and times. Else the wanted files are read. Nothing is decoded, built or written.
    `joint_digest(wanted_ids, contents_today(...))` equals `ImageCache.contents_digest(wanted_ids)` of a pack of the
    same files.

    Args:
        packs: The folder of all packs; it need not exist.
        root: The data root; the file of an image is `<root>/<image id>`.
        image_ids: All images of the competition, of which a pack would be made.
        size_px: The side of the packed images in pixels.
        wanted_ids: Images in any order, also several times; they need not be among `image_ids`.
        progress: Told how far the reading is.

    Returns:
        int64 (number of wanted ids); for a file that is missing or cannot be read, its number of `PROBLEMS`.

    Raises:
        DataError: An id leads out of the root, a file cannot be read now, or the pack is damaged.
    """
    digests = _packed_digests(packs, root, image_ids, size_px, wanted_ids)
    if digests is not None:
        return digests
    unique, places = np.unique(wanted_ids, return_inverse=True)
    return digests_of_files(find_sources(root, unique), "reading", progress)[places]


def has_current_cache(packs: Path, root: Path, image_ids: StrArray, size_px: int, progress: Progress) -> bool:
    """Whether a finished cache of just these files is there: by their times, else by their contents."""
    if not packs.is_dir():
        return False
    sources = find_sources(root, image_ids)
    digest = sources.state_digest(FORMAT, size_px)
    found = find_by_state(packs, size_px, digest) or find_by_contents(
        packs, size_px, digest, sources, progress
    )
    return found is not None


def _packed_digests(
    packs: Path, root: Path, image_ids: StrArray, size_px: int, wanted_ids: StrArray
) -> IntArray | None:
    cache = (
        find_image_cache(packs, root, image_ids, size_px) if np.isin(wanted_ids, image_ids).all() else None
    )
    return None if cache is None else cache.digests[cache.rows_of(wanted_ids)]
