"""Intervals of verification metrics, and of the difference between two models on the same pairs.

The images of a person succeed or fail together, and a pair depends on both its people. So the variance s^2 of
a metric is the sum of u(a) u(b) over all couples of pairs that share a person (`pair_clusters`), u being how
each pair moves the metric (`pair_influences`). Nothing is drawn: the same pairs give the same interval.

- The difference D of two models has the interval D - t s to D + t s, where s comes from the differences of
  their influences, so that what both have in common drops out.
- The interval of a metric is made in the same way on a scale without ends, and carried back: of log odds for
  the AUC, of normal deviates for error rates.
- t is Student's. Its degrees of freedom are those by which the variance is known: fewer if few people decide,
  or if it is mostly the noise of pairs of two people; more if it mostly follows from the likeness of all
  impostor scores (Satterthwaite 1946).
- Means were taken from the same pairs, so for each class of pairs the variance is divided by one less the
  share of couples that share a person. If each pair has people of its own, this is DeLong's n - 1.

`docs/intervals.md` shows how often such intervals hold the truth; `python -m benchmarks.intervals` measures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy.typing as npt

from kaggle_face.metrics.inputs import FloatArray, require_confidence
from kaggle_face.metrics.intervals.bootstrap import Difference, Interval
from kaggle_face.metrics.intervals.influences import PairsOfPeople, ScoredPairs
from kaggle_face.metrics.intervals.student_t import t_quantile, t_tail
from kaggle_face.metrics.trials import VerificationMetric, checked_trials

CONFIDENCE = 0.95

_LEAST_FREEDOM = 2.0
_MOST_FREEDOM = 1.5
"""Degrees of freedom at most, per person less one: a few people may be alike by chance."""
_NORMAL = NormalDist()


def verification_intervals(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    people: npt.ArrayLike,
    metrics: Sequence[VerificationMetric] = ("eer", "auc"),
    confidence: float = CONFIDENCE,
) -> dict[VerificationMetric, Interval]:
    """Intervals of verification metrics, for other people as well as other pairs.

    Shapes: scores (P,) in [-inf, inf], labels (P,) of 0 and 1, people (P, 2), the two people of each pair by
    any ids. Where people are unknown, give each image, or each pair, an id of its own.

    A TPR at a FPR that would accept fewer than three of the impostor pairs is left out: where hardly anything
    is known of the threshold, no interval is right. It needs 300 impostor pairs at 1e-2 and 3,000 at 1e-3.

    Raises:
        InputError: shapes that do not fit, NaN scores, labels other than 0 and 1, only one class, pairs of
            either kind that come from fewer than five people, or a confidence outside (0, 1).

    No genuine pair of nine people is missed; if one in fifty were, that would often be so too:

    >>> people = [(p, q) for p in range(9) for q in range(p, 9)]
    >>> is_same = [p == q for p, q in people]
    >>> found = verification_intervals(is_same, is_same, people)["eer"]
    >>> found.value, found.low, 0.1 < found.high < 0.5
    (0.0, 0.0, True)
    """
    pairs = PairsOfPeople.of(people, checked_trials(scores, labels)[1])
    scored = ScoredPairs.of(scores, pairs)
    return {
        metric: interval_of(scored, metric, confidence) for metric in metrics if scored.has_interval(metric)
    }


def verification_difference(
    first_scores: npt.ArrayLike,
    second_scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    people: npt.ArrayLike,
    metric: VerificationMetric = "eer",
    confidence: float = CONFIDENCE,
) -> Difference:
    """Difference of a verification metric, first minus second model, on the same pairs.

    Shapes: first_scores, second_scores (P,) of the same pairs, labels (P,), people (P, 2).

    Raises:
        InputError: as `verification_intervals`, or too few impostor pairs for the FPR.

    The second model is random, on these people and on any others:

    >>> people = [(p, q) for p in range(9) for q in range(p, 9)]
    >>> is_same = [int(p == q) for p, q in people]
    >>> verification_difference(is_same, [0] * 45, is_same, people, "auc")
    Difference(value=0.5, low=0.5, high=0.5, other_sign=0.0)
    """
    pairs = PairsOfPeople.of(people, checked_trials(first_scores, labels)[1])
    first, second = (ScoredPairs.of(scores, pairs) for scores in (first_scores, second_scores))
    return difference_between(first, second, metric, confidence)


def interval_of(scored: ScoredPairs, metric: VerificationMetric, confidence: float = CONFIDENCE) -> Interval:
    """The interval of one metric, at least as wide as to hold the value.

    Raises:
        InputError: Too few impostor pairs for the FPR, or a confidence outside (0, 1).
    """
    require_confidence(confidence)
    found, scale = scored.influences(metric), _LOG_ODDS if metric == "auc" else _DEVIATES
    deviation = math.sqrt(scored.pairs.clusters.variance(found.of_pairs) + found.unseen)
    freedom = _degrees_of_freedom(found.of_pairs, found.seen, scored.pairs)
    margin = t_quantile((1 + confidence) / 2, freedom) * deviation / scale.change(found.inner)
    middle = scale.place(found.centre)
    low, high = scale.rate(middle - margin), scale.rate(middle + margin)
    return Interval(found.value, min(low, found.value), max(high, found.value))


def difference_between(
    first: ScoredPairs, second: ScoredPairs, metric: VerificationMetric, confidence: float = CONFIDENCE
) -> Difference:
    """The difference of one metric between two models' scores of the same pairs.

    Raises:
        InputError: as `interval_of`.
    """
    require_confidence(confidence)
    assert first.pairs is second.pairs, "both models score the same pairs"
    one, other, pairs = first.influences(metric), second.influences(metric), first.pairs
    value, of_pairs = one.value - other.value, one.of_pairs - other.of_pairs
    deviation = math.sqrt(pairs.clusters.variance(of_pairs))
    freedom = _degrees_of_freedom(of_pairs, one.seen - other.seen, pairs)
    margin = t_quantile((1 + confidence) / 2, freedom) * deviation
    other_sign = t_tail(abs(value) / deviation, freedom) if deviation else float(value == 0)
    return Difference(value, value - margin, value + margin, other_sign)


@dataclass(frozen=True)
class _Scale:
    """A scale without ends for rates: the place of a rate, its inverse, and the rate's change along it."""

    place: Callable[[float], float]
    rate: Callable[[float], float]
    change: Callable[[float], float]


_LOG_ODDS = _Scale(
    lambda rate: math.log(rate / (1 - rate)),
    lambda place: (1 + math.tanh(place / 2)) / 2,
    lambda rate: rate * (1 - rate),
)
_DEVIATES = _Scale(_NORMAL.inv_cdf, _NORMAL.cdf, lambda rate: _NORMAL.pdf(_NORMAL.inv_cdf(rate)))


def _degrees_of_freedom(of_pairs: FloatArray, seen: FloatArray, pairs: PairsOfPeople) -> float:
    """Of a variance of which these pairs show a part; the rest follows from all impostor scores.

    Satterthwaite 1946, for the sum of two parts of which the second has as many degrees as there may be.
    """
    most = _MOST_FREEDOM * (pairs.num_people - 1)
    shown = max(min(pairs.clusters.degrees_of_freedom(seen), most), _LEAST_FREEDOM)
    whole, part = pairs.clusters.variance(of_pairs), pairs.clusters.variance(seen)
    share = min(part / whole, 1.0) if whole else 1.0
    return min(1 / (share**2 / shown + (1 - share) ** 2 / most), most)
