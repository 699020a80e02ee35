"""The pictures of a report: those of the image cache, if the run was trained on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_face.artifacts.predicted_tables import predicted_images
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config
from kaggle_face.errors import KaggleFaceError
from kaggle_face.hints import settings_command
from kaggle_face.pipeline.inputs.preparing import cache_plan, open_competition, open_images
from kaggle_face.pipeline.inputs.today import open_today, why_training_is_outdated
from kaggle_face.progress import Progress
from kaggle_face.records import UNKNOWN, StrArray

if TYPE_CHECKING:
    from kaggle_face.data.cache.image_cache import ImageCache


@dataclass(frozen=True, eq=False)
class ReportPictures:
    """The image cache with the labelled images and those of the test set; without one the reason."""

    cache: ImageCache | None
    training: StrArray
    test: StrArray
    missing: str = ""


def find_pictures(config: Config, fold: FoldFolder, progress: Progress) -> ReportPictures:
    """The pictures behind a fold. Nothing is decoded: a cache that is not there is named as the reason."""
    from kaggle_face.data.cache.contents import has_current_cache
    from kaggle_face.data.cache.image_cache import find_image_cache

    nothing = np.empty(0, np.str_)

    def without(reason: str) -> ReportPictures:
        return ReportPictures(None, nothing, nothing, reason)

    root = Path(config.data.root)
    if not root.is_dir():
        return without(f"the raw folder {root} is not here, so pictures are left out")
    try:
        data = open_competition(config, progress)
        plan = cache_plan(config, data)
        cache = find_image_cache(plan)
        if cache is None and has_current_cache(plan, progress):  # the files were unpacked again
            cache = open_images(config, data, progress)
        if cache is None:
            return without(f"there is no image cache of {root}; build it: {settings_command('cache')}")
        if fold.run.imported_task is None:
            reason = why_training_is_outdated(fold, open_today(config, data, progress, cache))
            if reason is not None:
                return without(f"{reason}, since {fold.run.name} was trained, so pictures are left out")
    except KaggleFaceError as error:
        return without(f"the pictures cannot be read: {error}")
    known = data.faces.of_split("train", "dev")
    return ReportPictures(
        cache, np.sort(known.image_ids[known.labels != UNKNOWN]), np.unique(predicted_images(data))
    )
