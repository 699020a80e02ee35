"""Verification trials sorted once, from which every verification metric follows by a search.

A trial is accepted ("same person") when `score >= threshold`. False positive rate (FPR): the share of
impostor trials that are accepted. False negative rate (FNR): the share of genuine trials that are rejected.
Counts are integers to the end, so a metric is one correctly rounded division of exact numbers.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Literal, NamedTuple, assert_never

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError
from kaggle_face.metrics.inputs import (
    BoolArray,
    FloatArray,
    IntArray,
    as_flags,
    as_scores,
    require_count,
    require_same_length,
    require_share,
)
from kaggle_face.metrics.sorted_scores import SortedScores, lowest_acceptable
from kaggle_face.metrics.threads import map_on_cores, sorted_on_cores

VerificationMetric = Literal["eer", "auc", "tpr@1e-2", "tpr@1e-3"]
VERIFICATION_METRICS: tuple[VerificationMetric, ...] = ("eer", "auc", "tpr@1e-2", "tpr@1e-3")

_BLOCK = 1 << 16
"""Genuine scores that are looked up among the impostors together."""


@dataclass(frozen=True)
class EqualErrorRate:
    """The EER in [0, 1], and the observed score at which FPR and FNR come nearest to each other."""

    eer: float
    threshold: float
    fpr: float
    fnr: float


class TprAtFpr(NamedTuple):
    """A true positive rate in [0, 1] and the threshold that reaches it."""

    tpr: float
    threshold: float


class ErrorRates(NamedTuple):
    """False positive and false negative rate, in [0, 1], at one threshold."""

    fpr: float
    fnr: float


@dataclass(frozen=True, eq=False)
class RocPoints:
    """ROC vertices (R,) from (0, 0) to (1, 1); `thresholds` fall from inf to the lowest score."""

    fpr: FloatArray
    tpr: FloatArray
    thresholds: FloatArray


class GenuinePlaces(NamedTuple):
    """For each genuine score (G,): the number of impostor scores below it, and of those not above it."""

    left: npt.NDArray[np.intp]
    right: npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class SortedTrials:
    """Genuine (same person) and impostor trials, sorted once for several metrics.

    >>> trials = sort_trials([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0])
    >>> trials.roc_auc(), trials.equal_error_rate().eer
    (0.75, 0.5)
    """

    genuine: SortedScores
    impostor: SortedScores

    @classmethod
    def of(cls, genuine: FloatArray, impostor: FloatArray) -> SortedTrials:
        """Scores of the two classes, in any order, without NaN."""
        return cls(*map(SortedScores.of_ascending, sorted_on_cores(genuine, impostor)))

    def reweighted(self, genuine: IntArray, impostor: IntArray) -> SortedTrials:
        """The trials with integer weights, in ascending order of each class's scores."""
        return SortedTrials(self.genuine.reweighted(genuine), self.impostor.reweighted(impostor))

    def metric(self, name: VerificationMetric, places: GenuinePlaces | None = None) -> float:
        """One metric by its name; `places` spares the AUC its search where only the weights are new."""
        match name:
            case "eer":
                return self.equal_error_rate().eer
            case "auc":
                return self.roc_auc(places)
            case "tpr@1e-2":
                return self.tpr_at_fpr(1e-2).tpr
            case "tpr@1e-3":
                return self.tpr_at_fpr(1e-3).tpr
            case _:
                assert_never(name)

    def error_rates(self, threshold: float) -> ErrorRates:
        """FPR and FNR when `score >= threshold` is accepted, compared in the scores' own precision."""
        false_accepts = self.impostor.total - self.impostor.weight_below(threshold)
        return ErrorRates(
            false_accepts / self.impostor.total, self.genuine.weight_below(threshold) / self.genuine.total
        )

    def equal_error_rate(self) -> EqualErrorRate:
        """The point where the linearly interpolated ROC curve meets the line TPR = 1 - FPR."""
        threshold = self.highest_balanced()
        assert threshold is not None, "accepting every trial rejects no genuine one"
        at, above = self._errors_at(threshold), self._errors_above(threshold)
        gap_at, gap_above = self._balance(*at), self._balance(*above)
        eer = (above[0] * gap_at - at[0] * gap_above) / (self.impostor.total * (gap_at - gap_above))
        higher = self.lowest_above(threshold)
        if higher is not None and -gap_above < gap_at:
            threshold, at = higher, above
        return EqualErrorRate(eer, threshold, at[0] / self.impostor.total, at[1] / self.genuine.total)

    def roc_auc(self, places: GenuinePlaces | None = None) -> float:
        """Share of (genuine, impostor) combinations whose genuine pair scores higher; a tie counts half."""
        if places is None:
            twice_won = sum(
                map_on_cores(lambda rows: self._twice_won(rows, self._places(rows)), self._blocks())
            )
        else:
            twice_won = self._twice_won(slice(0, len(self.genuine.scores)), places)
        return twice_won / (2 * self.genuine.total * self.impostor.total)

    def tpr_at_fpr(self, fpr: float) -> TprAtFpr:
        """The largest TPR whose FPR is at most `fpr`."""
        require_share(fpr, "fpr")
        refused = self.impostor.highest_refused(fpr)
        threshold = lowest_acceptable(self.genuine.scores, refused)
        if not self.genuine.scores[-1] >= threshold:
            return TprAtFpr(0.0, threshold)
        accepted = self.genuine.total - self.genuine.weight_below(threshold)
        return TprAtFpr(accepted / self.genuine.total, threshold)

    def roc_points(self, max_points: int = 1000) -> RocPoints:
        """The ROC curve: each vertex where they fit in, else a choice dense at low FPR too."""
        require_count(max_points, "max_points", 4)
        every = np.unique(np.concatenate([self.genuine.scores, self.impostor.scores]))
        chosen = every if len(every) < max_points else self._chosen_scores((max_points - 1) // 3)
        thresholds = chosen[::-1]
        return RocPoints(
            np.concatenate([[0.0], self.impostor.accepted_shares(thresholds)]),
            np.concatenate([[0.0], self.genuine.accepted_shares(thresholds)]),
            np.concatenate([[np.inf], thresholds]),
        )

    def genuine_places(self) -> GenuinePlaces:
        """Insertion positions of the genuine scores among the sorted impostor scores."""
        left, right = zip(*map_on_cores(self._places, self._blocks()), strict=True)
        return GenuinePlaces(np.concatenate(left), np.concatenate(right))

    def highest_balanced(self, margin: float = 0.0) -> float | None:
        """The highest observed score t with FPR(t) - FNR(t) >= margin, or None; it falls with t."""
        least = margin * self.genuine.total * self.impostor.total
        candidates: list[float] = []
        for scores in (self.genuine.scores, self.impostor.scores):
            end = bisect_left(scores, True, key=lambda score: self.balance(score) < least)
            candidates += [float(scores[end - 1])] if end else []
        return max(candidates, default=None)

    def lowest_above(self, score: float) -> float | None:
        """The lowest observed score of either class that exceeds `score`, or None."""
        found = (self.genuine.lowest_above(score), self.impostor.lowest_above(score))
        return min((score for score in found if score is not None), default=None)

    def balance(self, threshold: float) -> int:
        """FPR - FNR at a threshold, times both classes' weights: exact, since all are integers."""
        return self._balance(*self._errors_at(threshold))

    def balance_above(self, score: float) -> int:
        """FPR - FNR just above a score, times both classes' weights."""
        return self._balance(*self._errors_above(score))

    def _blocks(self) -> list[slice]:
        """Neighbouring genuine scores: they and the impostors among them stay in a core's cache."""
        size = len(self.genuine.scores)
        return [slice(start, min(start + _BLOCK, size)) for start in range(0, size, _BLOCK)]

    def _places(self, rows: slice) -> GenuinePlaces:
        genuine, impostor = self.genuine.scores[rows], self.impostor.scores
        start = np.searchsorted(impostor, genuine[0], "left")
        among = impostor[start : np.searchsorted(impostor, genuine[-1], "right")]
        left = np.searchsorted(among, genuine, "left")
        right = left.copy()
        if len(among):
            tied = np.flatnonzero(among[np.minimum(left, len(among) - 1)] == genuine)
            right[tied] = np.searchsorted(among, genuine[tied], "right")  # most scores have no tie
        return GenuinePlaces(left + start, right + start)

    def _twice_won(self, rows: slice, places: GenuinePlaces) -> int:
        """Twice the number of wins of these genuine scores over impostors, plus the number of ties."""
        beaten, beaten_or_tied = (self.impostor.weights_before(side) for side in places)
        return self.genuine.weighted_sum(rows, beaten + beaten_or_tied)

    def _balance(self, false_accepts: int, false_rejects: int) -> int:
        return false_accepts * self.genuine.total - false_rejects * self.impostor.total

    def _errors_at(self, threshold: float) -> tuple[int, int]:
        """Weights of falsely accepted and falsely rejected trials."""
        rejected = self.impostor.weight_below(threshold)
        return self.impostor.total - rejected, self.genuine.weight_below(threshold)

    def _errors_above(self, score: float) -> tuple[int, int]:
        rejected = self.impostor.weight_up_to(score)
        return self.impostor.total - rejected, self.genuine.weight_up_to(score)

    def _chosen_scores(self, count: int) -> FloatArray:
        genuine, impostor = self.genuine.scores, self.impostor.scores
        tail = len(impostor) - np.geomspace(1, len(impostor), count).round().astype(np.int64)
        return np.unique(np.concatenate([_evenly(genuine, count), _evenly(impostor, count), impostor[tail]]))


def checked_trials(scores: npt.ArrayLike, is_same: npt.ArrayLike) -> tuple[FloatArray, BoolArray]:
    """Scores (P,) and whether each pair shows the same person (P,), both kinds being present.

    Raises:
        InputError: lengths differ, NaN scores, flags other than 0 and 1, or only one class.

    >>> checked_trials([0.5, 0.25], [1, 0])
    (array([0.5 , 0.25]), array([ True, False]))
    """
    values, same = as_scores(scores), as_flags(is_same, "is_same")
    require_same_length(values, same, "scores and is_same")
    num_same = np.count_nonzero(same)
    if num_same in (0, len(values)):
        raise InputError(
            f"verification needs pairs of both kinds, got {num_same} of the same person "
            f"and {len(values) - num_same} of different people"
        )
    return values, same


def split_by_label(scores: npt.ArrayLike, is_same: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Scores of the genuine (label 1) and of the impostor trials (label 0), unsorted.

    Raises:
        InputError: as `checked_trials`.

    >>> split_by_label([0.3, 0.1, 0.2], [0, 1, 0])
    (array([0.1]), array([0.3, 0.2]))
    """
    values, same = checked_trials(scores, is_same)
    return np.compress(same, values), np.compress(~same, values)


def sort_trials(scores: npt.ArrayLike, is_same: npt.ArrayLike) -> SortedTrials:
    """Trials for several metrics at the price of one sort.

    Shapes: scores (P,) in [-inf, inf], higher = more alike; is_same (P,), 1 = same person, 0 = different.

    Raises:
        InputError: lengths differ, NaN scores, flags other than 0 and 1, or only one class.

    >>> sort_trials([0.3, 0.1, 0.2], [0, 1, 0]).impostor.scores.tolist()
    [0.2, 0.3]
    """
    return SortedTrials.of(*split_by_label(scores, is_same))


def _evenly(ascending: FloatArray, count: int) -> FloatArray:
    return ascending[np.linspace(0, len(ascending) - 1, count).round().astype(np.int64)]
