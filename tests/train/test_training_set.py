"""What pseudo-labels add to a fold's training set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import Config
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.errors import DataError, RunError
from kaggle_face.records import ClassTable, Pairs
from kaggle_face.train.fold import _read_begun
from kaggle_face.train.settings import FoldData
from kaggle_face.train.training_set import adjust_training_set, count_changes
from tests.support.progress import Told

IDS = np.array(["ann1", "ann2", "bob1", "bob2", "cid1", "cid2", "test1", "test2", "test3"])


@pytest.fixture
def fold() -> FoldData:
    """Trains on Ann and Bob, classifies ann2 and bob2, holds Cid out for a trial; Dan has no image."""
    names = np.array(["Ann", "Bob", "Cid", "Dan"])
    images = np.zeros((len(IDS), 8, 8, 3), np.uint8)
    return FoldData(
        fold=1,
        classes=ClassTable(names, names),
        cache=ImageCache(IDS, images, np.ones(len(IDS), np.bool_), 8),
        train_ids=IDS[[0, 2]],
        train_labels=np.array([0, 1]),
        validation_ids=IDS[[1, 3]],
        validation_labels=np.array([0, 1]),
        pairs=Pairs(np.array(["0"]), IDS[[4]], IDS[[5]], np.array([1])),
        pair_labels=np.array([2, 2]),
    )


def with_pseudo_labels(path: Path, *rows: str) -> Config:
    path.write_text("\n".join(["image_id,class", *rows, ""]))
    return Config.model_validate({"data": {"pseudo_labels": str(path)}})


def test_a_fold_is_not_taught_people_whom_it_holds_out_for_its_trials(fold: FoldData, tmp_path: Path) -> None:
    config = with_pseudo_labels(tmp_path / "labels.csv", "test1,Cid", "test2,Bob", "test3,Dan")
    progress = Told()
    changed = adjust_training_set(fold, config.data, progress)
    assert changed.train_ids.tolist() == ["ann1", "bob1", "test2", "test3"]
    assert changed.train_labels.tolist() == [0, 1, 1, 3]  # who has no image is no person of the trials
    counts = count_changes(fold, changed)
    assert counts["pseudo_labelled_images"] == 2 and counts["pseudo_labels_left_out"] == 1
    (line,) = progress.lines
    of = "of people or images that this fold holds out for its trials"
    assert line == f"fold 1: 1 pseudo-label is left out, {of}"


def test_an_image_of_a_trial_gets_no_pseudo_label(fold: FoldData, tmp_path: Path) -> None:
    config = with_pseudo_labels(tmp_path / "labels.csv", "cid1,Bob", "test2,Bob")
    changed = adjust_training_set(fold, config.data)
    assert changed.train_ids.tolist() == ["ann1", "bob1", "test2"] and changed.pseudo_labels_left_out == 1


def test_an_image_with_a_label_of_its_own_gets_no_other(fold: FoldData, tmp_path: Path) -> None:
    config = with_pseudo_labels(tmp_path / "labels.csv", "ann2,Bob", "test2,Bob")
    with pytest.raises(DataError, match="1 of 2 images has a label already, first: ann2"):
        adjust_training_set(fold, config.data)


def test_a_training_of_before_that_was_taught_people_of_its_trials_does_not_go_on(
    fold: FoldData, tmp_path: Path
) -> None:
    config = with_pseudo_labels(tmp_path / "labels.csv", "test1,Cid", "test2,Bob")
    changed, begun = adjust_training_set(fold, config.data), RunFolder(tmp_path / "runs/tiny/main").fold(1)
    begun.write_info({"status": "running"})
    with pytest.raises(RunError, match=r"begun by an earlier version with pseudo-labels .* --overwrite"):
        _read_begun(begun, changed)
    assert _read_begun(begun, fold)["status"] == "running", "none is left out"
    begun.write_info({"pseudo_labels_left_out": 1})
    assert _read_begun(begun, changed) == {"pseudo_labels_left_out": 1}
