"""A blend on test data whose truth is known, as in a benchmark: nothing here chooses anything.

Letters: N images, P pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from kaggle_face.artifacts.record_io import read_pair_scores, read_predictions
from kaggle_face.ensemble.blended import ClassBlend, PairBlend, write_class_blend, write_pair_blend
from kaggle_face.ensemble.postprocess.class_neighbours import NeighbourRecipe
from kaggle_face.ensemble.postprocess.pair_recipes import PairRecipe
from kaggle_face.evaluation.nested_split import BoolArray
from kaggle_face.metrics.intervals.bootstrap import (
    Difference,
    clustered_mean_difference,
)
from kaggle_face.metrics.intervals.verification import verification_difference
from kaggle_face.metrics.verification import VerificationAccuracy, verification_accuracy, verification_summary
from kaggle_face.progress import SilentProgress
from kaggle_face.records import FloatArray, IntArray, Pairs, StrArray

_NO_NEIGHBOURS, _PLAIN_COSINE = NeighbourRecipe(), PairRecipe()


@dataclass(frozen=True, eq=False)
class KnownTruth:
    """The truth of a test set.

    Attributes:
        class_of_image: The name of the class of each test image.
        pairs: The test pairs with their labels.
        people: Both people of each pair (P, 2), by any name.
        sets: The set of each pair (P) of the ten-fold protocol; all -1 where there are none.
    """

    class_of_image: Mapping[str, str]
    pairs: Pairs
    people: StrArray
    sets: IntArray


@dataclass(frozen=True, eq=False)
class ScoredClasses:
    """The test images (N) that a blend classifies correctly."""

    hits: BoolArray
    people: StrArray

    @property
    def accuracy(self) -> float:
        """The share of images named rightly."""
        return float(self.hits.mean())

    def less(self, other: ScoredClasses) -> Difference:
        """The gain in accuracy over another blend."""
        return clustered_mean_difference(self.hits, other.hits, self.people)


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """A blend's scores (P) of the test pairs, and its figures."""

    scores: FloatArray
    truth: KnownTruth

    @property
    def metrics(self) -> dict[str, float]:
        """EER, AUC and two TPRs."""
        return verification_summary(self.scores, self.truth.pairs.labels)

    @property
    def ten_fold(self) -> VerificationAccuracy | None:
        """The accuracy of the ten-fold protocol; None without sets."""
        if (self.truth.sets < 0).any():
            return None
        return verification_accuracy(self.scores, self.truth.pairs.labels, self.truth.sets)

    def less(self, other: ScoredPairs) -> Difference:
        """The EER of this blend minus that of another, on the same pairs."""
        labels, people = self.truth.pairs.labels, np.unique(self.truth.people, return_inverse=True)[1]
        codes = people.reshape(self.truth.people.shape)
        return verification_difference(self.scores, other.scores, labels, codes, "eer")


def score_class_blend(
    blend: ClassBlend, truth: KnownTruth, recipe: NeighbourRecipe = _NO_NEIGHBOURS
) -> ScoredClasses:
    """Carries a blend out on the test images and compares it with the truth.

    Raises:
        RunError: A record is missing, or records do not fit together.
        DataError: A record holds NaN.
    """
    with TemporaryDirectory() as folder:
        path = write_class_blend(blend, Path(folder), SilentProgress(), recipe)
        found = read_predictions(path)
        answers = found.class_names[np.asarray(found.logits).argmax(axis=1)]
    names = np.array([truth.class_of_image[image_id] for image_id in found.image_ids.tolist()])
    return ScoredClasses(answers == names, names)


def score_pair_blend(blend: PairBlend, truth: KnownTruth, recipe: PairRecipe = _PLAIN_COSINE) -> ScoredPairs:
    """Carries a blend out on the test pairs and compares it with the truth.

    Raises:
        RunError: A record is missing, or records do not fit together.
        DataError: A record holds NaN, or a pair has no score.
    """
    with TemporaryDirectory() as folder:
        found = read_pair_scores(write_pair_blend(blend, Path(folder), recipe))
        scores = np.array(found.aligned_to(truth.pairs.pair_ids).scores)
    return ScoredPairs(scores, truth)
