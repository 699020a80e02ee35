"""All metrics of a run on held-out data, with intervals, and two runs compared.

Intervals are for other people (`metrics.bootstrap`, `metrics.pair_intervals`). Letters: N images, P pairs,
F folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.competitions.catalogue.ranking import ClassMetric
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
)
from kaggle_face.evaluation.members import Member
from kaggle_face.evaluation.nested_split import disjoint_sets, stable_order
from kaggle_face.evaluation.objective import PAIR_METRICS
from kaggle_face.evaluation.pair_scales import pooled
from kaggle_face.evaluation.thresholds import simulate_gallery
from kaggle_face.metrics.classification import (
    ConfusionPair,
    calibration_error,
    confusion_pairs,
    hits_at_ranks,
    per_class_accuracy,
    true_class_ranks,
)
from kaggle_face.metrics.episodes import episode_accuracy
from kaggle_face.metrics.identification import rank_k_identification
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
from kaggle_face.records import Embeddings, FloatArray, IntArray

NUM_SETS = 10
"""Sets of pairs of the ten-fold accuracy."""
MOST_LOSS = 87.0
"""A class of probability 1e-38, the least that float32 has; an infinite loss has no mean and no interval."""
_T_OF_NINE = 2.262
"""Student's t with nine degrees of freedom: the 97.5 % quantile."""


@dataclass(frozen=True, eq=False)
class ClassFigures:
    """One member's answers to the held-out images (N) of all folds.

    Attributes:
        ranks: Of the true classes, 1 = likeliest.
        labels: The true classes.
        folds: The fold that holds the image out.
        log_losses: Minus the log-probability of the true class, in nats.
        predicted: The likeliest classes.
        confidences: Their probabilities.
    """

    ranks: IntArray
    labels: IntArray
    folds: IntArray
    log_losses: FloatArray
    predicted: IntArray
    confidences: FloatArray


@dataclass(frozen=True, eq=False)
class ClassDetails:
    """The class errors of one member on held-out images.

    Attributes:
        calibration_error: Expected calibration error in [0, 1].
        class_accuracies: Accuracy (C) of each class; NaN for a class without held-out images.
        confusions: The most frequent mistakes, the most frequent first.
    """

    calibration_error: float
    class_accuracies: FloatArray
    confusions: tuple[ConfusionPair, ...]


def measure_classes(
    members: Sequence[Member],
    resampling: Resampling = DEFAULT_RESAMPLING,
    own_metric: ClassMetric = "accuracy",
) -> list[tuple[Estimate, ...]]:
    """The competition's own metric, accuracy, top-5 accuracy and log loss of each member.

    Raises:
        RunError: A record is missing, or the members were trained on different folds or classes.
        DataError: A record holds NaN.
    """
    return [estimates_of_classes(each, resampling, own_metric) for each in class_figures(members)]


def values_of_images(figures: ClassFigures, own_metric: ClassMetric = "accuracy") -> dict[str, FloatArray]:
    """The per-image values (N) whose mean is each metric, the competition's own first."""
    values = {name: hits_at_ranks(figures.ranks, name) for name in (own_metric, "accuracy", "top5")}
    return {**values, "log_loss": figures.log_losses}


def estimates_of_classes(
    figures: ClassFigures,
    resampling: Resampling = DEFAULT_RESAMPLING,
    own_metric: ClassMetric = "accuracy",
) -> tuple[Estimate, ...]:
    """The competition's own metric, accuracy, top-5 accuracy and log loss of one member's answers."""
    rows_of_fold = [figures.folds == number for number in np.unique(figures.folds)]
    estimates = []
    for name, values in values_of_images(figures, own_metric).items():
        interval = clustered_mean_interval(values, figures.labels, resampling)
        folds = tuple(float(values[rows].mean()) for rows in rows_of_fold)
        estimates.append(Estimate(name, interval.value, interval, folds))
    return tuple(estimates)


def class_figures(members: Sequence[Member]) -> list[ClassFigures]:
    """Ranks and losses of the true classes by each member, on the same images in the same order."""
    return figures_of_logits(open_held_out_logits(members))


def figures_of_logits(held_out: Sequence[HeldOutLogits]) -> list[ClassFigures]:
    """The figures of each member from open logits, of the folds one after the other."""
    labels = np.concatenate([fold.labels for fold in held_out])
    folds = np.repeat([fold.fold for fold in held_out], [len(fold.labels) for fold in held_out])
    figures = []
    for number in range(len(held_out[0].member_scores)):
        columns = [_answers(fold.member_scores[number], fold.labels) for fold in held_out]
        ranks, losses, predicted, confidences = (np.concatenate(each) for each in zip(*columns, strict=True))
        figures.append(ClassFigures(ranks, labels, folds, losses, predicted, confidences))
    return figures


def class_details(figures: ClassFigures, num_classes: int, most: int) -> ClassDetails:
    """Calibration, accuracy of each class, and at most `most` frequent confusions."""
    return ClassDetails(
        calibration_error(figures.confidences, figures.predicted == figures.labels),
        per_class_accuracy(figures.predicted, figures.labels, num_classes),
        tuple(confusion_pairs(figures.predicted, figures.labels, num_classes, most)),
    )


def compare_classes(
    first: ClassFigures,
    second: ClassFigures,
    resampling: Resampling = DEFAULT_RESAMPLING,
    own_metric: ClassMetric = "accuracy",
) -> dict[str, Difference]:
    """The metrics of `estimates_of_classes`, first minus second, on the same resampled people."""
    others = values_of_images(second, own_metric)
    return {
        name: clustered_mean_difference(values, others[name], first.labels, resampling)
        for name, values in values_of_images(first, own_metric).items()
    }


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
    by_fold = []
    for fold in trials.folds:
        labels = trials.labels[fold.positions]
        if 0 < labels.sum() < len(labels):
            of_fold = fold.member_scores[member].block(slice(0, len(fold.positions)))
            by_fold.append(verification_summary(of_fold, labels))
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
    """Accuracy at naming one of `ways` people from a single picture of each, among the people of the trials.

    Each fold's network embeds its own held-out people; the interval is for the mean over folds. Empty where
    the people of the trials are not known, or too few of them have two images.
    """
    found = []
    for fold in member.folds:
        embeddings, people = named_embeddings(member, fold)
        with suppress(InputError):  # too few people
            if len(people):
                found.append(episode_accuracy(embeddings.vectors, people, ways))
    if not found:
        return ()
    value = float(np.mean([each.value for each in found]))
    half_width = float(np.linalg.norm([(each.high - each.low) / 2 for each in found])) / len(found)
    interval = Interval(value, max(0.0, value - half_width), min(1.0, value + half_width))
    name = f"{ways}-way one-shot accuracy"
    return (Estimate(name, value, interval, tuple(each.value for each in found)),)


def measure_identification(member: Member, ks: Sequence[int] = (1, 5)) -> tuple[Estimate, ...]:
    """Rank-K identification: each person of the trials is known from one image, all others are probes.

    Each fold's network embeds its own held-out people. Empty where the people of the trials are not known, or
    none of them has two images.

    Raises:
        RunError: The member has no out-of-fold embeddings.
    """
    by_fold: list[dict[int, float]] = []
    for fold in member.folds:
        embeddings, people = named_embeddings(member, fold)
        gallery = simulate_gallery(embeddings.image_ids, people, unknown_share=0.0) if len(people) else None
        if gallery is not None and gallery.has_match.any():
            probes = gallery.probes[gallery.has_match]
            by_fold.append(
                rank_k_identification(
                    embeddings.vectors[probes],
                    embeddings.vectors[gallery.enrolled],
                    people[probes],
                    people[gallery.enrolled],
                    ks,
                )
            )
    return tuple(
        Estimate(f"rank-{k} identification", float(np.mean([each[k] for each in by_fold])), None, values)
        for k in (ks if by_fold else ())
        for values in [tuple(each[k] for each in by_fold)]
    )


def named_embeddings(member: Member, fold: FoldFolder) -> tuple[Embeddings, IntArray]:
    """Embeddings of the images of a fold's trials, sorted by id, and a number for the person of each."""
    person_of = dict(known_people(fold))
    images = np.array(sorted(person_of), np.str_)
    people = np.unique([person_of[image] for image in images.tolist()], return_inverse=True)[1]
    if not len(images):
        return Embeddings(images, np.empty((0, 1), np.float32)), people.astype(np.int64)
    return open_embeddings(member, fold, "oof").aligned_to(images), people.astype(np.int64)


def _ten_fold(scores: FloatArray, trials: HeldOutPairs) -> Iterator[Estimate]:
    """The ten-fold accuracy over sets without a common person, or where these cannot be made over others.

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
    """EER, AUC and two TPRs, first member minus second, without those of too few people or impostors."""
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


def _answers(scores: MemberScores, labels: IntArray) -> tuple[IntArray, FloatArray, IntArray, FloatArray]:
    """Ranks and losses of the true classes, likeliest classes and their probabilities, in one pass."""
    ranks, losses = np.empty(len(labels), np.int64), np.empty(len(labels))
    predicted, confidences = np.empty(len(labels), np.int64), np.empty(len(labels))
    for part in row_blocks(len(labels), scores.values.shape[1] * 4):
        logits_BC = finite_block(scores, part)
        logs_BC = log_softmax(logits_BC.astype(np.float64))
        ranks[part] = true_class_ranks(logits_BC, labels[part])
        losses[part] = -logs_BC[np.arange(part.stop - part.start), labels[part]]
        predicted[part] = logits_BC.argmax(axis=1)
        confidences[part] = np.exp(logs_BC.max(axis=1))
    return ranks, np.minimum(losses, MOST_LOSS), predicted, confidences
