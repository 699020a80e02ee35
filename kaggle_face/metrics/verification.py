"""Verification metrics of scored pairs: equal error rate, AUC, TPR at a FPR, LFW accuracy.

Everywhere: scores (P,) in [-inf, inf], higher = more alike; is_same (P,), 1 = same person, 0 = different;
`score >= threshold` means "same". For several metrics of the same pairs `verification_summary`
sorts once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError
from kaggle_face.metrics.inputs import (
    BoolArray,
    FloatArray,
    IntArray,
    as_flags,
    as_ids,
    as_scores,
    as_threshold,
    require_same_length,
    require_share,
)
from kaggle_face.metrics.sorted_scores import SortedScores
from kaggle_face.metrics.thresholds import accuracy_curve
from kaggle_face.metrics.trials import (
    VERIFICATION_METRICS,
    EqualErrorRate,
    ErrorRates,
    RocPoints,
    SortedTrials,
    TprAtFpr,
    sort_trials,
    split_by_label,
)

NARROW_FROM_PAIRS = 1 << 18
"""Below this number of pairs a plain sort takes some milliseconds, and narrowing is not worth it."""

SAMPLE_SIZE = 1 << 16
"""Scores of each class that estimate where the error rates cross."""


@dataclass(frozen=True, eq=False)
class VerificationAccuracy:
    """Mean accuracy over the folds, and its standard error.

    `standard_error` is the standard deviation of the folds' accuracies (with F - 1) over the root of F.
    `accuracies` and `thresholds` (F,) belong to the folds in ascending order.
    """

    mean: float
    standard_error: float
    accuracies: FloatArray
    thresholds: FloatArray


def equal_error_rate(scores: npt.ArrayLike, is_same: npt.ArrayLike) -> EqualErrorRate:
    """The rate in [0, 1] at which false positive and false negative rate are equal.

    It is read where the ROC curve, its vertices joined by straight lines, meets TPR = 1 - FPR: the value of
    the recipe `brentq(lambda x: 1 - x - interp1d(fpr, tpr)(x), 0, 1)` on scikit-learn's `roc_curve`, but
    exact, and tied scores count as one vertex. `threshold` is the observed score with the least |FPR - FNR|
    (of two the lower); `fpr` and `fnr` are the rates there.

    Only the scores around the crossing are sorted: 10 million pairs take less than 0.2 s on one core.

    Shapes: scores (P,) in [-inf, inf], higher = more alike; is_same (P,), 1 = same person, 0 = different.

    Raises:
        InputError: lengths differ, NaN scores, flags other than 0 and 1, or only one class.

    At 0.7 one of four impostors is accepted and one of four genuine pairs (0.4) is rejected:

    >>> equal_error_rate([0.9, 0.8, 0.7, 0.4, 0.75, 0.3, 0.2, 0.1], [1, 1, 1, 1, 0, 0, 0, 0])
    EqualErrorRate(eer=0.25, threshold=0.7, fpr=0.25, fnr=0.25)
    """
    genuine, impostor = split_by_label(scores, is_same)
    trials = _narrowed_trials(genuine, impostor) or SortedTrials.of(genuine, impostor)
    return trials.equal_error_rate()


def roc_auc(scores: npt.ArrayLike, is_same: npt.ArrayLike) -> float:
    """Area under the ROC curve in [0, 1]: the chance that a genuine pair outscores an impostor, ties half.

    Source: Mann and Whitney 1947; Hanley and McNeil 1982. Exact: counts are integers.

    Shapes: scores (P,) in [-inf, inf], higher = more alike; is_same (P,), 1 = same person, 0 = different.

    Raises:
        InputError: lengths differ, NaN scores, flags other than 0 and 1, or only one class.

    Of four couples the genuine pair wins two, ties one (0.5) and loses one: (2 + 1/2) / 4.

    >>> roc_auc([0.9, 0.5, 0.5, 0.6], [1, 1, 0, 0])
    0.625
    """
    return sort_trials(scores, is_same).roc_auc()


def tpr_at_fpr(scores: npt.ArrayLike, is_same: npt.ArrayLike, fpr: float) -> TprAtFpr:
    """The largest true positive rate whose false positive rate is at most `fpr`, and its threshold.

    Nothing is interpolated: the threshold is the lowest genuine score that keeps the promise on these pairs,
    so impostors tied with it count. Where no genuine pair can be accepted the TPR is 0 and the threshold
    inf (NaN where too many impostors score inf themselves).

    Of many pairs only the highest impostors, and what lies above the lowest of them, are sorted.

    Shapes: scores (P,) in [-inf, inf], higher = more alike; is_same (P,), 1 = same person, 0 = different.

    Raises:
        InputError: as for the pairs of `equal_error_rate`, or a `fpr` outside [0, 1].

    Half of the impostors may pass, so 0.6 but not 0.3; the genuine 0.4 passes with them:

    >>> tpr_at_fpr([0.9, 0.4, 0.2, 0.6, 0.3], [1, 1, 1, 0, 0], fpr=0.5)
    TprAtFpr(tpr=0.6666666666666666, threshold=0.4)
    """
    require_share(fpr, "fpr")
    genuine, impostor = split_by_label(scores, is_same)
    trials = _highest_trials(genuine, impostor, fpr) or SortedTrials.of(genuine, impostor)
    return trials.tpr_at_fpr(fpr)


def error_rates(scores: npt.ArrayLike, is_same: npt.ArrayLike, threshold: float) -> ErrorRates:
    """False positive and false negative rate of the decision `score >= threshold`.

    Shapes: scores (P,) in [-inf, inf], higher = more alike; is_same (P,), 1 = same person, 0 = different.

    Raises:
        InputError: as for the pairs of `equal_error_rate`, or a threshold that is NaN.

    >>> error_rates([0.9, 0.4, 0.6, 0.3], [1, 1, 0, 0], threshold=0.6)
    ErrorRates(fpr=0.5, fnr=0.5)
    """
    threshold = as_threshold(threshold)
    genuine, impostor = split_by_label(scores, is_same)
    return ErrorRates(
        int(np.count_nonzero(impostor >= threshold)) / len(impostor),
        int(np.count_nonzero(genuine < threshold)) / len(genuine),
    )


def roc_points(scores: npt.ArrayLike, is_same: npt.ArrayLike, max_points: int = 1000) -> RocPoints:
    """The ROC curve for a plot, of at most `max_points` vertices, all of them exact.

    Where the distinct scores are more, thresholds are spread evenly over the genuine pairs, evenly over the
    impostors, and evenly in the logarithm of the FPR.

    Shapes: scores (P,) in [-inf, inf], higher = more alike; is_same (P,), 1 = same person, 0 = different.

    Raises:
        InputError: as for the pairs of `equal_error_rate`, or fewer than 4 points.

    >>> points = roc_points([0.9, 0.8, 0.7], [1, 0, 1])
    >>> points.fpr.tolist(), points.tpr.tolist(), points.thresholds.tolist()
    ([0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0], [inf, 0.9, 0.8, 0.7])
    """
    return sort_trials(scores, is_same).roc_points(max_points)


def verification_accuracy(
    scores: npt.ArrayLike, is_same: npt.ArrayLike, fold_of_pair: npt.ArrayLike
) -> VerificationAccuracy:
    """Accuracy of the LFW protocol: each fold is judged at the threshold that is best on all the others.

    Shapes: scores (P,), is_same (P,), fold_of_pair (P,), any ids; ten folds in LFW, two or more here. The
    threshold is the middle between two neighbouring scores; of equally good ones the middle one.
    Source: Huang et al. 2007, "Labeled Faces in the Wild", section on reporting results.

    Raises:
        InputError: lengths differ, NaN scores, flags other than 0 and 1, or fewer than two folds.

    Fold 1 chooses 0.5 (between 0.2 and 0.8), which judges fold 0 half right; fold 0 chooses 0.75:

    >>> judged = verification_accuracy([0.6, 0.9, 0.2, 0.8], [0, 1, 0, 1], [0, 0, 1, 1])
    >>> judged.mean, judged.standard_error, judged.thresholds.tolist()
    (0.75, 0.25, [0.5, 0.75])
    """
    values, same, folds = (
        as_scores(scores),
        as_flags(is_same, "is_same"),
        as_ids(fold_of_pair, "fold_of_pair"),
    )
    require_same_length(values, same, "scores and is_same")
    require_same_length(values, folds, "scores and fold_of_pair")
    order = np.argsort(values)
    values, same, folds = values[order], same[order], folds[order]
    from sklearn.model_selection import LeaveOneGroupOut

    splits = LeaveOneGroupOut()
    if len(values) == 0 or splits.get_n_splits(groups=folds) < 2:
        raise InputError(f"the protocol needs at least two folds of pairs, got {len(np.unique(folds))}")
    judged = [_judge_fold(values, same, *rows) for rows in splits.split(values, groups=folds)]
    accuracies, thresholds = np.array(judged).T
    spread = float(accuracies.std(ddof=1)) / math.sqrt(len(judged))
    return VerificationAccuracy(float(accuracies.mean()), spread, accuracies, thresholds)


def verification_summary(scores: npt.ArrayLike, is_same: npt.ArrayLike) -> dict[str, float]:
    """`eer`, `auc`, `tpr@1e-2` and `tpr@1e-3` from one sort.

    Shapes: scores (P,) in [-inf, inf], higher = more alike; is_same (P,), 1 = same person, 0 = different.

    Raises:
        InputError: as for the pairs of `equal_error_rate`.

    >>> verification_summary([0.9, 0.1], [1, 0])
    {'eer': 0.0, 'auc': 1.0, 'tpr@1e-2': 1.0, 'tpr@1e-3': 1.0}
    """
    trials = sort_trials(scores, is_same)
    return {name: trials.metric(name) for name in VERIFICATION_METRICS}


def _judge_fold(
    values: FloatArray, is_same: BoolArray, others: IntArray, fold: IntArray
) -> tuple[float, float]:
    curve = accuracy_curve(values[others], is_same[others], ~is_same[others])
    threshold = values.dtype.type(curve.thresholds[curve.best])
    return float(np.mean((values[fold] >= threshold) == is_same[fold])), float(threshold)


def _narrowed_trials(genuine: FloatArray, impostor: FloatArray) -> SortedTrials | None:
    """Trials with only the scores between two bounds sorted, if the error rates cross there for certain."""
    if len(genuine) + len(impostor) < NARROW_FROM_PAIRS:
        return None
    bounds = _crossing_bounds(genuine, impostor)
    if bounds is None:
        return None
    trials = SortedTrials(_between(genuine, *bounds), _between(impostor, *bounds))
    crosses = trials.balance(bounds[0]) >= 0 > trials.balance(bounds[1])
    return trials if crosses else None


def _highest_trials(genuine: FloatArray, impostor: FloatArray, fpr: float) -> SortedTrials | None:
    """Trials with only the scores sorted from the highest impostor on that must be refused at `fpr`."""
    kept = math.floor(fpr * len(impostor)) + 2  # one more must be refused; another one against rounding
    if len(genuine) + len(impostor) < NARROW_FROM_PAIRS or kept > len(impostor) // 4:
        return None
    lowest = np.partition(impostor, -kept)[-kept]
    if not lowest <= genuine.max():
        return None
    return SortedTrials(_between(genuine, lowest, math.inf), _between(impostor, lowest, math.inf))


def _crossing_bounds(genuine: FloatArray, impostor: FloatArray) -> tuple[float, float] | None:
    """Two scores of a sample around its crossing; None where it lies at the sample's edge."""
    sample = SortedTrials.of(_thinned(genuine), _thinned(impostor))
    # FPR - FNR of n samples has a standard deviation of at most sqrt(1 / 2n); six of them almost never fail
    margin = 6 * math.sqrt(0.5 / min(sample.genuine.total, sample.impostor.total))
    lowest, highest = sample.highest_balanced(margin), sample.highest_balanced(-margin)
    above = None if highest is None else sample.lowest_above(highest)
    return None if lowest is None or above is None else (lowest, above)


def _thinned(scores: FloatArray) -> FloatArray:
    return scores[:: max(1, len(scores) // SAMPLE_SIZE)]


def _between(scores: FloatArray, lowest: float, highest: float) -> SortedScores:
    num_below = int(np.count_nonzero(scores < lowest))
    inside = np.sort(np.compress((scores >= lowest) & (scores <= highest), scores))
    return SortedScores(inside, range(num_below, num_below + len(inside) + 1), len(scores))
