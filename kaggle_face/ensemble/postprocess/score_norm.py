"""Post-processing that needs a cohort: images that the network was not trained on and that are not scored.

Letters: N images, K cohort images, D embedding size, P pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_face.ensemble.postprocess.neighbours import Float32, similarity_blocks
from kaggle_face.metrics.similarity import normalized
from kaggle_face.records import FloatArray, IntArray

_LEAST_VARIANCE = 1e-10
"""As a share of the largest: what rounding to float32 leaves of a direction that does not vary is below."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Subtracts a mean (D) and multiplies by a matrix (D, D'), found on a cohort."""

    mean: FloatArray
    matrix: FloatArray | None = None

    def __call__(self, vectors_ND: FloatArray) -> Float32:
        """Unit vectors (N, D'), from vectors (N, D) of any length."""
        centred_ND = normalized(vectors_ND) - np.asarray(self.mean, np.float32)
        if self.matrix is None:
            return normalized(centred_ND)
        return normalized(centred_ND @ np.asarray(self.matrix, np.float32))


def fit_centring(cohort_KD: FloatArray) -> Projection:
    """Subtracts the mean direction of all faces, so that cosines measure individual differences.

    >>> cohort = np.array([[3.0, 4.0], [4.0, 3.0]])  # unit vectors (0.6, 0.8) and (0.8, 0.6)
    >>> fit_centring(cohort)(cohort).astype(float).round(4).tolist()
    [[-0.7071, 0.7071], [0.7071, -0.7071]]
    """
    return Projection(normalized(cohort_KD).mean(axis=0))


def fit_whitening(cohort_KD: FloatArray, power: float = 1.0, kept: float = 1.0) -> Projection:
    """PCA whitening: the principal directions of the cohort, each divided by its deviation to `power`.

    Directions in which the cohort does not vary, as where it has fewer images than dimensions, have no
    deviation to divide by and are left out unless `power` is 0.

    Args:
        cohort_KD: Embeddings of any length.
        power: 1 whitens fully: the cohort's unit vectors have variance 1 in every direction that is kept; 0
            only rotates; in between is gentler where the cohort is small.
        kept: The share of directions that are kept, those of the largest variance.

    Source: Jegou and Chum 2012, "Negative evidences and co-occurences in image retrieval: the benefit of PCA
    and whitening".
    """
    unit_KD = normalized(cohort_KD).astype(np.float64)
    mean_D = unit_KD.mean(axis=0)
    centred_KD = unit_KD - mean_D
    variances, directions = np.linalg.eigh(centred_KD.T @ centred_KD / max(len(unit_KD) - 1, 1))
    variances, directions = variances[::-1], directions[:, ::-1]
    if power == 0:
        return Projection(mean_D, directions[:, : max(1, round(kept * len(variances)))])
    measured = int((variances > _LEAST_VARIANCE * variances[0]).sum())
    num_kept = max(1, min(round(kept * len(variances)), measured))
    deviations = np.sqrt(np.maximum(variances[:num_kept], np.finfo(np.float64).tiny))
    return Projection(mean_D, directions[:, :num_kept] / deviations**power)


def as_norm(
    scores_P: FloatArray,
    unit_ND: Float32,
    first_P: IntArray,
    second_P: IntArray,
    cohort_KD: Float32,
    top: int = 200,
) -> FloatArray:
    """Adaptive score normalisation: how far a score stands out from each image's nearest cohort images.

    Each image is compared with the cohort; of its `top` highest cosines the mean and the deviation are taken,
    and the score is the mean of the two z-scores of the pair. Source: Matejka et al. 2017, "Analysis of score
    normalization in multilingual speaker recognition", equation of adaptive S-norm.

    Shapes: scores (P), unit vectors (N, D), the pairs' rows first and second (P), unit cohort (K, D).

    Both images have cohort cosines 0 and 0.6 (mean 0.3, deviation 0.3):

    >>> unit = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    >>> cohort = np.array([[0.0, 1.0], [0.6, 0.8]], np.float32)
    >>> as_norm(np.array([0.9]), unit, np.array([0]), np.array([1]), cohort, top=2).round(4).tolist()
    [2.0]
    """
    top = min(top, len(cohort_KD))
    means_N, deviations_N = np.empty(len(unit_ND)), np.empty(len(unit_ND))
    for rows, cosines in similarity_blocks(unit_ND, cohort_KD):
        highest = -np.partition(-cosines, top - 1, axis=1)[:, :top]
        means_N[rows], deviations_N[rows] = highest.mean(axis=1), highest.std(axis=1)
    deviations_N = np.maximum(deviations_N, 1e-6)
    first = (scores_P - means_N[first_P]) / deviations_N[first_P]
    second = (scores_P - means_N[second_P]) / deviations_N[second_P]
    return np.asarray((first + second) / 2)
