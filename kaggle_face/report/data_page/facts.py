"""The facts that the page of the data shows, gathered by `pipeline/inputs/data_page.py`.

Letters: N images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kaggle_face.competitions.data_check import CheckResult, ImageFiles, SplitCount
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.records import UNKNOWN, FaceTable, StrArray
from kaggle_face.report.document.shell import Origin
from kaggle_face.report.pictures import PictureStatistics


@dataclass(frozen=True, eq=False)
class DataFacts:
    """A competition's data.

    Attributes:
        name: Of the competition.
        root: The raw folder.
        faces: Images (N), their labels and splits.
        class_names: By label.
        files: What was found in the files (N), in the order of `faces`.
        counts: By split.
        results: Of the data check.
        image_size: Side of the images that are trained on, in pixels.
        cache: The decoded images; None where none could be decoded.
        pictures: Brightness, sharpness and hashes by split, of at most 20,000 images each.
        origin: Of the page.
    """

    name: str
    root: str
    faces: FaceTable
    class_names: StrArray
    files: ImageFiles
    counts: tuple[SplitCount, ...]
    results: tuple[CheckResult, ...]
    image_size: int
    cache: ImageCache | None
    pictures: Mapping[str, PictureStatistics]
    origin: Origin

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have images, in their usual order."""
        return tuple(each.split for each in self.counts)

    def identity_of(self, row: int) -> str:
        """The name of the identity of an image, or an empty text where it is not known."""
        label = int(self.faces.labels[row])
        return "" if label == UNKNOWN else str(self.class_names[label])
