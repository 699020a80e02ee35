"""The threshold that makes the most decisions right, found among all that differ on the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_face.metrics.inputs import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class AccuracyCurve:
    """Accuracies (T,) in [0, 1] at ascending thresholds (T,): every accuracy that the data can show, once.

    The thresholds run from -inf (accept all) through the middles between neighbouring scores to inf (reject
    all; absent where a score is inf, since nothing rejects it).
    """

    thresholds: FloatArray
    accuracies: FloatArray

    @property
    def best(self) -> int:
        """Position of the highest accuracy; of several equal ones the middle one."""
        equally_good = np.flatnonzero(self.accuracies == self.accuracies.max())
        return int(equally_good[len(equally_good) // 2])


def accuracy_curve(
    scores: FloatArray, right_if_accepted: BoolArray, right_if_rejected: BoolArray
) -> AccuracyCurve:
    """Accuracy of accepting `score >= threshold`, at every threshold that changes a decision.

    Shapes: scores (N,) without NaN; flags (N,): whether accepting, or rejecting, the item is right.

    Items of 0.2 and 0.6 are to be rejected, that of 0.4 to be accepted; above 0.3 two of three are right:

    >>> curve = accuracy_curve(np.array([0.6, 0.2, 0.4]), np.array([0, 0, 1]) > 0, np.array([1, 1, 0]) > 0)
    >>> [(round(float(t), 3), round(float(a), 3)) for t, a in zip(curve.thresholds, curve.accuracies)]
    [(-inf, 0.333), (0.3, 0.667), (0.5, 0.333), (inf, 0.667)]
    """
    order = np.argsort(scores, kind="stable")  # linear where the caller has sorted them before
    ascending = scores[order]
    starts = (
        np.flatnonzero(ascending[1:] != ascending[:-1]) + 1
    )  # first of each distinct score, less the lowest
    thresholds = np.concatenate([[-np.inf], _middles(ascending[starts - 1], ascending[starts])])
    num_rejected = np.concatenate([[0], starts])
    if ascending[-1] != np.inf:
        thresholds, num_rejected = np.append(thresholds, np.inf), np.append(num_rejected, len(scores))
    accepted_right = _counts_before(right_if_accepted[order])
    rejected_right = _counts_before(right_if_rejected[order])
    num_right = rejected_right[num_rejected] + accepted_right[-1] - accepted_right[num_rejected]
    return AccuracyCurve(thresholds, num_right / len(scores))


def _middles(lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Middles in the scores' own precision; the upper score where no number lies between the two."""
    with np.errstate(invalid="ignore"):  # -inf and inf have no middle
        middles = lower / 2 + upper / 2
    return np.where((lower < middles) & (middles < upper), middles, upper)


def _counts_before(flags: BoolArray) -> FloatArray:
    return np.concatenate([[0], np.cumsum(flags)])
