"""Weights for verification, found on out-of-fold pair scores with a nested split over people.

The networks of two folds score on scales of their own, and a test pair is scored by all of them; so where
each fold has trials of its own, scores are brought to mean 0 and deviation 1 within a fold before folds are
judged together. Letters: M members, P pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from kaggle_face.ensemble.search.candidates import (
    Candidate,
    Kind,
    Selection,
    candidate_name,
    is_challenger,
    select,
)
from kaggle_face.ensemble.search.weights import (
    constrained_pair_weights,
    equal_weights,
    hill_climb,
    weighted_mean,
)
from kaggle_face.errors import InputError
from kaggle_face.evaluation.held_out_pairs import HeldOutPairs
from kaggle_face.evaluation.nested_split import STRADDLING, BoolArray, nested_split, spread_sample
from kaggle_face.evaluation.objective import TaskObjective
from kaggle_face.evaluation.pair_scales import PAIR_SPACES, PairSpace, pooled
from kaggle_face.metrics.intervals.bootstrap import Difference, Interval
from kaggle_face.metrics.intervals.verification import verification_difference, verification_intervals
from kaggle_face.metrics.table import METRICS
from kaggle_face.metrics.trials import VERIFICATION_METRICS, SortedTrials, sort_trials
from kaggle_face.metrics.verification import verification_summary
from kaggle_face.progress import Progress, SilentProgress
from kaggle_face.records import FloatArray, IntArray

_SILENT = SilentProgress()
MOST_PAIRS = 30_000
"""More pairs than these make weights no better, only slower."""


@dataclass(eq=False)
class PairProblem:
    """The input of the search."""

    trials: HeldOutPairs
    objective: TaskObjective

    @property
    def everything(self) -> BoolArray:
        """All pairs."""
        return np.ones(len(self.trials.labels), np.bool_)

    @cached_property
    def searched(self) -> BoolArray:
        """The pairs that weights are searched on, at most `MOST_PAIRS`, chosen by a hash of their ids."""
        chosen = np.zeros(len(self.trials.labels), np.bool_)
        chosen[spread_sample(self.trials.pair_ids, MOST_PAIRS)] = True
        return chosen

    @property
    def on_one_side(self) -> BoolArray:
        """Pairs whose two people lie in one side: nested figures are measured on them."""
        inside: BoolArray = self.trials.sides != STRADDLING
        return inside


def select_pairs(
    problem: PairProblem, names: Sequence[str], kinds: Sequence[Kind], progress: Progress = _SILENT
) -> Selection:
    """Measures all single members and all blends of the wanted kinds and selects one; `names` (M)."""
    singles = [_single(problem, member, name, len(names)) for member, name in enumerate(names)]
    best = max(singles, key=lambda single: problem.objective(single.metrics))
    candidates = list(singles)
    if len(names) > 1:
        mean = _blend(problem, "equal", "scores", best, None)
        candidates.append(mean)
        if mean.gain is not None:
            methods = [(kind, space) for kind in kinds for space in PAIR_SPACES]
            others = [method for method in methods if method != ("equal", "scores")]
            with progress.track("blending pair scores", len(others), "ways") as counter:
                for kind, space in others:
                    candidates.append(_blend(problem, kind, space, best, mean))
                    counter.advance()
    return select(problem.objective.main_metric, best, candidates)


def fit_pair_weights(problem: PairProblem, kind: Kind, space: PairSpace, rows: BoolArray) -> FloatArray:
    """The weights of a method, found on the chosen pairs alone."""
    rows = rows & problem.searched
    values, labels = problem.trials.values(space, rows), problem.trials.labels[rows]
    pools = problem.trials.pools[rows]
    match kind:
        case "single" | "equal":
            return equal_weights(len(values))
        case "hill":
            return hill_climb(values, lambda mean: judge_scores(mean, labels, pools, problem.objective))
        case "constrained":
            return constrained_pair_weights(values, labels)


def can_be_nested(problem: PairProblem) -> bool:
    """Whether both sides hold pairs of both kinds."""
    labels, sides = problem.trials.labels, problem.trials.sides
    return all(len(np.unique(labels[sides == side])) == 2 for side in (0, 1))


def _single(problem: PairProblem, member: int, name: str, count: int) -> Candidate:
    weights = tuple(float(other == member) for other in range(count))
    scores = _scores(problem, "scores", np.array(weights), problem.everything)
    metrics = verification_summary(scores, problem.trials.labels)
    main = metrics[problem.objective.main_metric]
    return Candidate(name, "single", "scores", weights, (), metrics, nested=main)


def _blend(
    problem: PairProblem, kind: Kind, space: PairSpace, best: Candidate, mean: Candidate | None
) -> Candidate:
    """A blend with its final weights, and its nested figures beside the in-sample ones."""
    weights = fit_pair_weights(problem, kind, space, problem.everything)
    metrics = verification_summary(
        _scores(problem, space, weights, problem.everything), problem.trials.labels
    )
    main = problem.objective.main_metric
    candidate = Candidate(
        name=candidate_name(kind, space),
        kind=kind,
        space=space,
        weights=tuple(weights.tolist()),
        temperatures=(),
        metrics=metrics,
        in_sample_gain=(metrics[main] - best.metrics[main]) * METRICS[main].sign,
    )
    if not can_be_nested(problem):
        return candidate
    scores = _nested_scores(problem, kind, space)
    nested = verification_summary(scores, problem.trials.labels[problem.on_one_side])[main]
    judged = replace(
        candidate, nested=nested, gain=gain_between(problem, scores, _on_one_side(problem, best))
    )
    if mean is None or not is_challenger(judged, mean):
        return judged
    return replace(judged, over_mean=gain_between(problem, scores, _on_one_side(problem, mean)))


def _nested_scores(problem: PairProblem, kind: Kind, space: PairSpace) -> FloatArray:
    """Scores of the pairs that do not straddle the split, each by weights from the other side."""
    scores = np.empty(len(problem.trials.labels))
    for found_on, judged_on in nested_split(problem.trials.sides):
        weights = fit_pair_weights(problem, kind, space, found_on)
        scores[judged_on] = _scores(problem, space, weights, judged_on)
    return np.asarray(scores[problem.on_one_side])


def _on_one_side(problem: PairProblem, candidate: Candidate) -> FloatArray:
    """Scores of these pairs by weights that need no search, on the same scale as nested ones."""
    scores = np.empty(len(problem.trials.labels))
    for _, judged_on in nested_split(problem.trials.sides):
        scores[judged_on] = _scores(problem, "scores", np.array(candidate.weights), judged_on)
    return np.asarray(scores[problem.on_one_side])


def _scores(problem: PairProblem, space: PairSpace, weights: FloatArray, rows: BoolArray) -> FloatArray:
    mean = weighted_mean(problem.trials.values(space, rows), weights)
    return pooled(mean, problem.trials.pools[rows])


def gain_between(problem: PairProblem, scores: FloatArray, others: FloatArray) -> Difference:
    """The gain of the first scores; without an interval where people or impostors are too few."""
    inside = problem.on_one_side
    metric = next(name for name in VERIFICATION_METRICS if name == problem.objective.main_metric)
    labels, people = problem.trials.labels[inside], problem.trials.people[inside]
    try:
        found = verification_difference(scores, others, labels, people, metric)
    except InputError:
        difference = METRICS[metric](scores, labels) - METRICS[metric](others, labels)
        found = Difference(difference, -1.0, 1.0, 1.0)
    return found if METRICS[metric].higher_is_better else found.reversed()


def interval_of_scores(problem: PairProblem, scores: FloatArray) -> Interval | None:
    """The main metric of scores (P) with its interval; None where people or impostor pairs are too few."""
    metric = next(name for name in VERIFICATION_METRICS if name == problem.objective.main_metric)
    try:
        found = verification_intervals(scores, problem.trials.labels, problem.trials.people, (metric,))
    except InputError:
        return None
    return found.get(metric)


def interval_of_candidate(problem: PairProblem, candidate: Candidate) -> Interval | None:
    """The main metric of a candidate on everything that is held out, with its interval for other people."""
    space = next(space for space in PAIR_SPACES if space == candidate.space)
    return interval_of_scores(
        problem, _scores(problem, space, np.array(candidate.weights), problem.everything)
    )


def judge_scores(
    scores: FloatArray, labels: IntArray, pools: IntArray, objective: TaskObjective
) -> tuple[float, ...]:
    """The objective; between equals, the area under the ROC curve."""
    trials: SortedTrials = sort_trials(pooled(scores, pools), labels)
    metrics: dict[str, float] = {"auc": trials.roc_auc()}
    named = [name for name in VERIFICATION_METRICS if name != "auc" and name in objective.composite.names]
    metrics.update({name: trials.metric(name) for name in named})
    return objective(metrics), metrics["auc"]
