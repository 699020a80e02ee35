"""Label noise: held-out images to whose label the networks give a low probability.

Each held-out image has a gap: the logit of its own class less the highest other one. A network's gaps are put
on one scale by their median and spread, where people who are hard for it have a median of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kaggle_face.artifacts.provenance import require_current
from kaggle_face.artifacts.record_io import read_predictions
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.tables import read_labels
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RunError
from kaggle_face.metrics.inputs import row_blocks
from kaggle_face.records import FloatArray, IntArray, Predictions, StrArray, positions_of

DEFAULT_DEVIATION = 3.0
"""Robust standard deviations below the usual from which on a label is doubted."""

_SPREAD_OF_MAD = 1.4826  # the standard deviation of normal numbers over their median absolute deviation
_IMAGES_OF_PRIOR = 5.0  # a class's own median weighs as its images against so many of everyone's


@dataclass(frozen=True, eq=False)
class LabelGaps:
    """Held-out images (N) with their class, the likeliest other one, and how surprising the label is.

    Attributes:
        gaps: Own logit less the highest other; below 0 the networks would call it another.
        deviations: The gap in robust standard deviations from the usual one of its class.
    """

    image_ids: StrArray
    labels: IntArray
    rivals: IntArray
    gaps: FloatArray
    deviations: FloatArray

    def where(self, chosen: IntArray) -> LabelGaps:
        """The rows at some positions, in that order."""
        return LabelGaps(
            self.image_ids[chosen],
            self.labels[chosen],
            self.rivals[chosen],
            self.gaps[chosen],
            self.deviations[chosen],
        )


def measure_gaps(folders: Sequence[FoldFolder], checkpoint: CheckpointName) -> tuple[LabelGaps, StrArray]:
    """The gaps of all images that the folds held out, and the names of the classes.

    Raises:
        RunError: A fold has no out-of-fold predictions.
    """
    found, names = [], None
    for folder in folders:
        path = folder.record_folder("oof", checkpoint, "predictions")
        if not path.is_dir():
            raise RunError(f"{folder.path} has no out-of-fold predictions of '{checkpoint}'; train the fold")
        require_current(folder, "oof", checkpoint, "predictions")
        predictions = read_predictions(path)
        ids, labels = read_labels(folder.labels_file, len(predictions.class_names))
        rows = positions_of(predictions.image_ids, ids, "labels")
        found.append(gaps_of(predictions, labels[rows]))
        names = predictions.class_names
    assert names is not None, "gaps of no fold"
    parts = [[getattr(gaps, field) for gaps in found] for field in LabelGaps.__dataclass_fields__]
    return LabelGaps(*(np.concatenate(part) for part in parts)), names


def gaps_of(predictions: Predictions, labels: IntArray) -> LabelGaps:
    """The gaps of one network; images of a class that it was not trained on are left out."""
    gaps, rivals = np.empty(len(labels)), np.empty(len(labels), np.int64)
    for rows in row_blocks(len(labels), 8 * len(predictions.class_names)):
        logits_BC = np.array(predictions.logits[rows], np.float64)
        own_B1 = labels[rows][:, None]
        own_B = np.take_along_axis(logits_BC, own_B1, axis=1)[:, 0]
        np.put_along_axis(logits_BC, own_B1, -np.inf, axis=1)
        rivals[rows] = logits_BC.argmax(axis=1)
        gaps[rows] = own_B - logits_BC.max(axis=1)
    known = np.isfinite(gaps)
    own, known_gaps = labels[known], gaps[known]
    deviations = _robust_deviations(known_gaps, own)
    return LabelGaps(predictions.image_ids[known], own, rivals[known], known_gaps, deviations)


def doubtful(gaps: LabelGaps, deviation: float = DEFAULT_DEVIATION) -> LabelGaps:
    """The images that are called another person and lie far below the usual, the most doubtful first."""
    chosen = np.flatnonzero((gaps.gaps < 0) & (gaps.deviations < -deviation))
    return gaps.where(chosen[np.argsort(gaps.deviations[chosen], kind="stable")])


def _robust_deviations(gaps: FloatArray, labels: IntArray) -> FloatArray:
    if not len(gaps):
        return np.empty(0)
    usual = float(np.median(gaps))
    centers = np.full(len(gaps), usual)
    by_class = np.argsort(labels, kind="stable")
    for rows in np.split(by_class, np.flatnonzero(np.diff(labels[by_class])) + 1):
        own = float(np.median(gaps[rows]))
        centers[rows] = (len(rows) * own + _IMAGES_OF_PRIOR * usual) / (len(rows) + _IMAGES_OF_PRIOR)
    spread = _SPREAD_OF_MAD * float(np.median(np.abs(gaps - centers)))
    return np.asarray((gaps - centers) / (spread if spread > 0 else 1.0))
