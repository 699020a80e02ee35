"""Scales on which pair scores of several networks or folds can be averaged and compared."""

from __future__ import annotations

from typing import Literal, assert_never

import numpy as np

from kaggle_face.records import FloatArray, IntArray

PairSpace = Literal["scores", "ranks", "z_scores"]
PAIR_SPACES: tuple[PairSpace, ...] = ("scores", "ranks", "z_scores")


def pair_values(scores_P: FloatArray, space: PairSpace) -> FloatArray:
    """Scores of one network in the space in which they are averaged, from these scores alone.

    Ranks are fractions from 0 (least alike) to 1, ties in the middle; z-scores have mean 0 and deviation 1.

    >>> pair_values(np.array([0.1, 0.9, 0.1]), "ranks").tolist()
    [0.25, 1.0, 0.25]
    >>> pair_values(np.array([1.0, 3.0]), "z_scores").tolist()
    [-1.0, 1.0]
    """
    scores = np.asarray(scores_P, np.float64)
    match space:
        case "scores":
            return scores
        case "ranks":
            _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
            middles = np.cumsum(counts) - (counts + 1) / 2
            return np.asarray(middles[places] / max(len(scores) - 1, 1))
        case "z_scores":
            deviation = float(scores.std())
            return np.asarray((scores - scores.mean()) / (deviation if deviation > 0 else 1.0))
        case _:
            assert_never(space)


def pooled(scores: FloatArray, pools: IntArray) -> FloatArray:
    """Scores (P) of several folds on one scale: mean 0 and deviation 1 within each pool."""
    found = np.empty(len(scores))
    for pool in np.unique(pools):
        inside = pools == pool
        found[inside] = pair_values(scores[inside], "z_scores")
    return found
