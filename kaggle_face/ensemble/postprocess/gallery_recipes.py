"""A chain of post-processing steps from embeddings to scores of probes against known people.

Letters: G images of known people, K known people, Q probes, C candidates of a probe, D embedding size,
S cohort images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_face.ensemble.postprocess.neighbours import BLOCK_BYTES, Float32, highest_columns
from kaggle_face.ensemble.postprocess.pair_recipes import (
    QueryExpansion,
    Recipe,
    pool_scores,
    projected,
)
from kaggle_face.ensemble.postprocess.retrieval import augment_database, expand_queries
from kaggle_face.metrics.similarity import mean_directions, normalized
from kaggle_face.records import FloatArray, IntArray

MOST_CANDIDATES = 30
"""People that are compared with a probe after post-processing: those of the highest plain cosine."""


@dataclass(frozen=True)
class GalleryRecipe(Recipe):
    """The steps between embeddings and matches; `augmentation` is database augmentation (DBA).

    >>> print(GalleryRecipe(expansion=QueryExpansion(3, 1.0), augmentation=QueryExpansion(1, 1.0)))
    augmentation(count=1, alpha=1.0), expansion(count=3, alpha=1.0)
    """

    augmentation: QueryExpansion | None = None


@dataclass(frozen=True, eq=False)
class NetworkGallery:
    """The gallery embeddings of one network, and its weight.

    Shapes: known images (G, D), the person of each (G) from 0 to K - 1, probes (Q, D), cohort (S, D) of
    people outside the gallery; vectors of any length.
    """

    known: FloatArray
    person_of_image: IntArray
    probes: FloatArray
    cohort: FloatArray
    weight: float = 1.0

    def directions_of(self, unit_GD: Float32) -> Float32:
        """The mean direction (K, D) of each person's known images."""
        return mean_directions(unit_GD, self.person_of_image, int(self.person_of_image.max()) + 1)

    def of_probes(self, rows: IntArray) -> NetworkGallery:
        """The gallery with some of the probes."""
        return NetworkGallery(self.known, self.person_of_image, self.probes[rows], self.cohort, self.weight)


def best_matches(recipe: GalleryRecipe, networks: tuple[NetworkGallery, ...]) -> tuple[IntArray, FloatArray]:
    """The best person (Q) of each probe and the score (Q): the weighted mean over networks.

    Neighbours are looked for among the known people and the given probes together.
    """
    candidates_QC = _candidates(networks)
    total_QC = np.zeros(candidates_QC.shape)
    for network in networks:
        total_QC += network.weight * gallery_scores(recipe, network, candidates_QC)
    total_QC /= sum(network.weight for network in networks)
    best_Q1 = total_QC.argmax(axis=1)[:, None]
    people = np.take_along_axis(candidates_QC, best_Q1, axis=1)[:, 0]
    return people, np.take_along_axis(total_QC, best_Q1, axis=1)[:, 0]


def gallery_scores(recipe: GalleryRecipe, network: NetworkGallery, candidates_QC: IntArray) -> FloatArray:
    """Scores (Q, C) of each probe with its candidates, as one network sees them."""
    num_known, num_probes = len(network.known), len(network.probes)
    unit_ND, unit_SD = projected(recipe, np.concatenate([network.known, network.probes]), network.cohort)
    known_GD, probes_QD = unit_ND[:num_known], unit_ND[num_known:]
    if recipe.augmentation is not None:
        known_GD = augment_database(known_GD, recipe.augmentation.count, recipe.augmentation.alpha)
    if recipe.expansion is not None:
        probes_QD = expand_queries(probes_QD, known_GD, recipe.expansion.count, recipe.expansion.alpha)
    pool_ND = np.concatenate([probes_QD, network.directions_of(known_GD)])
    first = np.repeat(np.arange(num_probes), candidates_QC.shape[1])
    scores = pool_scores(recipe, pool_ND, first, num_probes + candidates_QC.ravel(), unit_SD)
    return scores.reshape(candidates_QC.shape)


def _candidates(networks: tuple[NetworkGallery, ...]) -> IntArray:
    """The people (Q, C) of the highest plain cosine, ascending."""
    people = [network.directions_of(normalized(network.known)) for network in networks]
    num_people, num_probes = len(people[0]), len(networks[0].probes)
    count = min(MOST_CANDIDATES, num_people)
    found = np.empty((num_probes, count), np.int64)
    step = max(1, BLOCK_BYTES // (8 * num_people))
    for start in range(0, num_probes, step):
        rows = slice(start, start + step)
        cosines_BK = sum(
            network.weight * (normalized(network.probes[rows]) @ people_KD.T)
            for network, people_KD in zip(networks, people, strict=True)
        )
        found[rows] = highest_columns(np.asarray(cosines_BK), count)
    return found
