"""Predictions and scores of what the networks of a run were not trained on, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from kaggle_face.artifacts.provenance import require_current
from kaggle_face.artifacts.record_io import read_pair_scores, read_pairs, read_predictions
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.tables import read_table
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import counted
from kaggle_face.records import FloatArray, IntArray, StrArray, positions_of

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, eq=False)
class ClassPredictions:
    """Out-of-fold predictions of identities, aligned by row.

    Attributes:
        image_ids: The held-out images (N), each once.
        labels: Their class indices (N).
        probabilities: Softmax over the classes (N, C), float32; a class that the image's fold was never
            shown has probability 0.
        class_names: Names of the classes (C), in the order of the indices.
        folds: The fold that held each image out (N).
    """

    image_ids: StrArray
    labels: IntArray
    probabilities: FloatArray
    class_names: StrArray
    folds: IntArray

    @property
    def accuracy(self) -> float:
        """The share of images whose most probable class is right."""
        return float((self.probabilities.argmax(axis=1) == self.labels).mean())

    @property
    def frame(self) -> pd.DataFrame:
        """One row an image: its fold, its class, the most probable class and that probability."""
        best_N = self.probabilities.argmax(axis=1)
        return pd.DataFrame(
            {
                "image_id": self.image_ids,
                "fold": self.folds,
                "class": self.class_names[self.labels],
                "predicted": self.class_names[best_N],
                "probability": self.probabilities[np.arange(len(best_N)), best_N],
            }
        )

    def __repr__(self) -> str:
        return (
            f"out-of-fold predictions of {counted(len(self.image_ids), 'image')}, "
            f"{counted(len(self.class_names), 'class')}: accuracy {self.accuracy:.4f}"
        )


@dataclass(frozen=True, eq=False)
class TrialScores:
    """Out-of-fold scores of verification trials, aligned by row.

    Attributes:
        first_ids: The first image of each trial (P).
        second_ids: The second image (P).
        is_same: Whether both show one identity (P).
        scores: Cosines of the embeddings (P), float32; scales of folds may differ.
        folds: The fold that held each trial out (P).
    """

    first_ids: StrArray
    second_ids: StrArray
    is_same: npt.NDArray[np.bool_]
    scores: FloatArray
    folds: IntArray

    @property
    def frame(self) -> pd.DataFrame:
        """One row a trial."""
        return pd.DataFrame(
            {
                "first": self.first_ids,
                "second": self.second_ids,
                "fold": self.folds,
                "is_same": self.is_same,
                "score": self.scores,
            }
        )

    def __repr__(self) -> str:
        trials = counted(len(self.scores), "trial")
        return f"out-of-fold scores of {trials}, {int(self.is_same.sum()):,} of them genuine"


def class_predictions(folds: Sequence[FoldFolder], checkpoint: CheckpointName) -> ClassPredictions:
    """The class predictions of folds, one below the other."""
    from scipy.special import softmax

    ids, labels, probabilities, numbers = [], [], [], []
    for fold in folds:
        require_current(fold, "oof", checkpoint, "predictions")
        found = read_predictions(fold.record_folder("oof", checkpoint, "predictions"))
        truth = read_table(fold.labels_file, ["image_id", "label"])
        rows = positions_of(found.image_ids, truth["image_id"], f"held-out images of {fold.path}")
        ids.append(found.image_ids)
        labels.append(truth["label"][rows].astype(np.int64))
        probabilities.append(softmax(found.logits.astype(np.float64), axis=1).astype(np.float32))
        numbers.append(np.full(len(found.image_ids), fold.fold))
    return ClassPredictions(
        np.concatenate(ids),
        np.concatenate(labels),
        np.concatenate(probabilities),
        found.class_names,
        np.concatenate(numbers),
    )


def trial_scores(folds: Sequence[FoldFolder], checkpoint: CheckpointName) -> TrialScores:
    """The scores of the trials of folds, one below the other."""
    pairs, scores, numbers = [], [], []
    for fold in folds:
        require_current(fold, "oof", checkpoint, "pairs")
        trials = read_pairs(fold.pairs_file("oof"))
        found = read_pair_scores(fold.record_folder("oof", checkpoint, "pairs"))
        pairs.append(trials)
        scores.append(found.aligned_to(trials.pair_ids).scores)
        numbers.append(np.full(len(trials), fold.fold))
    return TrialScores(
        np.concatenate([each.first_ids for each in pairs]),
        np.concatenate([each.second_ids for each in pairs]),
        np.concatenate([each.labels for each in pairs]) == 1,
        np.concatenate(scores).astype(np.float32),
        np.concatenate(numbers),
    )
