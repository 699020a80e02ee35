"""Who the probes of the galleries are after post-processing: what `submit` takes for a blend."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from kaggle_face.artifacts.record_io import write_matches
from kaggle_face.ensemble.blended import PairBlend
from kaggle_face.ensemble.postprocess.gallery_recipes import GalleryRecipe, best_matches
from kaggle_face.ensemble.postprocess.gallery_tuning import networks_of_gallery, open_gallery

_GALLERIES: tuple[Literal["dev", "test"], ...] = ("dev", "test")


def write_gallery_blend(blend: PairBlend, folder: Path, recipe: GalleryRecipe) -> list[Path]:
    """Writes the best match of each probe of the dev and the test gallery, as `gallery_<which>.csv`.

    Nothing is written without post-processing: the blended embeddings say the same.

    Raises:
        RunError: A network has no embeddings.
        DataError: An image of a gallery has no embedding.
    """
    paths: list[Path] = []
    for which in () if recipe.is_plain else _GALLERIES:
        gallery = open_gallery(blend.members[0].folds[0], which)
        if gallery is None or not len(gallery.probe_ids):
            continue
        names = np.unique(gallery.names)
        people, scores = best_matches(recipe, networks_of_gallery(blend, gallery))
        paths.append(folder / f"gallery_{which}.csv")
        write_matches(paths[-1], gallery.probe_ids, names[people], scores)
    return paths
