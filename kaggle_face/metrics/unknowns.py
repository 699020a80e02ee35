"""The rank of the label for unknown people among classes, chosen without pictures of unknown people.

Letters: N images, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError
from kaggle_face.metrics.classification import top_k_labels, true_class_ranks
from kaggle_face.metrics.identification import map_at_k
from kaggle_face.metrics.inputs import as_ids, as_numbers, as_threshold, require_share, require_whole

_MOST_CANDIDATES = 201


@dataclass(frozen=True)
class UnknownThreshold:
    """The probability below which the unknown label goes before a class, and the MAP@k expected with it."""

    threshold: float
    expected_map: float


def choose_unknown_threshold(
    probabilities_NC: npt.ArrayLike,
    labels_N: npt.ArrayLike,
    unknown_share: float,
    k: int = 5,
) -> UnknownThreshold:
    """The threshold of `rank_with_unknown` with the highest expected MAP@k if a share of probes is unknown.

    Every held-out image is used twice: as it is, for a known person; and with its own class taken out, the
    rest scaled to sum 1, for an unknown one, who resembles the other classes as much as this person does.

    Args:
        probabilities_NC: Out-of-fold class probabilities (N, C).
        labels_N: True classes (N,).
        unknown_share: Expected share of unknown people among the probes, in [0, 1].
        k: Labels per row.

    Raises:
        InputError: Shapes that do not fit, a label or the share out of range, or a probability that is NaN.

    Two sure images; without their own class each has another of probability 1, and the two are equal:

    >>> choose_unknown_threshold([[0.75, 0.25], [0.25, 0.75]], [0, 1], unknown_share=0.25, k=1).expected_map
    0.75
    """
    require_share(unknown_share, "the share of unknown people")
    require_whole(k, "k")
    known = as_numbers(probabilities_NC, "probabilities").astype(np.float64)
    labels = as_ids(labels_N, "labels")
    true_class_ranks(known, labels)  # checks both
    unknown = known.copy()
    unknown[np.arange(len(labels)), labels] = 0.0
    unknown /= np.maximum(unknown.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    tops = np.concatenate([known.max(axis=1), unknown.max(axis=1)])
    candidates = np.unique(np.quantile(tops, np.linspace(0, 1, _MOST_CANDIDATES)))
    truth = np.full(len(labels), known.shape[1])
    scores = [
        (1 - unknown_share) * map_at_k(rank_with_unknown(known, t, k), labels, k)
        + unknown_share * map_at_k(rank_with_unknown(unknown, t, k), truth, k)
        for t in candidates
    ]
    best = int(np.argmax(scores))
    return UnknownThreshold(float(candidates[best]), float(scores[best]))


def rank_with_unknown(probabilities_NC: npt.ArrayLike, threshold: float, k: int) -> npt.NDArray[np.int64]:
    """The `k` likeliest labels (N, k) of each image, of C classes and, as number C, the unknown label.

    The unknown label stands before the classes whose probability is below the threshold, compared in float64.
    This ranking is what thresholds are chosen by and what submissions show.

    Raises:
        InputError: `k` is not in [1, C + 1], or a probability is NaN.

    >>> rank_with_unknown(np.array([[0.6, 0.3, 0.1]]), threshold=0.5, k=3).tolist()
    [[0, 3, 1]]
    """
    threshold = as_threshold(threshold)
    require_whole(k, "k")
    table = as_numbers(probabilities_NC, "probabilities")
    num_classes = table.shape[-1] if table.ndim == 2 else 0
    if num_classes and k > num_classes + 1:
        raise InputError(f"k must be between 1 and the {num_classes + 1} labels, got {k}")
    classes_NK = top_k_labels(table, min(k, num_classes))
    likely_NK = np.take_along_axis(table, classes_NK, axis=1).astype(np.float64)
    place_N1 = np.count_nonzero(likely_NK >= threshold, axis=1)[:, None]
    columns = np.arange(k)
    shifted = np.maximum(columns - (columns > place_N1), 0)
    ranked = np.take_along_axis(classes_NK, np.minimum(shifted, classes_NK.shape[1] - 1), axis=1)
    return np.where(columns == place_N1, num_classes, ranked)
