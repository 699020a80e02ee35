"""Measuring checkpoints on test images whose class is known, as where each person has a test folder.

Nothing is trained or chosen on these images; their classes are kept with a fold's predictions, so that they
can be measured later without the raw folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.provenance import require_current
from kaggle_face.artifacts.record_io import read_predictions
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.tables import as_text, read_table, write_table
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import counted
from kaggle_face.records import CompetitionData, Predictions, StrArray


@dataclass(frozen=True)
class TestAccuracy:
    """The share of labelled test images that get their class, in [0, 1], and their number."""

    __test__ = False  # the name is the field's word, not a test of pytest's

    accuracy: float
    images: int

    def __str__(self) -> str:
        return f"accuracy {100 * self.accuracy:.1f} % on {counted(self.images, 'labelled test image')}"


def write_test_labels(folder: FoldFolder, data: CompetitionData) -> None:
    """Keeps the classes of the labelled test images; removes those of earlier predictions."""
    faces, path = data.labelled_test, _labels_file(folder)
    if len(faces):
        write_table(path, {"image_id": faces.image_ids, "class": data.classes.names[faces.labels]})
    else:
        path.unlink(missing_ok=True)


def labelled_test_images(folder: FoldFolder) -> StrArray:
    """The test images whose class was known when the fold was predicted with."""
    path = _labels_file(folder)
    return read_table(path, ["image_id"])["image_id"] if path.is_file() else as_text([])


def measure_labelled_test(folder: FoldFolder, checkpoint: CheckpointName) -> TestAccuracy | None:
    """The accuracy of a checkpoint's predictions; None without labelled test images or predictions.

    Raises:
        DataError: A labelled test image has no prediction.
        RunError: The predictions are out of date.
    """
    path, record = _labels_file(folder), folder.record_folder("test", checkpoint, "predictions")
    if not path.is_file() or not record.is_dir():
        return None
    require_current(folder, "test", checkpoint, "predictions")
    table = read_table(path, ["image_id", "class"])
    return accuracy_of(read_predictions(record), table["image_id"], table["class"])


def measure_labelled_blend(record: Path, folders: Sequence[FoldFolder]) -> TestAccuracy | None:
    """The accuracy of blended predictions of some folds; None without labelled test images or predictions.

    Raises:
        DataError: A labelled test image has no prediction.
    """
    path = next((path for path in map(_labels_file, folders) if path.is_file()), None)
    if path is None or not record.is_dir():
        return None
    table = read_table(path, ["image_id", "class"])
    return accuracy_of(read_predictions(record), table["image_id"], table["class"])


def accuracy_of(predictions: Predictions, image_ids: StrArray, classes: StrArray) -> TestAccuracy:
    """The share of the images (N) whose likeliest class is the one of that name (N).

    Raises:
        DataError: An image has no prediction.
    """
    likeliest = predictions.class_names[np.argmax(predictions.aligned_to(image_ids).logits, axis=1)]
    return TestAccuracy(float(np.mean(likeliest == classes)), len(image_ids))


def _labels_file(folder: FoldFolder) -> Path:
    return folder.path / "test" / "labels.csv"
