"""Looking at every image file: can it be read, how large is it, and is it there twice.

Files are opened and decoded as for training, so what passes here can be packed, and nothing else is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.tables import as_text
from kaggle_face.pictures import UnreadableImageError, inspect_picture, read_picture
from kaggle_face.progress import Progress
from kaggle_face.records import IntArray, StrArray

_AT_ONCE = 256  # images handed to the threads before results are taken


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """What was found in the image files (N each): hash of the bytes, sides in pixels, colour mode, problem,
    and whether there are more frames than the first, which is taken.

    A file that cannot be read has a `problem` that is not empty, and 0 pixels.
    """

    image_ids: StrArray
    hashes: StrArray
    widths: IntArray
    heights: IntArray
    modes: StrArray
    problems: StrArray
    are_animated: npt.NDArray[np.bool_] | None = None

    @property
    def broken_ids(self) -> StrArray:
        """The images that cannot be read."""
        broken: StrArray = self.image_ids[self.problems != ""]
        return broken


@dataclass(frozen=True)
class _File:
    digest: str = ""
    width: int = 0
    height: int = 0
    mode: str = ""
    problem: str = ""
    is_animated: bool = False


def inspect_images(root: Path, image_ids: StrArray, workers: int, progress: Progress) -> ImageFiles:
    """Decodes every image in `workers` threads; no file stops it."""
    files: list[_File] = []
    paths = (root / image_id for image_id in image_ids.tolist())
    with (
        ThreadPoolExecutor(max_workers=workers) as pool,
        progress.track("reading", len(image_ids), "images") as counter,
    ):
        for batch in _batches(paths):
            files += pool.map(_inspect, batch)
            counter.advance(len(batch))
    return ImageFiles(
        image_ids=image_ids,
        hashes=as_text([file.digest for file in files]),
        widths=np.asarray([file.width for file in files], np.int64),
        heights=np.asarray([file.height for file in files], np.int64),
        modes=as_text([file.mode for file in files]),
        problems=as_text([file.problem for file in files]),
        are_animated=np.asarray([file.is_animated for file in files], np.bool_),
    )


def _batches(paths: Iterator[Path]) -> Iterator[Sequence[Path]]:
    while batch := list(islice(paths, _AT_ONCE)):
        yield batch


def _inspect(path: Path) -> _File:
    try:
        content = read_picture(path)
        facts = inspect_picture(content)
    except UnreadableImageError as error:
        return _File(problem=error.reason)
    digest = blake2b(content, digest_size=16).hexdigest()
    return _File(digest, facts.width, facts.height, facts.mode, is_animated=facts.is_animated)
