"""All metrics of a run on what was held out of its training, with intervals, and two runs compared.

Intervals are for other people (`metrics.bootstrap`, `metrics.pair_intervals`). Letters: N images, P pairs,
F folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.errors import InputError
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.evaluation.held_out_pairs import HeldOutPairs, known_people, open_held_out_pairs
from kaggle_face.evaluation.member_scores import (
    HeldOutLogits,
    MemberScores,
    finite_block,
    log_softmax,
    open_embeddings,
    open_held_out_logits,
    open_predictions,
)
from kaggle_face.evaluation.members import Member
from kaggle_face.evaluation.nested_split import disjoint_sets, stable_order
from kaggle_face.evaluation.objective import PAIR_METRICS
from kaggle_face.evaluation.pair_scales import pooled
from kaggle_face.metrics.classification import true_class_ranks
from kaggle_face.metrics.episodes import EpisodeAccuracy, episode_accuracy
from kaggle_face.metrics.inputs import row_blocks
from kaggle_face.metrics.intervals.bootstrap import (
    DEFAULT_RESAMPLING,
    Difference,
    Interval,
    Resampling,
    clustered_mean_difference,
    clustered_mean_interval,
)
from kaggle_face.metrics.intervals.influences import PairsOfPeople, ScoredPairs, least_impostors
from kaggle_face.metrics.intervals.verification import difference_between, verification_intervals
from kaggle_face.metrics.verification import verification_accuracy, verification_summary
from kaggle_face.records import FloatArray, IntArray

NUM_SETS = 10
"""Sets of pairs of the ten-fold accuracy."""
_MOST_LOSS = 87.0
"""A class of probability 1e-38, the least that float32 has; an infinite loss has no mean and no interval."""
_T_OF_NINE = 2.262
"""Student's t with nine degrees of freedom: the 97.5 % quantile."""


@dataclass(frozen=True, eq=False)
class ClassFigures:
    """Ranks and log losses (N) of the true classes of one member, with classes and folds."""

    ranks: IntArray
    labels: IntArray
    folds: IntArray
    log_losses: FloatArray


def measure_classes(
    members: Sequence[Member], resampling: Resampling = DEFAULT_RESAMPLING
) -> list[tuple[Estimate, ...]]:
    """Accuracy, top-5 accuracy and log loss of each member.

    Raises:
        RunError: A record is missing, or the members were trained on different folds or classes.
        DataError: A record holds NaN.
    """
    return [_measured_classes(figures, resampling) for figures in class_figures(members)]


def class_figures(members: Sequence[Member]) -> list[ClassFigures]:
    """Ranks and losses of the true classes by each member, on the same images in the same order."""
    names = open_predictions(members[0], members[0].folds[0], "oof").class_names
    held_out = open_held_out_logits(members, names)
    return [_figures_of_member(held_out, number) for number in range(len(members))]


def compare_classes(
    first: ClassFigures, second: ClassFigures, resampling: Resampling = DEFAULT_RESAMPLING
) -> dict[str, Difference]:
    """Accuracy, top-5 accuracy and log loss, first minus second, on the same resampled people."""
    people = first.labels
    found = {
        name: clustered_mean_difference(first.ranks <= depth, second.ranks <= depth, people, resampling)
        for name, depth in (("accuracy", 1), ("top5", 5))
    }
    losses = clustered_mean_difference(first.log_losses, second.log_losses, people, resampling)
    return {**found, "log_loss": losses}


def measure_pairs(trials: HeldOutPairs, member: int) -> tuple[Estimate, ...]:
    """EER, AUC, two TPRs and the ten-fold accuracy of one member.

    Where each fold has trials of its own, its scores are brought to mean 0 and deviation 1 first: the
    networks of two folds have scales of their own.
    """
    scores = pooled(trials.values("scores")[member], trials.pools)
    notes = {name: f"{least_impostors(name)} impostor pairs are needed" for name in PAIR_METRICS}
    try:
        intervals = verification_intervals(scores, trials.labels, trials.people, PAIR_METRICS)
    except InputError as error:
        intervals, notes = {}, dict.fromkeys(PAIR_METRICS, str(error))
    by_fold = _verification_by_fold(trials, member)
    values = verification_summary(scores, trials.labels)
    measured = [
        Estimate(
            name,
            values[name],
            intervals.get(name),
            tuple(each[name] for each in by_fold),
            "" if name in intervals else notes[name],
        )
        for name in PAIR_METRICS
    ]
    return (*measured, *_ten_fold(scores, trials))


def measure_episodes(member: Member, ways: int = 5) -> tuple[Estimate, ...]:
    """How often one of `ways` people is known from a single picture of each, among the people of the trials.

    Each fold's network is asked about its own held-out people; the interval is for the mean over folds.
    Nothing where it is not known who the trials show, or too few people have two pictures.
    """
    episodes = [_episodes(member, fold, ways) for fold in member.folds]
    found = [each for each in episodes if each is not None]
    if not found:
        return ()
    value = float(np.mean([each.value for each in found]))
    half_width = float(np.linalg.norm([(each.high - each.low) / 2 for each in found])) / len(found)
    interval = Interval(value, max(0.0, value - half_width), min(1.0, value + half_width))
    name = f"{ways}-way one-shot accuracy"
    return (Estimate(name, value, interval, tuple(each.value for each in found)),)


def _episodes(member: Member, fold: FoldFolder, ways: int) -> EpisodeAccuracy | None:
    person_of = dict(known_people(fold))
    if not person_of:
        return None
    images = np.array(sorted(person_of))
    embeddings = open_embeddings(member, fold, "oof").aligned_to(images)
    try:
        return episode_accuracy(embeddings.vectors, [person_of[image] for image in images.tolist()], ways)
    except InputError:
        return None


def _ten_fold(scores: FloatArray, trials: HeldOutPairs) -> Iterator[Estimate]:
    """The ten-fold accuracy over sets that share nobody, or where these cannot be made over others.

    Sets that share nobody vary as other people would, so their spread gives an interval (Student's t).
    """
    sets = disjoint_sets(trials.people, trials.labels, NUM_SETS)
    if sets is not None:
        found = verification_accuracy(scores, trials.labels, sets)
        margin = _T_OF_NINE * found.standard_error
        interval = Interval(found.mean, found.mean - margin, found.mean + margin)
        yield Estimate("ten-fold accuracy", found.mean, interval, tuple(found.accuracies.tolist()))
        return
    sets = np.array([int.from_bytes(stable_order(key)) % NUM_SETS for key in trials.pair_ids.tolist()])
    if len(np.unique(sets)) == NUM_SETS:
        found = verification_accuracy(scores, trials.labels, sets)
        name = "ten-fold accuracy, sets share people"
        yield Estimate(name, found.mean, None, tuple(found.accuracies.tolist()))


def compare_pairs(trials: HeldOutPairs, first: int, second: int) -> dict[str, Difference]:
    """EER, AUC and two TPRs, first member minus second; what has too few people or impostors is left out."""
    values = trials.values("scores")
    try:
        pairs = PairsOfPeople.of(trials.people, trials.labels == 1)
    except InputError:
        return {}
    one, other = (ScoredPairs.of(pooled(values[member], trials.pools), pairs) for member in (first, second))
    return {name: difference_between(one, other, name) for name in PAIR_METRICS if one.has_interval(name)}


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
    ranks = [_ranks(fold.member_scores[number], fold.labels) for fold in held_out]
    sizes = [len(fold.labels) for fold in held_out]
    return ClassFigures(
        np.concatenate(ranks),
        np.concatenate([fold.labels for fold in held_out]),
        np.repeat([fold.fold for fold in held_out], sizes),
        np.concatenate([_log_losses(fold.member_scores[number], fold.labels) for fold in held_out]),
    )


def _measured_classes(figures: ClassFigures, resampling: Resampling) -> tuple[Estimate, ...]:
    columns = {
        "accuracy": figures.ranks <= 1,
        "top5": figures.ranks <= 5,
        "log_loss": figures.log_losses,
    }
    measured = []
    for name, values in columns.items():
        interval = clustered_mean_interval(values, figures.labels, resampling)
        folds = tuple(float(values[figures.folds == number].mean()) for number in np.unique(figures.folds))
        measured.append(Estimate(name, interval.value, interval, folds))
    return tuple(measured)


def _ranks(source: MemberScores, labels: IntArray) -> IntArray:
    ranks = np.empty(len(labels), np.int64)
    for part in row_blocks(len(labels), source.values.shape[1] * 4):
        ranks[part] = true_class_ranks(finite_block(source, part), labels[part])
    return ranks


def _log_losses(source: MemberScores, labels: IntArray) -> FloatArray:
    """Minus the log-probability of the true class of each image (N), in nats, at most `_MOST_LOSS`."""
    losses = np.empty(len(labels))
    for part in row_blocks(len(labels), source.values.shape[1] * 4):
        logs = log_softmax(finite_block(source, part).astype(np.float64))
        losses[part] = -logs[np.arange(part.stop - part.start), labels[part]]
    return np.minimum(losses, _MOST_LOSS)


def _verification_by_fold(trials: HeldOutPairs, member: int) -> list[dict[str, float]]:
    figures = []
    for fold in trials.folds:
        scores: FloatArray = fold.member_scores[member].block(slice(0, len(fold.positions)))
        labels = trials.labels[fold.positions]
        if 0 < labels.sum() < len(labels):
            figures.append(verification_summary(scores, labels))
    return figures
