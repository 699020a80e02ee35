"""What is kept of the truth about a fold's held-out images and trials."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.tables import read_table
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.records import ClassTable, IntArray, Pairs
from kaggle_face.train.out_of_fold import write_targets
from kaggle_face.train.settings import FoldData


def task_of(pair_labels: IntArray) -> FoldData:
    names, images = np.array(["Ann", "Bob"]), np.array(["a1", "b1"])
    pairs = Pairs(np.array(["0"]), np.array(["a3"]), np.array(["b3"]), np.array([0]))
    classes, labels = ClassTable(names, names), np.array([0, 1])
    cache = cast(ImageCache, None)
    return FoldData(0, classes, cache, images, labels, images, labels, pairs, pair_labels)


def test_people_of_trials_are_kept_where_they_are_known(tmp_path: Path) -> None:
    folder = FoldFolder(tmp_path / "fold0")
    write_targets(folder, task_of(np.array([-1, 1])))
    people = read_table(folder.people_file, ["image_id", "person"])
    assert people["image_id"].tolist() == ["b3"] and people["person"].tolist() == ["Bob"]


def test_nothing_is_kept_of_unknown_people(tmp_path: Path) -> None:
    folder = FoldFolder(tmp_path / "fold0")
    write_targets(folder, task_of(np.array([-1, -1])))
    assert not folder.people_file.exists() and folder.pairs_file("oof").is_file()
