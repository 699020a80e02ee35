"""The settings of training, and the data of one fold."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kaggle_face.competitions.catalogue.ranking import PairMetric, own_metrics_of
from kaggle_face.config import (
    AugmentConfig,
    Config,
    LossConfig,
    OptimConfig,
    PredictConfig,
    ScheduleConfig,
    TrainConfig,
)
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.errors import DataError, RunError
from kaggle_face.records import (
    ClassTable,
    CompetitionData,
    Folds,
    IntArray,
    Pairs,
    StrArray,
    positions_of,
)


@dataclass(frozen=True)
class TrainSettings:
    """The settings of this stage."""

    augment: AugmentConfig
    loss: LossConfig
    optim: OptimConfig
    schedule: ScheduleConfig
    train: TrainConfig
    predict: PredictConfig
    seed: int
    pair_metric: PairMetric

    @classmethod
    def of(cls, config: Config) -> TrainSettings:
        """Selects the parts of all settings that training uses."""
        return cls(
            config.augment,
            config.loss,
            config.optim,
            config.schedule,
            config.train,
            config.predict,
            config.seed,
            own_metrics_of(config).pairs,
        )


@dataclass(frozen=True, eq=False)
class FoldData:
    """The training and validation data of one fold; labels are class indices, aligned with their ids.

    `pair_labels` are those of the images `pairs.image_ids`, or -1 where a person is in no class; empty: none
    is known.
    """

    fold: int
    classes: ClassTable
    cache: ImageCache
    train_ids: StrArray
    train_labels: IntArray
    validation_ids: StrArray
    validation_labels: IntArray
    pairs: Pairs
    pair_labels: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of images, classes and trials, for `run.json`."""
        return {
            "fold": self.fold,
            "num_classes": len(self.classes),
            "train_images": len(self.train_ids),
            "validation_images": len(self.validation_ids),
            "validation_pairs": len(self.pairs),
        }

    @property
    def class_counts(self) -> IntArray:
        """The number of training images of each class (C)."""
        return np.bincount(self.train_labels, minlength=len(self.classes)).astype(np.int64)


def select_fold(data: CompetitionData, folds: Folds, cache: ImageCache, fold: int) -> FoldData:
    """The images and pairs of one fold; images that could not be read are left out.

    Raises:
        RunError: There is no such fold.
        DataError: The fold has nothing to train on or nothing to be measured on.
    """
    if not 0 <= fold < folds.count:
        raise RunError(f"fold {fold} does not exist; there are folds 0 to {folds.count - 1} (folds.count)")
    train_ids = _readable(cache, folds.training_ids(fold))
    validation_ids = _readable(cache, folds.validation_ids(fold))
    for what, ids in (("train on", train_ids), ("be measured on", validation_ids)):
        if not len(ids):
            raise DataError(f"fold {fold} has no image to {what}; add images or lower folds.count")
    return FoldData(
        fold=fold,
        classes=data.classes,
        cache=cache,
        train_ids=train_ids,
        train_labels=_labels_of(data, train_ids),
        validation_ids=validation_ids,
        validation_labels=_labels_of(data, validation_ids),
        pairs=folds.pairs[fold],
        pair_labels=_labels_of(data, folds.pairs[fold].image_ids),
    )


def _readable(cache: ImageCache, ids: StrArray) -> StrArray:
    chosen: StrArray = ids[cache.valid[cache.rows_of(ids)]]
    return chosen


def _labels_of(data: CompetitionData, ids: StrArray) -> IntArray:
    labels: IntArray = data.faces.labels[positions_of(ids, data.faces.image_ids, "images of the competition")]
    return labels
