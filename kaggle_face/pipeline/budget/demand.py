"""The size of a competition's data: numbers of images, classes and trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_face.artifacts.predicted_tables import predicted_images
from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.competitions.catalogue.ranking import own_metrics_of
from kaggle_face.config import Config, DataConfig
from kaggle_face.errors import DataError
from kaggle_face.pictures import inspect_picture, read_picture
from kaggle_face.records import CompetitionData, StrArray
from kaggle_face.tasks import TASKS, Purpose, Task

if TYPE_CHECKING:
    from kaggle_face.records import Folds

_LOOKED_AT = 20
"""Pictures whose sides are read."""


@dataclass(frozen=True)
class Demand:
    """The work of a run on a competition.

    Attributes:
        num_classes: Identities of the head.
        all_images: Images to decode.
        train_images: Images that a fold trains on.
        held_out_images: Images that a fold is measured on, with those of its trials.
        test_images: Images that a submission is made of.
        trials: Trials of a fold and of the test set.
        num_folds: Folds that the settings make.
        side_px: The longer side of the training images, at the median.
    """

    num_classes: int
    all_images: int
    train_images: int
    held_out_images: int
    test_images: int
    trials: int
    num_folds: int
    side_px: int


def demand_of(data: CompetitionData, folds: Folds, settings: DataConfig) -> Demand:
    """The work that the records of a competition and its settings mean, by its first fold.

    Raises:
        ConfigError: A file that the settings name is missing.
        DataError: It names an image that does not exist, or no picture can be read.
    """
    measured = np.union1d(folds.validation_ids(0), folds.pairs[0].image_ids)
    return Demand(
        num_classes=len(data.classes),
        all_images=len(data.faces),
        train_images=_count_training(data, folds.training_ids(0), settings),
        held_out_images=len(measured),
        test_images=len(predicted_images(data)),
        trials=len(folds.pairs[0]) + len(data.test_pairs),
        num_folds=folds.count,
        side_px=_side_of(Path(settings.root), folds.training_ids(0)),
    )


def _count_training(data: CompetitionData, training_ids: StrArray, settings: DataConfig) -> int:
    """Training images less those that the settings leave out, with the pseudo-labelled ones."""
    from kaggle_face.train.training_set import count_pseudo_labels, read_image_list

    count = len(training_ids)
    if settings.exclude_images is not None:
        left_out = read_image_list(Path(settings.exclude_images), data.faces.image_ids)
        count -= int(np.isin(training_ids, left_out).sum())
    if settings.pseudo_labels is not None:
        count += count_pseudo_labels(Path(settings.pseudo_labels))
    return max(1, count)


def purpose_of(config: Config, answered: Sequence[Task] = TASKS) -> Purpose:
    """The tasks that a competition is ranked by; of one that is not known, those that its CSVs answer.

    >>> from kaggle_face.config import CompetitionConfig
    >>> purpose_of(Config(competition=CompetitionConfig(slug="demo")))
    'both'
    """
    ranked = own_metrics_of(config).ranked
    if find_spec(config.competition.slug) is None:
        ranked = tuple(task for task in ranked if task in answered) or ranked
    if len(ranked) == 1:
        return "accuracy" if ranked[0] == "classification" else "verification"
    return "both"


def _side_of(root: Path, image_ids: StrArray) -> int:
    """The median of the longer sides of some pictures.

    Raises:
        DataError: None of them can be read.
    """
    places = np.linspace(0, len(image_ids) - 1, min(_LOOKED_AT, len(image_ids))).astype(int)
    sides: list[int] = []
    reason: DataError | None = None
    for image_id in image_ids[places].tolist():
        try:
            facts = inspect_picture(read_picture(root / image_id, image_id), image_id)
        except DataError as error:  # the cache names it, or leaves it out
            reason = error
            continue
        sides.append(max(facts.width, facts.height))
    if not sides:
        raise reason or DataError("there are no images to train on")
    return int(np.median(sides))
