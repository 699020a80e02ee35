"""Temperature scaling: calibrated probabilities, so that an overconfident network does not dominate a blend.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks": logits are divided by one number per
network, found by the log loss on images that it was not trained on. Letters: N images, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kaggle_face.evaluation.member_scores import HeldOutLogits, finite_block
from kaggle_face.evaluation.nested_split import BoolArray, spread_sample
from kaggle_face.records import FloatArray, IntArray

MOST_IMAGES = 2000
"""One number is found well enough on these; they are chosen by a hash of their ids."""

LEAST, GREATEST = 0.05, 20.0
"""A temperature outside of these means that the numbers are not logits; the nearer bound is taken."""


def fit_temperature(logits_NC: FloatArray, labels: IntArray) -> float:
    """The temperature of the least log loss, within [0.05, 20].

    The loss is convex in 1/T, so its slope is brought to zero by Newton steps within a shrinking bracket.
    An image whose true class has the logit -inf does not count: no temperature makes its loss finite.

    Logits twice too large for their accuracy of 3 in 4 (odds 3 to 1 = e^1.0986):

    >>> logits = np.array([[2.1972, 0.0]] * 4)
    >>> round(fit_temperature(logits, np.array([0, 0, 0, 1])), 3)
    2.0
    """
    known = logits_NC[np.arange(len(labels)), labels] != -np.inf
    logits_NC, labels = logits_NC[known], labels[known]
    if not len(labels):
        return 1.0
    shifted_NC = logits_NC - logits_NC.max(axis=1, keepdims=True)
    true_N = shifted_NC[np.arange(len(labels)), labels]
    shifted_NC[shifted_NC == -np.inf] = -1e6  # unknown classes: probability 0, and 0 times them is 0
    low, high, inverse = 1 / GREATEST, 1 / LEAST, 1.0
    for _ in range(60):
        slope, curvature = _derivatives(shifted_NC, true_N, inverse)
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        step = inverse - slope / curvature if curvature > 0 else low
        following = step if low < step < high else (low + high) / 2
        if abs(following - inverse) < 1e-6 * inverse:
            break
        inverse = following
    return float(1 / inverse)


def fit_temperatures(held_out: Sequence[HeldOutLogits], chosen: Sequence[BoolArray]) -> tuple[float, ...]:
    """The temperature of each member, on the chosen images of each fold."""
    ids = np.concatenate([fold.image_ids[mask] for fold, mask in zip(held_out, chosen, strict=True)])
    wanted = ids[spread_sample(ids, MOST_IMAGES)]
    rows = [
        np.flatnonzero(mask & np.isin(fold.image_ids, wanted))
        for fold, mask in zip(held_out, chosen, strict=True)
    ]
    labels = np.concatenate([fold.labels[positions] for fold, positions in zip(held_out, rows, strict=True)])
    if not len(labels):
        return (1.0,) * len(held_out[0].member_scores)
    temperatures = []
    for member in range(len(held_out[0].member_scores)):
        logits = [
            finite_block(fold.member_scores[member], positions)
            for fold, positions in zip(held_out, rows, strict=True)
        ]
        temperatures.append(fit_temperature(np.concatenate(logits), labels))
    return tuple(temperatures)


def _derivatives(shifted_NC: FloatArray, true_N: FloatArray, inverse: float) -> tuple[float, float]:
    """First and second derivative of the mean log loss with respect to 1/T."""
    weights_NC = np.exp(np.asarray(inverse, shifted_NC.dtype) * shifted_NC)
    weights_NC /= weights_NC.sum(axis=1, keepdims=True)
    mean_N = np.einsum("nc,nc->n", weights_NC, shifted_NC, dtype=np.float64)
    square_N = np.einsum("nc,nc,nc->n", weights_NC, shifted_NC, shifted_NC, dtype=np.float64)
    return float(np.mean(mean_N - true_N)), float(np.mean(square_N - mean_N**2))
