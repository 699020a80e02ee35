"""Weights for classification, found on out-of-fold logits with a nested split over people.

Letters: M members, N images, J candidate classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kaggle_face.ensemble.blending import ClassSpace
from kaggle_face.ensemble.search.candidates import (
    Contender,
    Contest,
    Kind,
    contender_name,
    is_challenger,
    settle,
)
from kaggle_face.ensemble.search.class_logits import CandidateTable, gather_candidates
from kaggle_face.ensemble.search.temperature import fit_temperatures
from kaggle_face.ensemble.search.weights import (
    constrained_log_weights,
    constrained_probability_weights,
    equal_weights,
    hill_climb,
    weighted_mean,
)
from kaggle_face.evaluation.member_scores import HeldOutLogits
from kaggle_face.evaluation.nested_split import BoolArray, halves_of_classes, nested
from kaggle_face.evaluation.objective import CLASS_METRICS, TaskObjective
from kaggle_face.metrics.classification import hits_at_ranks, true_class_ranks
from kaggle_face.metrics.intervals.bootstrap import (
    DEFAULT_RESAMPLING,
    Difference,
    Resampling,
    clustered_mean_difference,
)
from kaggle_face.progress import Progress, SilentProgress
from kaggle_face.records import FloatArray, IntArray, StrArray

_SILENT = SilentProgress()
_AS_THEY_ARE, _FROM_FIRST, _FROM_SECOND, _FROM_ALL = range(4)
"""Sets of temperatures: all 1; found on the first half, on the second, on all."""


@dataclass(frozen=True, eq=False)
class ClassBoard:
    """All that the search reads: candidate logits, and the half of each image."""

    table: CandidateTable
    halves: IntArray
    objective: TaskObjective
    resampling: Resampling = DEFAULT_RESAMPLING

    @property
    def everything(self) -> BoolArray:
        """All images."""
        return np.ones(len(self.halves), np.bool_)


@dataclass(frozen=True)
class _Method:
    kind: Kind
    space: ClassSpace
    is_calibrated: bool


def open_class_board(
    held_out: Sequence[HeldOutLogits],
    class_names: StrArray,
    objective: TaskObjective,
    progress: Progress,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> ClassBoard:
    """Fits temperatures on each half and on all, and reads the records once."""
    half_of_class = halves_of_classes(np.concatenate([fold.labels for fold in held_out]), class_names)
    halves = [half_of_class[fold.labels] for fold in held_out]
    sets = [(1.0,) * len(held_out[0].sources)] * 4
    if len(held_out[0].sources) > 1:
        sets[_FROM_FIRST] = fit_temperatures(held_out, [half == 0 for half in halves])
        sets[_FROM_SECOND] = fit_temperatures(held_out, [half == 1 for half in halves])
        sets[_FROM_ALL] = fit_temperatures(held_out, [half >= 0 for half in halves])
    table = gather_candidates(held_out, sets, progress)
    return ClassBoard(table, half_of_class[table.labels], objective, resampling)


def contest_classes(
    board: ClassBoard, names: Sequence[str], kinds: Sequence[Kind], progress: Progress = _SILENT
) -> Contest:
    """Lets all single members and all blends of the wanted kinds compete; `names` (M) are the members'."""
    singles = [_single(board, member, name) for member, name in enumerate(names)]
    best = max(singles, key=lambda single: board.objective(single.metrics))
    contenders = list(singles)
    if len(names) > 1:
        plain = _Method("equal", "probabilities", False)
        mean = _blend(board, plain, best, None)
        contenders.append(mean)
        if mean.gain is not None:
            methods = list(_methods(kinds))
            with progress.track("blending probabilities", len(methods), "ways") as counter:
                for method in methods:
                    contenders.append(_blend(board, method, best, mean))
                    counter.advance()
    return settle(board.objective.main_metric, best, contenders)


def class_metrics(ranks: IntArray) -> dict[str, float]:
    """Accuracy, top-5 accuracy and MAP@5 from the ranks (N) of the true classes."""
    return {name: float(np.mean(hits_at_ranks(ranks, name))) for name in CLASS_METRICS}


def fit_class_weights(
    board: ClassBoard, kind: Kind, space: ClassSpace, temperature_set: int, rows: BoolArray
) -> FloatArray:
    """The weights of a method, found on the chosen images alone."""
    values = board.table.values(space, temperature_set, rows)
    true_column = board.table.true_column[rows]
    match kind:
        case "single" | "equal":
            return equal_weights(len(values))
        case "hill":
            return hill_climb(values, lambda mean: _judge(mean, true_column, space, board.objective))
        case "constrained" if space == "probabilities":
            true_MN = np.take_along_axis(values, true_column[None, :, None], axis=2)[..., 0]
            return constrained_probability_weights(np.maximum(true_MN, 0))
        case _:
            return constrained_log_weights(values, true_column)


def _methods(kinds: Sequence[Kind]) -> Iterator[_Method]:
    spaces: tuple[ClassSpace, ...] = ("probabilities", "log_probabilities", "ranks")
    for kind in kinds:
        for space in spaces:
            if (kind, space) != ("constrained", "ranks"):  # ranks have no log loss to minimise
                yield _Method(kind, space, space != "ranks")


def _single(board: ClassBoard, member: int, name: str) -> Contender:
    logits = board.table.values("log_probabilities", _AS_THEY_ARE)[member]
    ranks = true_class_ranks(logits, board.table.true_column)
    count = len(board.table.logits)
    weights = tuple(float(other == member) for other in range(count))
    metrics = class_metrics(ranks)
    ones = (1.0,) * count
    main = metrics[board.objective.main_metric]
    return Contender(name, "single", "probabilities", weights, ones, metrics, honest=main)


def _blend(board: ClassBoard, method: _Method, best: Contender, mean: Contender | None) -> Contender:
    """A blend with its final weights, and its honest figures beside the optimistic ones."""
    final_set = _FROM_ALL if method.is_calibrated else _AS_THEY_ARE
    weights = fit_class_weights(board, method.kind, method.space, final_set, board.everything)
    final_ranks = _ranks(board, method, final_set, weights, board.everything)
    metrics, main = class_metrics(final_ranks), board.objective.main_metric
    contender = Contender(
        name=contender_name(method.kind, method.space, method.is_calibrated),
        kind=method.kind,
        space=method.space,
        weights=tuple(weights.tolist()),
        temperatures=board.table.temperatures[final_set],
        metrics=metrics,
        optimistic_gain=metrics[main] - best.metrics[main],
    )
    if len(np.unique(board.halves)) < 2:
        return contender
    ranks = _nested_ranks(board, method)
    judged = replace(contender, honest=class_metrics(ranks)[main], gain=_gain(board, ranks, best))
    if mean is None or not is_challenger(judged, mean):
        return judged
    return replace(judged, over_mean=_gain(board, ranks, mean))


def _gain(board: ClassBoard, ranks: IntArray, other: Contender) -> Difference:
    """How much better the places of the true classes are than with another contender, by the main metric."""
    metric = board.objective.main_metric
    hits, others = hits_at_ranks(ranks, metric), hits_at_ranks(_contender_ranks(board, other), metric)
    return clustered_mean_difference(hits, others, board.table.labels, board.resampling)


def _nested_ranks(board: ClassBoard, method: _Method) -> IntArray:
    """Ranks of the true classes (N), each by weights and temperatures from the other half of the people."""
    ranks = np.empty(len(board.halves), np.int64)
    for half, (found_on, judged_on) in enumerate(nested(board.halves)):
        chosen_set = (_FROM_FIRST, _FROM_SECOND)[half] if method.is_calibrated else _AS_THEY_ARE
        weights = fit_class_weights(board, method.kind, method.space, chosen_set, found_on)
        ranks[judged_on] = _ranks(board, method, chosen_set, weights, judged_on)
    return ranks


def _contender_ranks(board: ClassBoard, contender: Contender) -> IntArray:
    """Ranks by a contender that needs no nested split: a single member or the plain mean."""
    plain = _Method("equal", "probabilities", False)
    return _ranks(board, plain, _AS_THEY_ARE, np.array(contender.weights), board.everything)


def _ranks(
    board: ClassBoard, method: _Method, temperature_set: int, weights: FloatArray, rows: BoolArray
) -> IntArray:
    values = board.table.values(method.space, temperature_set, rows)
    return true_class_ranks(weighted_mean(values, weights), board.table.true_column[rows])


def _judge(
    mean: FloatArray, true_column: IntArray, space: ClassSpace, objective: TaskObjective
) -> tuple[float, ...]:
    """The objective; between equals, what the blend gives the true class on average."""
    given = mean[np.arange(len(true_column)), true_column]
    if space == "probabilities":
        given = np.log(np.maximum(given, 1e-12))
    if {"top5", "map@5"} & set(objective.composite.names):
        metrics = class_metrics(true_class_ranks(mean, true_column))
    else:
        metrics = {"accuracy": float(np.mean(mean.argmax(axis=1) == true_column)), "top5": 0.0, "map@5": 0.0}
    return objective(metrics), float(np.maximum(given, -60).mean())
