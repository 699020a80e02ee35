"""Classification metrics of logits that may be far larger than memory: rows are read block by block.

Letters: N images, C classes, B rows of a block, K labels per image.

Logits are numbers of any float type, higher = more likely, -inf allowed; log-probabilities serve as well.
Ties: of classes with the same logit the lower class index comes first, as in `np.argmax`. So the accuracy
here is that of the labels which `top_k_labels` puts into a submission.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError
from kaggle_face.metrics.inputs import (
    FloatArray,
    IntArray,
    as_flags,
    as_ids,
    as_numbers,
    as_scores,
    require_count,
    require_counts,
    require_same_length,
    require_share,
    require_whole,
    row_blocks,
)

_LAST_RANKS = {"accuracy": 1, "top5": 5, "map@5": 5}
"""The last rank of the true class that counts, of each metric of ranks."""


@dataclass(frozen=True)
class ConfusionPair:
    """`count` images of class `true_label` were taken for `predicted_label`: `share` of that class."""

    true_label: int
    predicted_label: int
    count: int
    share: float


def accuracy(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Share of images, in [0, 1], whose highest logit is that of their true class.

    Shapes: logits (N, C), which may be a memory map, labels (N,) in [0, C).

    Raises:
        InputError: shapes that do not fit, a label out of range, or NaN logits.

    >>> accuracy([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3]], [1, 0, 1])
    0.6666666666666666
    """
    return float(np.mean(true_class_ranks(logits, labels) <= 1))


def top_k_accuracy(
    logits: npt.ArrayLike, labels: npt.ArrayLike, ks: Sequence[int] = (1, 5)
) -> dict[int, float]:
    """Share of images, in [0, 1], whose true class is among the K highest logits, for each K.

    Shapes: logits (N, C), which may be a memory map, labels (N,) in [0, C).

    Raises:
        InputError: shapes that do not fit, a label out of range, NaN logits, or a K below 1.

    The true classes 0, 0, 2 rank first, second and third in their rows:

    >>> logits = np.array([[3.0, 2, 1], [2, 3, 1], [3, 2, 1]])
    >>> top_k_accuracy(logits, [0, 0, 2], ks=(1, 2, 3))
    {1: 0.3333333333333333, 2: 0.6666666666666666, 3: 1.0}
    """
    require_counts(ks, "k of a top-k accuracy")
    ranks = true_class_ranks(logits, labels)
    return {k: float(np.mean(ranks <= k)) for k in ks}


def true_class_ranks(logits: npt.ArrayLike, labels: npt.ArrayLike) -> IntArray:
    """Rank (N,) of each image's true class, 1 = highest logit.

    Shapes: logits (N, C), labels (N,) in [0, C).

    Raises:
        InputError: shapes that do not fit, a label out of range, or NaN logits.

    >>> true_class_ranks(np.array([[0.1, 0.9, 0.5], [0.4, 0.4, 0.4]]), [0, 1]).tolist()
    [3, 2]
    """
    table, truth = _checked(logits, labels)
    ranks = np.empty(len(truth), np.int64)
    for rows, logits_BC in _float_blocks(table):
        ranks[rows] = _block_ranks(logits_BC, truth[rows])
    return ranks


def hits_at_ranks(ranks: npt.ArrayLike, metric: str) -> FloatArray:
    """The summand of each image (N) in a metric, by the rank of its true class, 1 for the likeliest.

    Args:
        ranks: Of the true classes (N,), 1 for the likeliest.
        metric: `accuracy`, `top5` or `map@5`.

    Raises:
        InputError: The metric is not one of these.

    >>> hits_at_ranks([1, 2, 6], "map@5").tolist(), hits_at_ranks([1, 2, 6], "top5").tolist()
    ([1.0, 0.5, 0.0], [1.0, 1.0, 0.0])
    """
    if metric not in _LAST_RANKS:
        raise InputError(f"metric must be {', '.join(_LAST_RANKS)}, got {metric!r}")
    places = np.asarray(ranks)
    worth = 1.0 / np.maximum(places, 1) if metric == "map@5" else np.ones(len(places))
    hits: FloatArray = np.where(places <= _LAST_RANKS[metric], worth, 0.0)
    return hits


def top_k_labels(logits: npt.ArrayLike, k: int = 1) -> IntArray:
    """Class indices (N, K) of the K highest logits of each image, the highest first.

    Shape: logits (N, C), which may be a memory map.

    Raises:
        InputError: logits are not a table, NaN, or K is not in [1, C].

    >>> top_k_labels(np.array([[0.1, 0.9, 0.5], [0.4, 0.4, 0.3]]), k=2).tolist()
    [[1, 2], [0, 1]]
    """
    table = _table(logits)
    require_whole(k, "k")
    if not 1 <= k <= table.shape[1]:
        raise InputError(f"k must be between 1 and the {table.shape[1]} classes, got {k}")
    labels = np.empty((len(table), k), np.int64)
    for rows, logits_BC in _float_blocks(table):
        remaining_BC, every_row = logits_BC.copy(), np.arange(len(logits_BC))
        top_BK = np.empty((len(logits_BC), k), np.int64)
        for place in range(k):
            top_BK[:, place] = remaining_BC.argmax(axis=1)
            highest_B = remaining_BC[every_row, top_BK[:, place]]
            remaining_BC[every_row, top_BK[:, place]] = -np.inf
        unsure = np.flatnonzero(np.isneginf(highest_B))  # -inf from the start, or taken before
        top_BK[unsure] = np.argsort(-logits_BC[unsure], axis=1, kind="stable")[:, :k]
        labels[rows] = top_BK
    return labels


def per_class_accuracy(predicted: npt.ArrayLike, labels: npt.ArrayLike, num_classes: int) -> FloatArray:
    """Share (C,) of each class's images that were recognised; NaN for a class without images.

    Shapes: predicted and labels (N,), both in [0, C).

    Raises:
        InputError: lengths differ, or a label is out of range.

    >>> per_class_accuracy([0, 1, 1], [0, 0, 1], num_classes=3).tolist()
    [0.5, 1.0, nan]
    """
    guess, truth = _label_columns(predicted, labels, num_classes)
    images = np.bincount(truth, minlength=num_classes)
    hits = np.bincount(truth[guess == truth], minlength=num_classes)
    shares: FloatArray = np.full(num_classes, np.nan)
    return np.divide(hits, images, out=shares, where=images > 0)


def confusion_pairs(
    predicted: npt.ArrayLike, labels: npt.ArrayLike, num_classes: int, limit: int = 20
) -> list[ConfusionPair]:
    """The most frequent mistakes, most frequent first, then by label; memory grows with N, not with C x C.

    Shapes: predicted and labels (N,), both in [0, C).

    Raises:
        InputError: lengths differ, or a label is out of range.

    Two of the three images of class 0 are taken for class 1:

    >>> confusion_pairs([1, 1, 0, 0], [0, 0, 0, 2], num_classes=3, limit=1)
    [ConfusionPair(true_label=0, predicted_label=1, count=2, share=0.6666666666666666)]
    """
    require_count(limit, "limit", 0)
    guess, truth = _label_columns(predicted, labels, num_classes)
    images = np.bincount(truth, minlength=num_classes)
    wrong = guess != truth
    codes, counts = np.unique(truth[wrong] * num_classes + guess[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:limit]
    pairs = [(*divmod(int(codes[i]), num_classes), int(counts[i])) for i in order]
    return [ConfusionPair(true, seen, count, count / int(images[true])) for true, seen, count in pairs]


def log_loss(logits: npt.ArrayLike, labels: npt.ArrayLike, most: float = math.inf) -> float:
    """Mean cross-entropy of the softmax in nats, in [0, inf].

    Shapes: logits (N, C), labels (N,) in [0, C). `most` is the greatest loss that an image may add: without
    it one image whose class has the logit -inf makes the mean infinite.

    Raises:
        InputError: shapes that do not fit, a label out of range, or NaN or +inf logits.

    Even odds among four classes cost ln 4 = 1.386294:

    >>> round(log_loss(np.zeros((2, 4)), [0, 3]), 6)
    1.386294
    """
    table, truth = _checked(logits, labels)
    total = 0.0
    for rows, logits_BC in _float_blocks(table):
        shifted_BC, log_sum_B = _shifted_with_log_sum(logits_BC)
        true_B = shifted_BC[np.arange(len(shifted_BC)), truth[rows]]
        total += float(np.sum(np.minimum(log_sum_B - true_B, most), dtype=np.float64))
    return total / len(truth)


def expected_calibration_error(logits: npt.ArrayLike, labels: npt.ArrayLike, num_bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal-width bins ((b-1)/M, b/M], in [0, 1].

    Shapes: logits (N, C), labels (N,) in [0, C). Source: Guo et al. 2017, "On Calibration of Modern Neural
    Networks", equation 3, with their 15 bins.

    Raises:
        InputError: shapes that do not fit, a label out of range, NaN or +inf logits, or no bins.

    Both images are 75 % sure (odds 3 to 1) and one is right: |0.5 - 0.75| = 0.25.

    >>> round(expected_calibration_error(np.log([[3.0, 1], [3, 1]]), [0, 1]), 6)
    0.25
    """
    table, truth = _checked(logits, labels)
    confidences, is_right = np.empty(len(truth)), np.empty(len(truth), np.bool_)
    for rows, logits_BC in _float_blocks(table):
        confidences[rows] = np.exp(-_shifted_with_log_sum(logits_BC)[1])  # the shifted maximum is 0
        is_right[rows] = logits_BC.argmax(axis=1) == truth[rows]
    return calibration_error(confidences, is_right, num_bins)


def calibration_error(confidences: npt.ArrayLike, is_right: npt.ArrayLike, num_bins: int = 15) -> float:
    """`expected_calibration_error` of predictions whose confidence is known.

    Shapes: confidences (N,) in [0, 1], the probability of the predicted class, is_right (N,) of 0 and 1.

    Raises:
        InputError: lengths differ, a confidence is not in [0, 1], flags other than 0 and 1, or no bins.

    >>> calibration_error([0.75, 0.75], [1, 0])
    0.25
    """
    require_count(num_bins, "num_bins", 1)
    shares, right = as_scores(confidences, "confidences"), as_flags(is_right, "is_right")
    require_same_length(shares, right, "confidences and is_right")
    require_share(float(shares.min()), "a confidence")
    require_share(float(shares.max()), "a confidence")
    bins = np.clip(np.ceil(shares * num_bins).astype(np.int64) - 1, 0, num_bins - 1)
    gaps = np.bincount(bins, weights=right - shares, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(right))


def _block_ranks(logits_BC: FloatArray, truth_B: IntArray) -> IntArray:
    true_B1 = logits_BC[np.arange(len(truth_B)), truth_B][:, None]
    higher: IntArray = np.count_nonzero(logits_BC > true_B1, axis=1)
    not_lower = np.count_nonzero(logits_BC >= true_B1, axis=1)
    for row in np.flatnonzero(not_lower - higher > 1):  # ties are rare: only their rows are read again
        before = logits_BC[row, : truth_B[row]]
        higher[row] += np.count_nonzero(before == true_B1[row])
    return higher + 1


def _shifted_with_log_sum(logits_BC: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Logits less their row's maximum, and the logarithm of the sum of their exponentials."""
    highest_B1 = logits_BC.max(axis=1, keepdims=True)
    if not np.isfinite(highest_B1).all():
        raise InputError("a softmax needs a finite highest logit in each row, got an infinite one")
    shifted_BC = logits_BC - highest_B1
    return shifted_BC, np.log(np.exp(shifted_BC).sum(axis=1, dtype=np.float64))


def _float_blocks(logits: npt.NDArray[Any]) -> Iterator[tuple[slice, FloatArray]]:
    """Blocks of rows as float32 or wider: numpy compares float16 several times slower than it converts it."""
    dtype = np.result_type(logits.dtype, np.float32)
    for rows in row_blocks(len(logits), logits.shape[1] * dtype.itemsize):
        logits_BC = np.asarray(logits[rows]).astype(dtype, copy=False)
        is_nan_B = np.isnan(logits_BC.max(axis=1))
        if is_nan_B.any():
            raise InputError(f"logits must not be NaN, got NaN in row {rows.start + int(is_nan_B.argmax())}")
        yield rows, logits_BC


def _checked(logits: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[npt.NDArray[Any], IntArray]:
    table, truth = _table(logits), as_ids(labels, "labels")
    require_same_length(table, truth, "logits and labels")
    return table, _class_indices(truth, "labels", table.shape[1])


def _table(logits: npt.ArrayLike) -> npt.NDArray[Any]:
    table = as_numbers(logits, "logits")
    if table.ndim != 2 or 0 in table.shape:
        raise InputError(f"logits must be a table (images, classes), got shape {table.shape}")
    return table


def _label_columns(
    predicted: npt.ArrayLike, labels: npt.ArrayLike, num_classes: int
) -> tuple[IntArray, IntArray]:
    require_count(num_classes, "num_classes", 1)
    guess, truth = as_ids(predicted, "predicted labels"), as_ids(labels, "labels")
    require_same_length(guess, truth, "predicted labels and labels")
    return (
        _class_indices(guess, "predicted labels", num_classes),
        _class_indices(truth, "labels", num_classes),
    )


def _class_indices(values: npt.NDArray[Any], name: str, num_classes: int) -> IntArray:
    if values.dtype.kind not in "iu":
        raise InputError(f"{name} must be class indices (integers), got {values.dtype}")
    outside = (values < 0) | (values >= num_classes)
    if outside.any():
        place = int(outside.argmax())
        raise InputError(f"{name} must be in 0..{num_classes - 1}, got {values[place]} at position {place}")
    return values.astype(np.int64, copy=False)
