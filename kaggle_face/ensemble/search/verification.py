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
    Contender,
    Contest,
    Kind,
    contender_name,
    is_challenger,
    settle,
)
from kaggle_face.ensemble.search.weights import (
    constrained_pair_weights,
    equal_weights,
    hill_climb,
    weighted_mean,
)
from kaggle_face.errors import InputError
from kaggle_face.evaluation.held_out_pairs import HeldOutPairs
from kaggle_face.evaluation.nested_split import CROSSING, BoolArray, nested, spread_sample
from kaggle_face.evaluation.objective import TaskObjective
from kaggle_face.evaluation.pair_scales import PAIR_SPACES, PairSpace, pooled
from kaggle_face.metrics.intervals.bootstrap import Difference
from kaggle_face.metrics.intervals.verification import verification_difference
from kaggle_face.metrics.trials import SortedTrials, VerificationMetric, sort_trials
from kaggle_face.metrics.verification import verification_summary
from kaggle_face.progress import Progress, SilentProgress
from kaggle_face.records import FloatArray, IntArray

_SILENT = SilentProgress()
MOST_PAIRS = 30_000
"""More pairs than these make weights no better, only slower."""


@dataclass(frozen=True, eq=False)
class PairBoard:
    """All that the search reads."""

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
    def inside_a_half(self) -> BoolArray:
        """Pairs whose two people lie in one half: what honest figures are measured on."""
        inside: BoolArray = self.trials.halves != CROSSING
        return inside


def contest_pairs(
    board: PairBoard, names: Sequence[str], kinds: Sequence[Kind], progress: Progress = _SILENT
) -> Contest:
    """Lets all single members and all blends of the wanted kinds compete; `names` (M) are the members'."""
    singles = [_single(board, member, name, len(names)) for member, name in enumerate(names)]
    best = max(singles, key=lambda single: board.objective(single.metrics))
    contenders = list(singles)
    if len(names) > 1:
        mean = _blend(board, "equal", "scores", best, None)
        contenders.append(mean)
        if mean.gain is not None:
            methods = [(kind, space) for kind in kinds for space in PAIR_SPACES]
            others = [method for method in methods if method != ("equal", "scores")]
            with progress.track("blending pair scores", len(others), "ways") as counter:
                for kind, space in others:
                    contenders.append(_blend(board, kind, space, best, mean))
                    counter.advance()
    return settle(board.objective.main_metric, best, contenders)


def fit_pair_weights(board: PairBoard, kind: Kind, space: PairSpace, rows: BoolArray) -> FloatArray:
    """The weights of a method, found on the chosen pairs alone."""
    rows = rows & board.searched
    values, labels = board.trials.values(space, rows), board.trials.labels[rows]
    pools = board.trials.pools[rows]
    match kind:
        case "single" | "equal":
            return equal_weights(len(values))
        case "hill":
            return hill_climb(values, lambda mean: judge_scores(mean, labels, pools, board.objective))
        case "constrained":
            return constrained_pair_weights(values, labels)


def can_be_nested(board: PairBoard) -> bool:
    """Whether both halves hold pairs of both kinds."""
    labels, halves = board.trials.labels, board.trials.halves
    return all(len(np.unique(labels[halves == half])) == 2 for half in (0, 1))


def _single(board: PairBoard, member: int, name: str, count: int) -> Contender:
    weights = tuple(float(other == member) for other in range(count))
    scores = _scores(board, "scores", np.array(weights), board.everything)
    metrics = verification_summary(scores, board.trials.labels)
    main = metrics[board.objective.main_metric]
    return Contender(name, "single", "scores", weights, (), metrics, honest=main)


def _blend(
    board: PairBoard, kind: Kind, space: PairSpace, best: Contender, mean: Contender | None
) -> Contender:
    """A blend with its final weights, and its honest figures beside the optimistic ones."""
    weights = fit_pair_weights(board, kind, space, board.everything)
    metrics = verification_summary(_scores(board, space, weights, board.everything), board.trials.labels)
    main = board.objective.main_metric
    contender = Contender(
        name=contender_name(kind, space),
        kind=kind,
        space=space,
        weights=tuple(weights.tolist()),
        temperatures=(),
        metrics=metrics,
        optimistic_gain=(metrics[main] - best.metrics[main]) * (-1 if board.objective.lower_is_better else 1),
    )
    if not can_be_nested(board):
        return contender
    scores = _nested_scores(board, kind, space)
    honest = verification_summary(scores, board.trials.labels[board.inside_a_half])[main]
    judged = replace(contender, honest=honest, gain=gain_between(board, scores, _halved(board, best)))
    if mean is None or not is_challenger(judged, mean):
        return judged
    return replace(judged, over_mean=gain_between(board, scores, _halved(board, mean)))


def _nested_scores(board: PairBoard, kind: Kind, space: PairSpace) -> FloatArray:
    """Scores of the pairs inside a half, each by weights from the other half of the people."""
    scores = np.empty(len(board.trials.labels))
    for found_on, judged_on in nested(board.trials.halves):
        weights = fit_pair_weights(board, kind, space, found_on)
        scores[judged_on] = _scores(board, space, weights, judged_on)
    return np.asarray(scores[board.inside_a_half])


def _halved(board: PairBoard, contender: Contender) -> FloatArray:
    """Scores of the pairs inside a half by weights that need no search, on the same scale as nested ones."""
    scores = np.empty(len(board.trials.labels))
    for _, judged_on in nested(board.trials.halves):
        scores[judged_on] = _scores(board, "scores", np.array(contender.weights), judged_on)
    return np.asarray(scores[board.inside_a_half])


def _scores(board: PairBoard, space: PairSpace, weights: FloatArray, rows: BoolArray) -> FloatArray:
    mean = weighted_mean(board.trials.values(space, rows), weights)
    return pooled(mean, board.trials.pools[rows])


def gain_between(board: PairBoard, scores: FloatArray, others: FloatArray) -> Difference:
    """How much better the first scores are; without an interval where people or impostors are too few."""
    inside, metric = board.inside_a_half, _verification_metric(board.objective)
    labels, people = board.trials.labels[inside], board.trials.people[inside]
    try:
        found = verification_difference(scores, others, labels, people, metric)
    except InputError:
        values = [sort_trials(each, labels).metric(metric) for each in (scores, others)]
        found = Difference(values[0] - values[1], -1.0, 1.0, 1.0)
    if not board.objective.lower_is_better:
        return found
    return Difference(-found.value, -found.high, -found.low, found.other_sign)


def _verification_metric(objective: TaskObjective) -> VerificationMetric:
    match objective.main_metric:
        case "auc":
            return "auc"
        case "tpr@1e-2":
            return "tpr@1e-2"
        case "tpr@1e-3":
            return "tpr@1e-3"
        case _:
            return "eer"


def judge_scores(
    scores: FloatArray, labels: IntArray, pools: IntArray, objective: TaskObjective
) -> tuple[float, ...]:
    """The objective; between equals, the area under the ROC curve."""
    trials: SortedTrials = sort_trials(pooled(scores, pools), labels)
    metrics: dict[str, float] = {"auc": trials.roc_auc()}
    named: tuple[VerificationMetric, ...] = ("eer", "tpr@1e-2", "tpr@1e-3")
    metrics.update({name: trials.metric(name) for name in named if name in objective.composite.names})
    return objective(metrics), metrics["auc"]
