"""The contents of the picture files today: did they change since something was made of them?"""

from __future__ import annotations

import numpy as np

from kaggle_face.data.cache.decoding import digests_of_files
from kaggle_face.data.cache.image_cache import find_image_cache
from kaggle_face.data.cache.search import CachePlan, find_by_contents, find_by_state
from kaggle_face.data.cache.sources import find_sources
from kaggle_face.progress import Progress
from kaggle_face.records import IntArray, StrArray


def contents_today(plan: CachePlan, wanted_ids: StrArray, progress: Progress) -> IntArray:
    """The digest of the contents of each wanted image's file, as `ImageCache.digests` holds them.

    Where a finished cache of all files in today's state is there, its digests are taken: this costs looking
    at the files' sizes and times. Else the wanted files are read. Nothing is decoded, built or written.
    `joint_digest(wanted_ids, contents_today(...))` equals `ImageCache.contents_digest(wanted_ids)` of a cache
    of the same files.

    Args:
        plan: The image cache of the whole competition.
        wanted_ids: Images in any order, also several times; they need not be among those of the plan.
        progress: Counts the files that are read.

    Returns:
        int64 (number of wanted ids); for a file that is missing or cannot be read, its number of `PROBLEMS`.

    Raises:
        DataError: An id leads out of the root, a file cannot be read now, or the image cache is damaged.
    """
    cache = find_image_cache(plan) if np.isin(wanted_ids, plan.image_ids).all() else None
    if cache is not None:
        return cache.digests[cache.rows_of(wanted_ids)]
    unique, places = np.unique(wanted_ids, return_inverse=True)
    return digests_of_files(find_sources(plan.root, unique), "reading", progress)[places]


def has_current_cache(plan: CachePlan, progress: Progress) -> bool:
    """Whether a finished cache of just these files is there: by their times, else by their contents."""
    if not plan.folder.is_dir():
        return False
    sources = plan.sources()
    return (find_by_state(plan, sources) or find_by_contents(plan, sources, progress)) is not None
