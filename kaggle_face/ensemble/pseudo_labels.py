"""Pseudo-labels: test images that a blend is confident of, as training images of a next run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_face.artifacts.files.atomic import replacing_folder, write_json
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.tables import write_table
from kaggle_face.metrics.inputs import row_blocks
from kaggle_face.records import FloatArray, IntArray, Predictions, StrArray

FOLDER_NAME = "pseudo"


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """Images (N) with the class index that a blend gives them, and its probability."""

    image_ids: StrArray
    labels: IntArray
    confidences: FloatArray


def choose_confident(
    predictions: Predictions, min_confidence: float, most_per_class: int | None = None
) -> PseudoLabels:
    """The images whose best class has at least `min_confidence`, in the order of the predictions.

    Args:
        predictions: Of test images; their logits are taken to probabilities.
        min_confidence: In (0, 1].
        most_per_class: Of each class the surest so many alone, so that easy people do not crowd out others.
    """
    labels, confidences = _best_classes(predictions)
    chosen = confidences >= min_confidence
    if most_per_class is not None:
        chosen &= _places_in_class(labels, confidences) < most_per_class
    return PseudoLabels(predictions.image_ids[chosen], labels[chosen], confidences[chosen])


def write_pseudo_labels(
    run: RunFolder, found: PseudoLabels, class_names: StrArray, about: dict[str, object]
) -> Path:
    """Writes `pseudo/labels.csv`, which `data.pseudo_labels` takes, and beside it how it was made."""
    folder = run.path / FOLDER_NAME
    columns: dict[str, Any] = {
        "image_id": found.image_ids,
        "class": class_names[found.labels],
        "confidence": [f"{value:.6f}" for value in found.confidences],
    }
    with replacing_folder(folder) as new:
        write_table(new / "labels.csv", columns)
        write_json(new / "pseudo.json", {**about, "run": run.name, "images": len(found.image_ids)})
    return folder / "labels.csv"


def _best_classes(predictions: Predictions) -> tuple[IntArray, FloatArray]:
    count = len(predictions.image_ids)
    labels, confidences = np.zeros(count, np.int64), np.zeros(count)
    for rows in row_blocks(count, 8 * len(predictions.class_names)):
        logits_BC = np.asarray(predictions.logits[rows], np.float64)
        best_B = logits_BC.argmax(axis=1)
        peak_B1 = np.take_along_axis(logits_BC, best_B[:, None], axis=1)
        labels[rows] = best_B
        confidences[rows] = 1.0 / np.exp(logits_BC - peak_B1).sum(axis=1)
    return labels, confidences


def _places_in_class(labels: IntArray, confidences: FloatArray) -> IntArray:
    """The place of each image among those of its class, 0 the surest."""
    order = np.lexsort((-confidences, labels))
    sorted_labels = labels[order]
    starts = np.searchsorted(sorted_labels, sorted_labels)
    places = np.empty(len(labels), np.int64)
    places[order] = np.arange(len(labels)) - starts
    return places
