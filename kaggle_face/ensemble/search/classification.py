"""Weights for classification, found on out-of-fold logits with a nested split over people.

Letters: M members, N images, J likely classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kaggle_face.ensemble.blending import CLASS_SPACES, ClassSpace
from kaggle_face.ensemble.search.candidates import (
    Candidate,
    Kind,
    Selection,
    candidate_name,
    is_challenger,
    select,
)
from kaggle_face.ensemble.search.class_logits import LikelyClasses, gather_likely_classes
from kaggle_face.ensemble.search.temperature import fit_temperatures
from kaggle_face.ensemble.search.weights import (
    constrained_log_weights,
    constrained_probability_weights,
    equal_weights,
    hill_climb,
    weighted_mean,
)
from kaggle_face.evaluation.member_scores import HeldOutLogits
from kaggle_face.evaluation.nested_split import BoolArray, nested_split, sides_of_classes
from kaggle_face.evaluation.objective import CLASS_METRICS, TaskObjective
from kaggle_face.metrics.classification import hits_at_ranks, true_class_ranks
from kaggle_face.metrics.intervals.bootstrap import (
    DEFAULT_RESAMPLING,
    Difference,
    Interval,
    Resampling,
    clustered_mean_difference,
    clustered_mean_interval,
)
from kaggle_face.progress import Progress, SilentProgress
from kaggle_face.records import FloatArray, IntArray, StrArray

_SILENT = SilentProgress()
_AS_THEY_ARE, _FROM_FIRST, _FROM_SECOND, _FROM_ALL = range(4)
"""Sets of temperatures: all 1; found on the first side, on the second, on all."""


@dataclass(frozen=True, eq=False)
class ClassProblem:
    """The input of the search: candidate logits, and the side of each image."""

    table: LikelyClasses
    sides: IntArray
    objective: TaskObjective
    resampling: Resampling = DEFAULT_RESAMPLING

    @property
    def everything(self) -> BoolArray:
        """All images."""
        return np.ones(len(self.sides), np.bool_)


@dataclass(frozen=True)
class _Method:
    kind: Kind
    space: ClassSpace
    is_calibrated: bool


def open_class_problem(
    held_out: Sequence[HeldOutLogits],
    class_names: StrArray,
    objective: TaskObjective,
    progress: Progress,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> ClassProblem:
    """Fits temperatures on each side and on all, and reads the records once."""
    side_of_class = sides_of_classes(np.concatenate([fold.labels for fold in held_out]), class_names)
    sides = [side_of_class[fold.labels] for fold in held_out]
    sets = [(1.0,) * len(held_out[0].member_scores)] * 4
    if len(held_out[0].member_scores) > 1:
        sets[_FROM_FIRST] = fit_temperatures(held_out, [side == 0 for side in sides])
        sets[_FROM_SECOND] = fit_temperatures(held_out, [side == 1 for side in sides])
        sets[_FROM_ALL] = fit_temperatures(held_out, [side >= 0 for side in sides])
    table = gather_likely_classes(held_out, sets, progress)
    return ClassProblem(table, side_of_class[table.labels], objective, resampling)


def select_classes(
    problem: ClassProblem,
    names: Sequence[str],
    kinds: Sequence[Kind],
    progress: Progress = _SILENT,
    spaces: Sequence[ClassSpace] = CLASS_SPACES,
) -> Selection:
    """Measures all single members (`names`, M) and all blends of the kinds and spaces, and selects one."""
    singles = [_single(problem, member, name) for member, name in enumerate(names)]
    best = max(singles, key=lambda single: problem.objective(single.metrics))
    candidates = list(singles)
    if len(names) > 1:
        plain = _Method("equal", "probabilities", False)
        mean = _blend(problem, plain, best, None)
        candidates.append(mean)
        if mean.gain is not None:
            methods = [
                _Method(kind, space, space != "ranks")
                for kind in kinds
                for space in spaces
                if (kind, space) != ("constrained", "ranks")  # ranks have no log loss to minimise
            ]
            with progress.track("blending probabilities", len(methods), "ways") as counter:
                for method in methods:
                    candidates.append(_blend(problem, method, best, mean))
                    counter.advance()
    return select(problem.objective.main_metric, best, candidates)


def interval_of_ranks(problem: ClassProblem, ranks: IntArray) -> Interval:
    """The main metric of the ranks (N) of the true classes, with its interval for other people."""
    hits = hits_at_ranks(ranks, problem.objective.main_metric)
    return clustered_mean_interval(hits, problem.table.labels, problem.resampling)


def interval_of_candidate(problem: ClassProblem, candidate: Candidate) -> Interval:
    """The main metric of a candidate on everything that is held out, with its interval for other people."""
    space = next(space for space in CLASS_SPACES if space == candidate.space)
    temperature_set = problem.table.temperatures.index(candidate.temperatures)
    method = _Method(candidate.kind, space, False)
    ranks = _ranks(problem, method, temperature_set, np.array(candidate.weights), problem.everything)
    return interval_of_ranks(problem, ranks)


def class_metrics(ranks: IntArray) -> dict[str, float]:
    """Accuracy, top-5 accuracy and MAP@5 from the ranks (N) of the true classes."""
    return {name: float(np.mean(hits_at_ranks(ranks, name))) for name in CLASS_METRICS}


def fit_class_weights(
    problem: ClassProblem, kind: Kind, space: ClassSpace, temperature_set: int, rows: BoolArray
) -> FloatArray:
    """The weights of a method, found on the chosen images alone."""
    values = problem.table.values(space, temperature_set, rows)
    true_column = problem.table.true_column[rows]
    match kind:
        case "single" | "equal":
            return equal_weights(len(values))
        case "hill":
            return hill_climb(values, lambda mean: _judge(mean, true_column, space, problem.objective))
        case "constrained" if space == "probabilities":
            true_MN = np.take_along_axis(values, true_column[None, :, None], axis=2)[..., 0]
            return constrained_probability_weights(np.maximum(true_MN, 0))
        case _:
            return constrained_log_weights(values, true_column)


def _single(problem: ClassProblem, member: int, name: str) -> Candidate:
    logits = problem.table.values("log_probabilities", _AS_THEY_ARE)[member]
    ranks = true_class_ranks(logits, problem.table.true_column)
    count = len(problem.table.logits)
    weights = tuple(float(other == member) for other in range(count))
    metrics = class_metrics(ranks)
    ones = (1.0,) * count
    main = metrics[problem.objective.main_metric]
    return Candidate(name, "single", "probabilities", weights, ones, metrics, nested=main)


def _blend(problem: ClassProblem, method: _Method, best: Candidate, mean: Candidate | None) -> Candidate:
    """A blend with its final weights, and its nested figures beside the in-sample ones."""
    final_set = _FROM_ALL if method.is_calibrated else _AS_THEY_ARE
    weights = fit_class_weights(problem, method.kind, method.space, final_set, problem.everything)
    final_ranks = _ranks(problem, method, final_set, weights, problem.everything)
    metrics, main = class_metrics(final_ranks), problem.objective.main_metric
    candidate = Candidate(
        name=candidate_name(method.kind, method.space, method.is_calibrated),
        kind=method.kind,
        space=method.space,
        weights=tuple(weights.tolist()),
        temperatures=problem.table.temperatures[final_set],
        metrics=metrics,
        in_sample_gain=metrics[main] - best.metrics[main],
    )
    if len(np.unique(problem.sides)) < 2:
        return candidate
    ranks = _nested_ranks(problem, method)
    judged = replace(candidate, nested=class_metrics(ranks)[main], gain=_gain(problem, ranks, best))
    if mean is None or not is_challenger(judged, mean):
        return judged
    return replace(judged, over_mean=_gain(problem, ranks, mean))


def _gain(problem: ClassProblem, ranks: IntArray, other: Candidate) -> Difference:
    """The gain of ranks over a single member or the plain mean, by the main metric."""
    metric = problem.objective.main_metric
    plain = _Method("equal", "probabilities", False)
    other_ranks = _ranks(problem, plain, _AS_THEY_ARE, np.array(other.weights), problem.everything)
    hits, others = hits_at_ranks(ranks, metric), hits_at_ranks(other_ranks, metric)
    return clustered_mean_difference(hits, others, problem.table.labels, problem.resampling)


def _nested_ranks(problem: ClassProblem, method: _Method) -> IntArray:
    """Ranks of the true classes (N), each by weights and temperatures from the other side of the people."""
    ranks = np.empty(len(problem.sides), np.int64)
    for side, (found_on, judged_on) in enumerate(nested_split(problem.sides)):
        chosen_set = (_FROM_FIRST, _FROM_SECOND)[side] if method.is_calibrated else _AS_THEY_ARE
        weights = fit_class_weights(problem, method.kind, method.space, chosen_set, found_on)
        ranks[judged_on] = _ranks(problem, method, chosen_set, weights, judged_on)
    return ranks


def _ranks(
    problem: ClassProblem, method: _Method, temperature_set: int, weights: FloatArray, rows: BoolArray
) -> IntArray:
    values = problem.table.values(method.space, temperature_set, rows)
    return true_class_ranks(weighted_mean(values, weights), problem.table.true_column[rows])


def _judge(
    mean: FloatArray, true_column: IntArray, space: ClassSpace, objective: TaskObjective
) -> tuple[float, ...]:
    """The objective; between equals, the mean probability of the true class."""
    given = mean[np.arange(len(true_column)), true_column]
    if space == "probabilities":
        given = np.log(np.maximum(given, 1e-12))
    if {"top5", "map@5"} & set(objective.composite.names):
        metrics = class_metrics(true_class_ranks(mean, true_column))
    else:
        metrics = {"accuracy": float(np.mean(mean.argmax(axis=1) == true_column)), "top5": 0.0, "map@5": 0.0}
    return objective(metrics), float(np.maximum(given, -60).mean())
