"""The settings of training, and the data of one fold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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
from kaggle_face.data.folds.trials import are_of_one_kind, require_both_kinds
from kaggle_face.errors import DataError, RunError, part_of
from kaggle_face.progress import Progress, SilentProgress
from kaggle_face.records import (
    ClassTable,
    CompetitionData,
    Folds,
    IntArray,
    Pairs,
    StrArray,
    no_pairs,
    positions_of,
)

_SILENT = SilentProgress()


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
    is known. `pseudo_labels_left_out` counts those of people or images of the trials.
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
    pseudo_labels_left_out: int = 0

    def with_trials_alone(self) -> FoldData:
        """What a network of several folds was not trained on: their trials, and no image of a class."""
        no_ids, no_labels = self.validation_ids[:0], self.validation_labels[:0]
        return replace(self, validation_ids=no_ids, validation_labels=no_labels)

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


def select_fold(
    data: CompetitionData, folds: Folds, cache: ImageCache, fold: int, progress: Progress = _SILENT
) -> FoldData:
    """The images and pairs of one fold; images that could not be read are left out, and so are their pairs.

    `progress` is told how many pairs are left out.

    Raises:
        RunError: There is no such fold.
        DataError: The fold has nothing to train on or to be measured on, or its pairs are all of one kind.
    """
    if not 0 <= fold < folds.count:
        raise RunError(f"fold {fold} does not exist; there are folds 0 to {folds.count - 1} (folds.count)")
    train_ids = _readable(cache, folds.training_ids(fold))
    validation_ids = _readable(cache, folds.validation_ids(fold))
    for what, ids in (("train on", train_ids), ("be measured on", validation_ids)):
        if not len(ids):
            raise DataError(f"fold {fold} has no image to {what}; add images or lower folds.count")
    pairs = _measurable_trials(data, folds.pairs[fold], cache, f"fold {fold}", progress)
    return FoldData(
        fold=fold,
        classes=data.classes,
        cache=cache,
        train_ids=train_ids,
        train_labels=_labels_of(data, train_ids),
        validation_ids=validation_ids,
        validation_labels=_labels_of(data, validation_ids),
        pairs=pairs,
        pair_labels=_labels_of(data, pairs.image_ids),
    )


def _readable(cache: ImageCache, ids: StrArray) -> StrArray:
    chosen: StrArray = ids[cache.valid[cache.rows_of(ids)]]
    return chosen


def _measurable_trials(
    data: CompetitionData, trials: Pairs, cache: ImageCache, where: str, progress: Progress
) -> Pairs:
    """The trials whose images were both read; none where those are all of one kind and no task needs them."""
    first, second = (cache.valid[cache.rows_of(ids)] for ids in (trials.first_ids, trials.second_ids))
    are_read = first & second
    if not are_read.all():
        lost = int((~are_read).sum())
        clause = "have an image that cannot be read"
        progress.warn(f"{where}: {part_of(lost, len(trials), 'trial', clause)}; left out")
        trials = trials.where(are_read)
    require_both_kinds(
        trials, data, "repair images that cannot be read, or set folds.verification=identities"
    )
    if are_of_one_kind(trials):
        progress.warn(f"{where}: its trials are all of one kind, so they are not measured")
        return no_pairs()
    return trials


def _labels_of(data: CompetitionData, ids: StrArray) -> IntArray:
    labels: IntArray = data.faces.labels[positions_of(ids, data.faces.image_ids, "images of the competition")]
    return labels
