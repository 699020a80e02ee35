"""All metrics of a run on what was held out of its training, with intervals, and two runs compared.

Intervals resample people (`metrics.bootstrap`). Letters: N images, P pairs, F folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kaggle_face.ensemble.blending import finite_block
from kaggle_face.ensemble.halves import stable_order
from kaggle_face.ensemble.held_out_pairs import HeldOutPairs, open_held_out_pairs
from kaggle_face.ensemble.members import Member
from kaggle_face.ensemble.objective import PAIR_METRICS
from kaggle_face.ensemble.pair_search import pooled
from kaggle_face.ensemble.sources import HeldOutLogits, Source, open_held_out_logits, open_predictions
from kaggle_face.errors import InputError
from kaggle_face.metrics.bootstrap import (
    DEFAULT_RESAMPLING,
    Difference,
    Interval,
    Resampling,
    clustered_mean_difference,
    clustered_mean_interval,
    verification_difference,
    verification_intervals,
)
from kaggle_face.metrics.classification import log_loss, true_class_ranks
from kaggle_face.metrics.inputs import row_blocks
from kaggle_face.metrics.verification import ten_fold_accuracy, verification_summary
from kaggle_face.records import FloatArray, IntArray

NUM_SETS = 10
"""Sets of pairs of the ten-fold accuracy; which pair is in which follows from a hash of its id."""


@dataclass(frozen=True)
class Measured:
    """A metric on everything that is held out, and in each fold; no interval where people are too few.

    The ten-fold accuracy has its ten sets of pairs in place of folds.
    """

    name: str
    value: float
    interval: Interval | None
    folds: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.folds)) if self.folds else self.value

    @property
    def spread(self) -> float:
        """The standard deviation over the folds, with F - 1; 0 for a single fold."""
        return float(np.std(self.folds, ddof=1)) if len(self.folds) > 1 else 0.0


@dataclass(frozen=True, eq=False)
class ClassFigures:
    """Ranks (N) of the true classes of one member, with classes, folds and log losses."""

    ranks: IntArray
    labels: IntArray
    folds: IntArray
    log_losses: Mapping[int, float]


def measure_classes(
    members: Sequence[Member], resampling: Resampling = DEFAULT_RESAMPLING
) -> list[tuple[Measured, ...]]:
    """Accuracy, top-5 accuracy and log loss of each member.

    Raises:
        RunError: A record is missing, or the members were trained on different folds or classes.
        DataError: A record holds NaN.
    """
    return [_measured_classes(figures, resampling) for figures in class_figures(members)]


def class_figures(members: Sequence[Member]) -> list[ClassFigures]:
    """What members say of the true classes, on the same images in the same order."""
    names = open_predictions(members[0], members[0].folds[0], "oof").class_names
    held_out = open_held_out_logits(members, names)
    return [_figures_of_member(held_out, number) for number in range(len(members))]


def compare_classes(
    first: ClassFigures, second: ClassFigures, resampling: Resampling = DEFAULT_RESAMPLING
) -> dict[str, Difference]:
    """Accuracy and top-5 accuracy, first minus second, on the same resampled people."""
    return {
        name: clustered_mean_difference(first.ranks <= depth, second.ranks <= depth, first.labels, resampling)
        for name, depth in (("accuracy", 1), ("top5", 5))
    }


def measure_pairs(
    trials: HeldOutPairs, member: int, resampling: Resampling = DEFAULT_RESAMPLING
) -> tuple[Measured, ...]:
    """EER, AUC, two TPRs and the ten-fold accuracy of one member.

    Where each fold has trials of its own, its scores are brought to mean 0 and deviation 1 first: the
    networks of two folds have scales of their own.
    """
    scores = pooled(trials.values("scores")[member], trials.pools)
    sets = np.array([int.from_bytes(stable_order(key)) % NUM_SETS for key in trials.pair_ids.tolist()])
    try:
        intervals = verification_intervals(scores, trials.labels, trials.people, PAIR_METRICS, resampling)
    except InputError:
        intervals = {}
    by_fold = _verification_by_fold(trials, member)
    values = verification_summary(scores, trials.labels)
    measured = [
        Measured(name, values[name], intervals.get(name), tuple(each[name] for each in by_fold))
        for name in PAIR_METRICS
    ]
    if len(np.unique(sets)) == NUM_SETS:
        accuracy = ten_fold_accuracy(scores, trials.labels, sets)
        measured.append(
            Measured("ten-fold accuracy", accuracy.mean, None, tuple(accuracy.accuracies.tolist()))
        )
    return tuple(measured)


def compare_pairs(
    trials: HeldOutPairs, first: int, second: int, resampling: Resampling = DEFAULT_RESAMPLING
) -> dict[str, Difference]:
    """EER, AUC and two TPRs, first member minus second, on the same resampled people; empty: too few."""
    values = trials.values("scores")
    one, other = (pooled(values[member], trials.pools) for member in (first, second))
    try:
        return {
            name: verification_difference(one, other, trials.labels, trials.people, name, resampling)
            for name in PAIR_METRICS
        }
    except InputError:
        return {}


def open_trials(members: Sequence[Member]) -> HeldOutPairs | None:
    """The members' held-out trials; None where a member has none or their truth is not known.

    Raises:
        RunError: The members were measured on different trials.
        DataError: A score is NaN.
    """
    has_all = all(
        fold.record_folder("oof", member.checkpoint, "pairs").is_dir()
        for member in members
        for fold in member.folds
    )
    return open_held_out_pairs(members) if has_all else None


def _figures_of_member(held_out: Sequence[HeldOutLogits], number: int) -> ClassFigures:
    ranks = [_ranks(fold.sources[number], fold.labels) for fold in held_out]
    sizes = [len(fold.labels) for fold in held_out]
    return ClassFigures(
        np.concatenate(ranks),
        np.concatenate([fold.labels for fold in held_out]),
        np.repeat([fold.fold for fold in held_out], sizes),
        {fold.fold: _log_loss(fold.sources[number], fold.labels) for fold in held_out},
    )


def _measured_classes(figures: ClassFigures, resampling: Resampling) -> tuple[Measured, ...]:
    numbers = np.unique(figures.folds)
    measured = []
    for name, depth in (("accuracy", 1), ("top5", 5)):
        hits = figures.ranks <= depth
        interval = clustered_mean_interval(hits, figures.labels, resampling)
        folds = tuple(float(hits[figures.folds == number].mean()) for number in numbers)
        measured.append(Measured(name, interval.value, interval, folds))
    losses = tuple(figures.log_losses[int(number)] for number in numbers)
    sizes = [int((figures.folds == number).sum()) for number in numbers]
    return (*measured, Measured("log loss", float(np.average(losses, weights=sizes)), None, losses))


def _ranks(source: Source, labels: IntArray) -> IntArray:
    ranks = np.empty(len(labels), np.int64)
    for part in row_blocks(len(labels), source.values.shape[1] * 4):
        ranks[part] = true_class_ranks(finite_block(source, part), labels[part])
    return ranks


def _log_loss(source: Source, labels: IntArray) -> float:
    total = 0.0
    for part in row_blocks(len(labels), source.values.shape[1] * 4):
        total += log_loss(finite_block(source, part), labels[part]) * (part.stop - part.start)
    return total / len(labels)


def _verification_by_fold(trials: HeldOutPairs, member: int) -> list[dict[str, float]]:
    figures = []
    for fold in trials.folds:
        scores: FloatArray = fold.sources[member].block(slice(0, len(fold.positions)))
        labels = trials.labels[fold.positions]
        if 0 < labels.sum() < len(labels):
            figures.append(verification_summary(scores, labels))
    return figures
