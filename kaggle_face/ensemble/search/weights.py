"""Search of members' weights on gathered values: equal, hill climbing, constrained.

`values` (M, ...) are those of each of M members, in the space in which they are averaged; -inf marks what a
member does not know, and the mean leaves it out. Weights (M) are >= 0 and sum to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kaggle_face.records import FloatArray, IntArray

Judge = Callable[[FloatArray], tuple[float, ...]]
"""How good a blend's values are, higher = better; further numbers decide where the first are equal."""

MOST_STEPS = 60
PATIENCE = 12
"""Steps of the climb without a better blend after which it ends."""


@dataclass(frozen=True, eq=False)
class _Sum:
    """Sums of members' values and of the weights of those that have each; one weight where all are equal."""

    total: FloatArray
    weight: float
    known: FloatArray | None

    @classmethod
    def nothing(cls, values: FloatArray) -> _Sum:
        """The sum to which none of the members (M, ...) was added yet."""
        is_known = values > -np.inf
        differ = not bool((is_known == is_known[:1]).all())
        return cls(np.zeros_like(values[0]), 0.0, np.zeros_like(values[0]) if differ else None)

    def plus(self, values: FloatArray, weight: float = 1.0) -> _Sum:
        """The sum with one member more."""
        if self.known is None:
            return _Sum(self.total + weight * values, self.weight + weight, None)
        is_known = values > -np.inf
        added = self.total + weight * np.where(is_known, values, 0)
        return _Sum(np.asarray(added), self.weight + weight, self.known + weight * is_known)

    def mean(self) -> FloatArray:
        """The mean over the members that have a value; -inf where none has."""
        if self.known is None:
            return np.asarray(self.total / self.weight)
        nobody = np.full_like(self.total, -np.inf)
        return np.divide(self.total, self.known, out=nobody, where=self.known > 0)


def equal_weights(num_members: int) -> FloatArray:
    """The same weight for all."""
    return np.full(num_members, 1 / num_members)


def weighted_mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    """The weighted mean over members; -inf for values that no member has.

    >>> weighted_mean(np.array([[1.0, 4.0], [3.0, -np.inf]]), np.array([0.5, 0.5])).tolist()
    [2.0, 4.0]
    """
    blend = _Sum.nothing(values)
    for member_values, weight in zip(values, weights, strict=True):
        if weight > 0:
            blend = blend.plus(member_values, float(weight))
    return blend.mean()


def hill_climb(values: FloatArray, judge: Judge) -> FloatArray:
    """Adds the member that helps the blend most, again and again, with replacement; the best blend's weights.

    A member may be added several times; its weight is its share of the additions. The first member is the
    best single one, so on what it is judged by the blend is never worse than that.
    Source: Caruana, Niculescu-Mizil, Crew and Ksikes 2004, "Ensemble selection from libraries of models".

    Two members that err on opposite sides of the truth (0) are both taken:

    >>> hill_climb(np.array([[1.0], [-1.0], [3.0]]), lambda mean: (-abs(mean[0]),)).tolist()
    [0.5, 0.5, 0.0]
    """
    num_members = len(values)
    counts, best_counts = np.zeros(num_members, np.int64), np.zeros(num_members, np.int64)
    blend = _Sum.nothing(values)
    best: tuple[float, ...] = ()
    steps_without_gain = 0
    for _ in range(MOST_STEPS):
        judged = [judge(blend.plus(member).mean()) for member in values]
        winner = max(range(num_members), key=lambda member: judged[member])
        blend = blend.plus(values[winner])
        counts[winner] += 1
        if judged[winner] > best:
            best, best_counts, steps_without_gain = judged[winner], counts.copy(), 0
        else:
            steps_without_gain += 1
        if steps_without_gain == PATIENCE or num_members == 1:
            break
    return np.asarray(best_counts / best_counts.sum())


def constrained_probability_weights(true_probabilities: FloatArray) -> FloatArray:
    """The mean of probabilities with the least log loss; true_probabilities (M, N) are of the true class.

    The problem is convex; the expectation-maximisation steps of a mixture's shares stay on the simplex and
    never raise the loss (Dempster, Laird and Rubin 1977).

    Both members are right about one image each and wrong about the other:

    >>> constrained_probability_weights(np.array([[0.9, 0.1], [0.1, 0.9]])).round(3).tolist()
    [0.5, 0.5]
    """
    likely = np.maximum(np.asarray(true_probabilities, np.float64), 1e-12)
    weights = equal_weights(len(likely))
    for _ in range(2000):
        following = weights * (likely / (weights @ likely)).mean(axis=1)
        if np.abs(following - weights).max() < 1e-7:
            break
        weights = following
    return _cleaned(weights)


def constrained_log_weights(log_values: FloatArray, true_column: IntArray) -> FloatArray:
    """The mean of log-probabilities with the least log loss: log_values (M, N, J), true_column (N).

    Convex, found on the simplex by sequential least squares.
    """
    from scipy.optimize import minimize

    logs = np.maximum(log_values, np.float32(-60))  # unknown to a member: next to impossible
    true_MN = np.take_along_axis(logs, true_column[None, :, None], axis=2)[..., 0]

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        mean_NJ = np.tensordot(weights, logs, axes=1)
        highest_N1 = mean_NJ.max(axis=1, keepdims=True)
        odds_NJ = np.exp(mean_NJ - highest_N1)
        sums_N1 = odds_NJ.sum(axis=1, keepdims=True)
        value = float(np.mean(highest_N1[:, 0] + np.log(sums_N1[:, 0]) - weights @ true_MN))
        expected_M = np.einsum("mnj,nj->m", logs, odds_NJ / sums_N1) / true_MN.shape[1]
        return value, expected_M - true_MN.mean(axis=1)

    found = minimize(
        loss,
        equal_weights(len(logs)),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * len(logs),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones_like(w)},
        options={"maxiter": 100},
    )
    return _cleaned(found.x)


def constrained_pair_weights(scores: FloatArray, labels: IntArray) -> FloatArray:
    """Weights under which a logistic curve of the mean score separates best the pairs of one person.

    Shapes: scores (M, P), labels (P) of 0 and 1. Both kinds of pair count equally, whatever their number.
    Convex, by bounded quasi-Newton steps; the slope is divided out at the end.
    """
    from scipy.optimize import minimize

    scores = np.asarray(scores, np.float64)
    num_members, is_same = len(scores), labels == 1
    sign_P = np.where(is_same, 1.0, -1.0)
    share_P = np.where(is_same, 0.5 / max(is_same.sum(), 1), 0.5 / max((~is_same).sum(), 1))

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        slopes, offset = parameters[:-1], parameters[-1]
        margin_P = sign_P * (slopes @ scores + offset)
        value = float(share_P @ np.logaddexp(0, -margin_P)) + 1e-4 * float(slopes @ slopes)
        pull_P = -share_P * sign_P / (1 + np.exp(np.clip(margin_P, -500, 500)))
        return value, np.append(scores @ pull_P + 2e-4 * slopes, pull_P.sum())

    start = np.append(equal_weights(num_members), 0.0)
    bounds = [(0, None)] * num_members + [(None, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    slopes = found.x[:-1]
    return _cleaned(slopes) if slopes.sum() > 0 else equal_weights(num_members)


def _cleaned(weights: FloatArray) -> FloatArray:
    """Weights below a thousandth of the sum are none: their network need not run."""
    kept = np.where(weights >= 1e-3 * weights.sum(), np.maximum(weights, 0), 0)
    return np.asarray(kept / kept.sum())
