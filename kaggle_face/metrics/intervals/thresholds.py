"""Intervals of thresholds, for other people: all thresholds that the pairs do not speak against.

A threshold belongs to its interval if what it is chosen by could well be met there (Woodruff 1952): the FPR
does not differ from the wanted one by more than noise, or FPR and FNR from each other, or the accuracy from
the best one. Noise is measured as for the metrics, by the pairs that share people (`pair_clusters`).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from kaggle_face.metrics.inputs import FloatArray
from kaggle_face.metrics.intervals.influences import ScoredPairs
from kaggle_face.metrics.intervals.student_t import t_quantile

Ends = tuple[float, float]
"""The lowest and the highest threshold of an interval."""

_NORMAL = NormalDist()
_MOST_CANDIDATES = 300


def eer_threshold_interval(scored: ScoredPairs, confidence: float = 0.95) -> Ends:
    """Thresholds at which FPR and FNR may be equal."""
    at = scored.trials.equal_error_rate().threshold
    accepted, is_same = scored.scores >= at, scored.pairs.is_same
    influences = scored.pairs.centred(accepted[is_same], accepted[~is_same])
    margin = _deviation(scored, influences) * _quantile(scored, confidence)
    low, above = scored.trials.highest_balanced(margin), scored.trials.highest_balanced(-margin)
    lowest, highest = _ends(scored)
    high = scored.trials.lowest_above(above) if above is not None else None
    return (lowest if low is None else min(low, at), highest if high is None else max(high, at))


def fpr_threshold_interval(scored: ScoredPairs, fpr: float, confidence: float = 0.95) -> Ends:
    """Thresholds whose FPR may be this one; without numbers where that accepts hardly an impostor."""
    if not scored.knows_fpr(fpr):
        return math.nan, math.nan
    deviation = math.sqrt(fpr * (1 - fpr) / scored.worth_of_impostors(fpr))
    middle, trials = _NORMAL.inv_cdf(fpr), scored.trials
    margin = _quantile(scored, confidence) * deviation / _NORMAL.pdf(middle)
    found = [trials.tpr_at_fpr(_NORMAL.cdf(middle + side * margin)).threshold for side in (1, 0, -1)]
    low, at, high = (each if math.isfinite(each) else _ends(scored)[1] for each in found)
    return min(low, at), max(high, at)


def accuracy_threshold_interval(
    scored: ScoredPairs, threshold: float, candidates: FloatArray, confidence: float = 0.95
) -> Ends:
    """Thresholds that may be as accurate as the most accurate one; `candidates` (T) ascend.

    This one is cautious: at 95 % it held the truth in 98 to 100 of 100 simulations.
    """
    chosen = candidates[
        np.linspace(0, len(candidates) - 1, min(len(candidates), _MOST_CANDIDATES)).astype(int)
    ]
    limit, kept = _quantile(scored, confidence), [threshold]
    is_right = (scored.scores >= threshold) == scored.pairs.is_same
    for each in chosen.tolist():
        lost = is_right.astype(np.float64) - ((scored.scores >= each) == scored.pairs.is_same)
        if lost.mean() <= limit * _deviation(scored, _of_mean(scored, lost)):
            kept.append(each)
    return min(kept), max(kept)


def _of_mean(scored: ScoredPairs, values: FloatArray) -> FloatArray:
    """Influences on the mean of a value of all pairs (P)."""
    is_same = scored.pairs.is_same
    share = float(is_same.mean())
    return scored.pairs.centred(share * values[is_same], (1 - share) * values[~is_same])


def _deviation(scored: ScoredPairs, influences: FloatArray) -> float:
    return math.sqrt(scored.pairs.clusters.variance(influences))


def _quantile(scored: ScoredPairs, confidence: float) -> float:
    return t_quantile((1 + confidence) / 2, max(scored.pairs.num_people - 1, 2.0))


def _ends(scored: ScoredPairs) -> Ends:
    return float(scored.scores.min()), float(scored.scores.max())
