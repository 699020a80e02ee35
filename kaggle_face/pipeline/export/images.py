"""The images that an export is checked on: held-out ones, those to calibrate on, or generated faces.

Letters: N images, H and W of an image, P trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from kaggle_face.config import LoadedConfig
from kaggle_face.config.schema import PathsConfig
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.errors import KaggleFaceError, RunError
from kaggle_face.pipeline.export.plan import ExportPlan
from kaggle_face.pipeline.inputs.preparing import (
    open_competition,
    open_folds,
    open_images,
    require_own_number,
)
from kaggle_face.pipeline.inputs.today import open_today, require_current_training
from kaggle_face.progress import Progress
from kaggle_face.records import IntArray, Pairs, StrArray
from kaggle_face.train.other_runs.lookup import is_of_several_folds
from kaggle_face.train.settings import FoldData, select_fold
from kaggle_face.train.training_set import adjust_training_set

Pixels = npt.NDArray[np.uint8]

_CALIBRATION_IMAGES = 200
_MOST_IMAGES_OF_TRIALS = 2000
_GENERATED_PEOPLE = 50


@dataclass(frozen=True, eq=False)
class HeldOutTrials:
    """Labelled trials that no network of the graph was trained on.

    Attributes:
        images: Their images (N, H, W, 3), each once.
        first: Row of the first image of each trial (P).
        second: Row of the second image (P).
        labels: 1 for one identity, 0 for two (P).
    """

    images: Pixels
    first: IntArray
    second: IntArray
    labels: IntArray


@dataclass(frozen=True, eq=False)
class ExportImages:
    """The images by which files are compared with torch, calibrated, and measured.

    Attributes:
        parity: Images (N, H, W, 3) whose outputs are compared.
        kind: Held-out images of the run, generated faces, or both where too few are held out.
        calibration: Training images of every network; none where they are not at hand.
        trials: None where no labelled trial is held out of all networks.
        missing: Why there are no calibration images; empty where there are.
    """

    parity: Pixels
    kind: Literal["held-out", "generated", "held-out and generated"]
    calibration: Pixels
    trials: HeldOutTrials | None
    missing: str = ""


def gather_images(paths: PathsConfig, plan: ExportPlan, num_images: int, progress: Progress) -> ExportImages:
    """The images of the run where its raw folder is at hand, else generated faces.

    Calibration images were shown to every network of the graph in training; images that are compared or
    measured were shown to none.
    """
    try:
        cache, of_folds = _data_of(paths, plan, progress)
    except KaggleFaceError as error:
        generated = generated_faces(num_images, plan.image_size)
        none = np.empty((0, *generated.shape[1:]), np.uint8)
        return ExportImages(generated, "generated", none, None, f"the training images are not used: {error}")
    trained = _all_of([each.train_ids for each in of_folds])
    seen = np.unique(np.concatenate([each.train_ids for each in of_folds]))
    held_out = _all_of([np.union1d(each.validation_ids, each.pairs.image_ids) for each in of_folds])
    held_out = np.setdiff1d(held_out, seen)
    readable = cache.image_ids[cache.valid]
    trained, held_out = np.intersect1d(trained, readable), np.intersect1d(held_out, readable)
    calibration = _pixels(cache, _evenly(trained, _CALIBRATION_IMAGES))
    trials = _trials_of(cache, of_folds[0].pairs, held_out)
    missing = "" if len(calibration) else "no image was a training image of every network"
    if len(held_out) < num_images:
        more = generated_faces(num_images - len(held_out), plan.image_size)
        images = np.concatenate([_pixels(cache, held_out), more])
        return ExportImages(
            images, "held-out and generated" if len(held_out) else "generated", calibration, trials, missing
        )
    parity = _pixels(cache, _evenly(held_out, num_images))
    return ExportImages(parity, "held-out", calibration, trials, missing)


def generated_faces(count: int, size_px: int) -> Pixels:
    """Faces (count, size_px, size_px, 3) of fifty invented people, with their mirror images."""
    from kaggle_face.synthetic.faces import draw_appearance, draw_identity, render_face

    people = [draw_identity(0, person) for person in range(min(count, _GENERATED_PEOPLE))]
    drawn = [
        render_face(people[n % len(people)], draw_appearance(0, n % len(people), n // len(people)), size_px)
        for n in range((count + 1) // 2)
    ]
    faces = np.array(drawn, np.uint8).reshape(len(drawn), size_px, size_px, 3)
    return np.concatenate([faces, faces[:, :, ::-1]])[:count]


def _data_of(paths: PathsConfig, plan: ExportPlan, progress: Progress) -> tuple[ImageCache, list[FoldData]]:
    """The image cache and the training data of each network.

    Raises:
        KaggleFaceError: The raw folder is not at hand or changed, or networks have several.
    """
    cache: ImageCache | None = None
    found = []
    for fold in dict.fromkeys(network.fold for network in plan.networks):
        runs = fold.path.parent.parent
        places = paths.model_copy(update={"runs": str(runs.parent)})
        settings = LoadedConfig(runs.name, fold.read_config().model_copy(update={"paths": places}))
        root = Path(settings.config.data.root)
        if not root.is_dir():  # the demo would be drawn anew
            raise RunError(f"the raw folder {root} of {fold.run.name} is not here")
        if not fold.read_info().get("made_of"):
            raise RunError(f"{fold.run.name} did not keep what it was trained on")
        data = open_competition(settings.config)
        if cache is None:
            cache = open_images(settings.config, data, progress)
            today = open_today(settings.config, data, progress, cache)
        require_own_number(fold)
        require_current_training(fold, today, "train")
        folds = open_folds(settings, data, cache)
        own = adjust_training_set(select_fold(data, folds, cache, fold.fold), settings.config.data)
        found.append(own.with_trials_alone() if is_of_several_folds(fold) else own)
    assert cache is not None, "a plan has a network"
    return cache, found


def _all_of(ids: Sequence[StrArray]) -> StrArray:
    common = np.unique(ids[0])
    for others in ids[1:]:
        common = np.intersect1d(common, others)
    return common


def _evenly(ids: StrArray, count: int) -> StrArray:
    """At most `count` ids, evenly spread over all of them."""
    if len(ids) <= count:
        return ids
    return ids[np.linspace(0, len(ids) - 1, count).astype(np.int64)]


def _pixels(cache: ImageCache, ids: StrArray) -> Pixels:
    return np.array(cache.images[cache.rows_of(ids)])


def _trials_of(cache: ImageCache, pairs: Pairs, held_out: StrArray) -> HeldOutTrials | None:
    """The labelled trials among held-out images, drawn at random until their images are many enough."""
    is_usable = np.isin(pairs.first_ids, held_out) & np.isin(pairs.second_ids, held_out) & (pairs.labels >= 0)
    rows = np.flatnonzero(is_usable)
    if not {0, 1} <= set(pairs.labels[rows].tolist()):
        return None
    rows = rows[np.random.default_rng(0).permutation(len(rows))]
    both = np.stack([pairs.first_ids[rows], pairs.second_ids[rows]], axis=1)
    _, first_seen = np.unique(both.reshape(-1), return_index=True)
    is_new = np.zeros(both.size, np.int64)
    is_new[first_seen] = 1
    counts = np.cumsum(is_new.reshape(-1, 2).sum(axis=1))
    kept = rows[counts <= _MOST_IMAGES_OF_TRIALS]
    if not {0, 1} <= set(pairs.labels[kept].tolist()):
        return None
    ids, codes = np.unique(
        np.concatenate([pairs.first_ids[kept], pairs.second_ids[kept]]), return_inverse=True
    )
    first, second = codes.reshape(2, -1).astype(np.int64)
    return HeldOutTrials(_pixels(cache, ids), first, second, pairs.labels[kept])
