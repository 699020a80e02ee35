"""The influence of each pair on a verification metric, from which the metric's variance follows.

- **AUC**: the share of the other class that a pair beats, less the AUC (the placements of DeLong, DeLong and
  Clarke-Pearson 1988).
- **EER** e: where the rates at the fixed threshold are off by d(FNR) and d(FPR), the crossing moves, and e
  changes by (d(FNR) + b d(FPR)) / (1 + b), b being the slope of the ROC curve there.
- **TPR at a FPR**: d(TPR) - s d(FPR), both at the threshold, s being the slope of the ROC curve there
  (Hsieh and Turnbull 1996).

Slopes are read from the curve in normal deviates (the DET plot of Martin et al. 1997). There the curves of
most models are nearly straight, so a slope can be read over a range wide enough to hold many pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import assert_never

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError
from kaggle_face.metrics.inputs import BoolArray, FloatArray, require_same_length
from kaggle_face.metrics.intervals.clusters import PairClusters, PairLikeness
from kaggle_face.metrics.trials import SortedTrials, VerificationMetric, checked_trials

LEAST_ACCEPTED = 3
"""Impostor pairs that the wanted FPR must accept: with fewer nothing is known of the threshold."""

LEAST_PEOPLE = 5
"""People that the genuine pairs, and the impostor pairs, must effectively come from."""
_MOST_SHARED = 0.8
"""The share of couples of pairs with a person in common; all pairs of five people have 0.7."""

_NORMAL = NormalDist()
_LEAST_WINDOW, _LARGEST_WINDOW = 0.2, 0.6
"""FPR - FNR at the ends of the range over which the slope at the EER is read."""
_LOWER, _HIGHER, _PLACES = 1 / 3, 8.0, 9
"""The slope at a FPR is read at this many places, from a third of that FPR to eight times as much."""
_STEEPEST = 5.0
"""A slope in normal deviates beyond this, or below its inverse, comes from too few pairs."""


@dataclass(frozen=True, eq=False)
class Influences:
    """A metric's value, how each pair (P) moves it, and how its interval lies around it.

    Attributes:
        value: The metric on all pairs.
        of_pairs: The influences (P); those of each class have mean zero.
        seen: As `of_pairs`, of what these pairs show alone: where more is expected than they show, smaller.
        inner: The value, kept off 0 and 1.
        centre: The middle of the interval, between 0 and 1: the value less the bias that is known.
        unseen: Variance that the pairs cannot show, as a rate near 0 is mostly seen as 0.
    """

    value: float
    of_pairs: FloatArray
    seen: FloatArray
    inner: float
    centre: float
    unseen: float = 0.0


@dataclass(frozen=True, eq=False)
class PairsOfPeople:
    """Genuine and impostor pairs (P), and what is known of people and pairs without any score.

    Attributes:
        clusters: Which pairs share people.
        is_same: Whether each pair (P) is genuine.
        factors: What each influence (P) is multiplied by since means were taken from the same pairs: of n
            independent pairs the root of n / (n - 1).
        num_people: Effective number of people, of the class that has fewer.
    """

    clusters: PairClusters
    is_same: BoolArray
    factors: FloatArray
    num_people: float

    @classmethod
    def of(cls, people: npt.ArrayLike, is_same: BoolArray) -> PairsOfPeople:
        """The pairs of a table (P, 2) of the two people of each.

        Raises:
            InputError: Another shape, or too few people.
        """
        clusters = PairClusters.of(people)
        require_same_length(is_same, clusters.first, "scores and people")
        factors, counts = np.empty(len(is_same)), []
        for chosen in (is_same, ~is_same):
            shared = clusters.shared_share(chosen)
            counts.append(clusters.effective_people(chosen))
            if min(counts) < LEAST_PEOPLE or shared > _MOST_SHARED:
                raise InputError(
                    f"{clusters.num_people} people are too few for an interval: the genuine pairs, and the "
                    f"impostor pairs, must come from {LEAST_PEOPLE} or more people with about equally many"
                )
            factors[chosen] = (1 - shared) ** -0.5
        return cls(clusters, is_same, factors, min(counts))

    def centred(self, of_genuine: FloatArray | BoolArray, of_impostor: FloatArray | BoolArray) -> FloatArray:
        """Influences (P) on the sum of two means, of a value per genuine (G) and per impostor pair (I)."""
        influences = np.empty(len(self.is_same))
        influences[self.is_same] = (of_genuine - of_genuine.mean()) / len(of_genuine)
        influences[~self.is_same] = (of_impostor - of_impostor.mean()) / len(of_impostor)
        return influences * self.factors


@dataclass(eq=False)
class ScoredPairs:
    """The scores (P) of pairs of known people, and their order."""

    pairs: PairsOfPeople
    scores: FloatArray
    trials: SortedTrials

    @classmethod
    def of(cls, scores: npt.ArrayLike, pairs: PairsOfPeople) -> ScoredPairs:
        """Sorts the scores (P) of the pairs.

        Raises:
            InputError: The lengths differ, or a score is NaN.
        """
        values, is_same = checked_trials(scores, pairs.is_same)
        return cls(pairs, values, SortedTrials.of(values[is_same], values[~is_same]))

    def has_interval(self, metric: VerificationMetric) -> bool:
        """Whether there are impostor pairs enough for the metric's FPR, if it has one."""
        return self.trials.impostor.total >= least_impostors(metric)

    def knows_fpr(self, fpr: float) -> bool:
        """Whether there are impostor pairs enough for the threshold of a FPR."""
        return round(fpr * self.trials.impostor.total, 9) >= LEAST_ACCEPTED

    def worth_of_impostors(self, fpr: float) -> float:
        """The number of independent impostor pairs that would show as much about a FPR as these do.

        The few that are accepted hardly show how alike the pairs of a person are. So that is also expected
        from the likeness of all impostor scores, and the more cautious of both numbers is taken.
        """
        ascending = self.trials.impostor.scores
        lowest = ascending[-max(round(fpr * len(ascending)), 1)]
        expected = len(ascending) / self._impostor_likeness.inflation(fpr)
        return min(self._worth_of_impostors(self.scores[~self.pairs.is_same] >= lowest), expected)

    @cached_property
    def _impostor_likeness(self) -> PairLikeness:
        return self.pairs.clusters.likeness(self.scores, ~self.pairs.is_same, self.pairs.num_people)

    def influences(self, metric: VerificationMetric) -> Influences:
        """The influences on a metric, computed once: one model is often compared with many.

        Raises:
            InputError: Too few impostor pairs for the FPR.
        """
        if metric not in self._known_influences:
            self._known_influences[metric] = self._influences(metric)
        return self._known_influences[metric]

    @cached_property
    def _known_influences(self) -> dict[VerificationMetric, Influences]:
        return {}

    def _influences(self, metric: VerificationMetric) -> Influences:
        if not self.has_interval(metric):
            raise InputError(
                f"{metric} has an interval from {least_impostors(metric)} impostor pairs on, "
                f"got {self.trials.impostor.total}"
            )
        match metric:
            case "auc":
                return self._on_auc()
            case "eer":
                return self._on_eer()
            case "tpr@1e-2":
                return self._on_tpr(1e-2)
            case "tpr@1e-3":
                return self._on_tpr(1e-3)
            case _:
                assert_never(metric)

    def _on_auc(self) -> Influences:
        auc, is_same = self.trials.roc_auc(), self.pairs.is_same
        beaten = _placements(self.scores[is_same], self.trials.impostor.scores)
        unbeaten = 1 - _placements(self.scores[~is_same], self.trials.genuine.scores)
        influences = self.pairs.centred(beaten, unbeaten)
        if 0 < auc < 1:
            disjoint, share = self._auc_of_disjoint_pairs(auc)
            of_fewer = self.pairs.clusters.variance(influences) * (1 / share - 1)
            return Influences(
                auc, influences, influences, auc, _within(disjoint, self._num_couples), of_fewer
            )
        inner = _inner(auc, self.pairs.num_people)
        return Influences(
            auc, influences, influences, inner, inner, inner * (1 - inner) / self.pairs.num_people
        )

    @property
    def _num_couples(self) -> int:
        return self.trials.genuine.total * self.trials.impostor.total

    def _auc_of_disjoint_pairs(self, auc: float) -> tuple[float, float]:
        """The AUC over genuine and impostor pairs without a person in common, and the share of those.

        Both pairs of a couple that shares a person are easy or hard together, which new people's are not.
        """
        clusters, is_same = self.pairs.clusters, self.pairs.is_same
        ranks, size = np.unique(self.scores, return_inverse=True)[1], len(self.scores)
        crosses = clusters.first != clusters.second
        of_first, of_second = clusters.first * size + ranks, clusters.second * size + ranks
        genuine, impostor = (
            np.sort(np.concatenate([of_first[chosen], of_second[chosen & crosses]]))
            for chosen in (is_same, ~is_same)
        )
        starts = np.searchsorted(impostor, np.arange(clusters.num_people + 1) * size)
        person = genuine // size
        twice_won = np.searchsorted(impostor, genuine, "left") + np.searchsorted(impostor, genuine, "right")
        won = float((twice_won / 2 - starts[person]).sum())
        num_shared = int((starts[person + 1] - starts[person]).sum())
        num_disjoint = max(self._num_couples - num_shared, 1)
        return (auc * self._num_couples - won) / num_disjoint, num_disjoint / self._num_couples

    def _on_eer(self) -> Influences:
        eer, at = self.trials.equal_error_rate().eer, self.trials.highest_balanced()
        assert at is not None, "accepting every trial rejects no genuine one"
        gap_at, gap_above = self.trials.balance(at), self.trials.balance_above(at)
        part_above = gap_at / (gap_at - gap_above)
        rejected = (1 - part_above) * (self.scores < at) + part_above * (self.scores <= at)
        misses, alarms = rejected[self.pairs.is_same], 1 - rejected[~self.pairs.is_same]
        weight = 1 / (1 + self._slope_at_eer(eer))
        influences = self.pairs.centred(weight * misses, (1 - weight) * alarms)
        unseen = weight**2 * self._unseen(misses) + (1 - weight) ** 2 * self._unseen(alarms)
        inner = _inner(eer, min(len(misses), len(alarms)))
        return Influences(eer, influences, influences, inner, inner, unseen)

    def _on_tpr(self, fpr: float) -> Influences:
        impostor, is_same = self.trials.impostor, self.pairs.is_same
        refused = impostor.highest_refused(fpr)
        assert refused is not None, "a FPR below 1 refuses an impostor"
        accepted = (self.scores[is_same] > refused).astype(np.float64)
        reached = (self.scores[~is_same] >= refused).astype(np.float64)
        tpr, share = float(accepted.mean()), float(reached.mean())
        seen, worth = self._worth_of_impostors(reached), self.worth_of_impostors(share)
        places = np.geomspace(share * _LOWER, min(share * _HIGHER, 0.5), _PLACES) * len(impostor.scores)
        around = impostor.scores[-np.unique(np.maximum(places.round(), 1)).astype(np.int64)]
        slope = self._slope_through(around)
        inner = _inner(tpr, len(accepted))
        steepness = slope * _density(inner) / _density(_inner(share, impostor.total))
        steepness *= math.sqrt(1 + 1 / (2 * np.count_nonzero(reached)))
        shown = self.pairs.centred(accepted, -steepness * reached)
        influences = self.pairs.centred(accepted, -steepness * math.sqrt(seen / worth) * reached)
        # Above the highest refused of I independent impostors lies a share of (k + 1) / (I + 1) on average.
        likely = (np.count_nonzero(self.scores[~is_same] > refused) + 0.5) / impostor.total + 0.5 / worth
        centre = _NORMAL.cdf(_deviate(inner) - slope * (_deviate(likely) - _deviate(fpr)))
        return Influences(tpr, influences, shown, inner, centre, self._unseen(accepted))

    def _worth_of_impostors(self, accepted: FloatArray | BoolArray) -> float:
        share, count = float(accepted.mean()), float(len(accepted))
        none = np.zeros(self.trials.genuine.total)
        variance = self.pairs.clusters.variance(self.pairs.centred(none, accepted))
        return min(share * (1 - share) / variance, count) if variance else count

    def _slope_at_eer(self, eer: float) -> float:
        """The slope of the curve in normal deviates, which at the EER is that of the ROC curve too."""
        deviation = math.sqrt(2 * _inner(eer, self.pairs.num_people) / self.pairs.num_people)
        window = min(max(_LEAST_WINDOW, 2 * deviation), _LARGEST_WINDOW)
        ends = [self.trials.highest_balanced(window), self.trials.highest_balanced(-window)]
        if ends[0] is None or ends[1] is None:
            return 1.0
        return self._slope_through([end for end in ends if end is not None])

    def _slope_through(self, thresholds: Sequence[float] | FloatArray) -> float:
        """The slope of a straight line through the curve in normal deviates at these thresholds."""
        rates = [self.trials.error_rates(float(threshold)) for threshold in thresholds]
        genuine, impostor = self.trials.genuine.total, self.trials.impostor.total
        of_fpr = np.array([_deviate(_within(each.fpr, impostor)) for each in rates])
        of_tpr = np.array([_deviate(_within(1 - each.fnr, genuine)) for each in rates])
        across, up = of_fpr - of_fpr.mean(), of_tpr - of_tpr.mean()
        if not across.any():
            return 1.0
        return min(max(float(across @ up / (across @ across)), 1 / _STEEPEST), _STEEPEST)

    def _unseen(self, errors: FloatArray) -> float:
        """The growth of a rate's variance if half an error and half a success are added.

        It counts by the root of the chance to see no error, or no success, at this rate (docs/intervals.md).
        """
        rate, count = float(errors.mean()), len(errors)
        inner = _inner(rate, count)
        growth = max(inner * (1 - inner) - rate * (1 - rate), 0.0) / self.pairs.num_people
        return growth * math.exp(-count * min(rate, 1 - rate) / 2)


def least_impostors(metric: VerificationMetric) -> int:
    """Impostor pairs that an interval of the metric needs.

    >>> least_impostors("tpr@1e-2"), least_impostors("eer")
    (300, 1)
    """
    match metric:
        case "auc" | "eer":
            return 1
        case "tpr@1e-2":
            return 100 * LEAST_ACCEPTED
        case "tpr@1e-3":
            return 1000 * LEAST_ACCEPTED
        case _:
            assert_never(metric)


def _placements(scores: FloatArray, others: FloatArray) -> FloatArray:
    """The share (N) of the others, in ascending order, that each score exceeds; ties count half."""
    below = np.searchsorted(others, scores, "left") + np.searchsorted(others, scores, "right")
    return np.asarray(below / (2 * len(others)))


def _inner(rate: float, count: float) -> float:
    """A rate of a count to which half a success and half a failure are added."""
    return (rate * count + 0.5) / (count + 1)


def _within(rate: float, count: int) -> float:
    """A rate kept away from 0 and 1 by half a pair."""
    return min(max(rate, 0.5 / count), 1 - 0.5 / count)


def _deviate(rate: float) -> float:
    return _NORMAL.inv_cdf(rate)


def _density(rate: float) -> float:
    """The derivative of a rate by its deviate."""
    return _NORMAL.pdf(_deviate(rate))
