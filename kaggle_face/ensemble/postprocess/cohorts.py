"""Cohorts: images of people a network was not trained on, for score normalisation and whitening."""

from __future__ import annotations

import numpy as np

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.tables import read_table
from kaggle_face.evaluation.member_scores import open_embeddings
from kaggle_face.evaluation.members import Member
from kaggle_face.evaluation.nested_split import spread_sample
from kaggle_face.records import FloatArray, StrArray

MOST_COHORT_IMAGES = 2000
"""Means and deviations of the nearest cohort images hardly change beyond; chosen by a hash of their ids."""

STEPS_BY_COHORT = ("centring", "whitening", "score_norm")
"""Steps that need a cohort; a soup across folds has none, as its networks know the images of every fold."""


def cohort_of(member: Member, fold: FoldFolder, scored_ids: StrArray) -> FloatArray:
    """Embeddings (K, D) of the labelled images that a fold holds out, less those that are scored; K may be 0.

    The network was not trained on these images, so they lie among its embeddings as test images do.

    Raises:
        RunError: The fold has no labels or no out-of-fold embeddings.
        DataError: An image has no embedding.
    """
    embeddings = open_embeddings(member, fold, "oof")
    ids = read_table(fold.labels_file, ["image_id"])["image_id"]
    ids = np.sort(ids[~np.isin(ids, scored_ids)])
    chosen = ids[spread_sample(ids, MOST_COHORT_IMAGES)]
    return np.asarray(embeddings.aligned_to(chosen).vectors, np.float32)
