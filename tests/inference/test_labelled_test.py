"""The accuracy on test images whose class is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.provenance import inputs_beside
from kaggle_face.artifacts.record_io import write_predictions
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.errors import DataError
from kaggle_face.inference.labelled_test import (
    labelled_test_images,
    measure_labelled_test,
    write_test_labels,
)
from kaggle_face.records import ClassTable, CompetitionData, FaceTable, Predictions, no_pairs, no_rows

IDS = np.array(["a", "b", "c", "d"])


def data_of(labels: list[int], splits: list[str]) -> CompetitionData:
    classes = ClassTable(np.array(["x", "y"]), np.array(["0", "1"]))
    return CompetitionData(
        FaceTable(IDS, np.array(labels), np.array(splits)), classes, no_rows(), no_pairs(), no_pairs()
    )


def predict(folder: FoldFolder, ids: np.ndarray) -> None:
    # The network numbers the classes otherwise than the competition: a shows y, b x, c y, d x.
    logits = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], np.float32)[: len(ids)]
    write_predictions(
        folder.record_folder("test", "best_cls", "predictions"),
        Predictions(ids, logits, np.array(["y", "x"])),
        inputs_beside(folder, "test"),
    )


def test_the_accuracy_is_that_of_labelled_test_images_alone(tmp_path: Path) -> None:
    folder = FoldFolder(tmp_path / "fold0")
    write_test_labels(folder, data_of([1, 1, -1, 1], ["test", "test", "test", "train"]))
    assert labelled_test_images(folder).tolist() == ["a", "b"]
    assert measure_labelled_test(folder, "best_cls") is None  # not predicted yet
    predict(folder, IDS)
    measured = measure_labelled_test(folder, "best_cls")
    assert measured is not None and (measured.accuracy, measured.images) == (0.5, 2)
    assert str(measured) == "accuracy 50.0 % on 2 labelled test images"


def test_without_labelled_test_images_nothing_is_measured(tmp_path: Path) -> None:
    folder = FoldFolder(tmp_path / "fold0")
    write_test_labels(folder, data_of([0, 0, 1, 1], ["test"] * 4))
    predict(folder, IDS)
    write_test_labels(folder, data_of([-1, -1, -1, 1], ["test", "test", "test", "dev"]))
    assert measure_labelled_test(folder, "best_cls") is None
    assert len(labelled_test_images(folder)) == 0


def test_a_labelled_image_without_a_prediction_is_named(tmp_path: Path) -> None:
    folder = FoldFolder(tmp_path / "fold0")
    write_test_labels(folder, data_of([0, 0, 1, 1], ["test"] * 4))
    predict(folder, IDS[:3])
    with pytest.raises(DataError, match="1 of 4 ids is not among the predictions, first: d"):
        measure_labelled_test(folder, "best_cls")
