"""Scores of one class of trials, sorted, with the weight that lies below each: thresholds become a search."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from kaggle_face.metrics.inputs import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class SortedScores:
    """Trials of one class: scores (N,) ascending, and the weight `below` each position (N+1,).

    `below` is a range where all weights are one: millions of numbers less to write and to read. `total` is
    the weight of the class. It exceeds `below[-1]` where only a range of the scores was kept.
    """

    scores: FloatArray
    below: IntArray | range
    total: int

    def __post_init__(self) -> None:
        assert len(self.below) == len(self.scores) + 1
        assert bool((self.scores[1:] >= self.scores[:-1]).all()), "scores must ascend, without NaN"

    @classmethod
    def of(cls, scores: FloatArray) -> SortedScores:
        """All trials of one class (N,), in any order, each of weight one."""
        return cls.of_ascending(np.sort(scores))

    @classmethod
    def of_ascending(cls, scores: FloatArray) -> SortedScores:
        """All trials of one class (N,), already sorted, each of weight one."""
        return cls(scores, range(len(scores) + 1), len(scores))

    def reweighted(self, weights: IntArray) -> SortedScores:
        """The trials with integer weights (N,) >= 0, in ascending order of their scores."""
        below = np.concatenate([np.zeros(1, np.int64), np.cumsum(weights, dtype=np.int64)])
        return SortedScores(self.scores, below, int(below[-1]))

    def weighted_sum(self, rows: slice, values: IntArray) -> int:
        """The sum of the values (n,) of the trials in these rows, each times its trial's weight."""
        if isinstance(self.below, range):
            return int(values.sum())
        return int(np.dot(np.diff(self.below[rows.start : rows.stop + 1]), values))

    def weights_before(self, places: IntArray) -> IntArray:
        """The weight (n,) of the trials before each of these positions (n,)."""
        return places + self.below.start if isinstance(self.below, range) else self.below[places]

    def weights_below(self, thresholds: FloatArray) -> IntArray:
        """The weight (T,) of the trials that each threshold (T,) rejects."""
        return self.weights_before(np.searchsorted(self.scores, thresholds, "left"))

    def weight_below(self, score: float) -> int:
        """Weight of the trials with a lower score: those rejected at a threshold of `score`."""
        return int(self.below[np.searchsorted(self.scores, self.scores.dtype.type(score), "left")])

    def weight_up_to(self, score: float) -> int:
        """Weight of the trials with this score or a lower one: those rejected just above it."""
        return int(self.below[np.searchsorted(self.scores, self.scores.dtype.type(score), "right")])

    def lowest_above(self, score: float) -> float | None:
        """The lowest of the scores that exceed `score`, or None."""
        place = np.searchsorted(self.scores, self.scores.dtype.type(score), "right")
        return float(self.scores[place]) if place < len(self.scores) else None

    def highest_refused(self, max_share: float) -> float | None:
        """The highest score that must be rejected so that at most `max_share` is accepted, or None."""
        start = bisect_left(
            range(len(self.scores)),
            True,
            key=lambda place: (self.total - int(self.below[place])) / self.total <= max_share,
        )
        return float(self.scores[start - 1]) if start else None

    def accepted_shares(self, thresholds: FloatArray) -> FloatArray:
        """The share (T,) of the class that each threshold (T,) accepts."""
        return np.asarray((self.total - self.weights_below(thresholds)) / self.total)


def lowest_acceptable(ascending: FloatArray, refused: float | None) -> float:
    """The lowest of the scores that lies above the highest refused one: the threshold that keeps the most.

    Where there is none it is inf, which accepts nothing that was to be kept; and NaN, which accepts nothing
    at all, where the refused score itself is inf.
    """
    start = 0 if refused is None else np.searchsorted(ascending, ascending.dtype.type(refused), "right")
    if start < len(ascending):
        return float(ascending[start])
    return math.nan if refused == math.inf else math.inf
