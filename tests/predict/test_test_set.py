"""What has to be embedded for a submission."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.data.pack import Pack
from kaggle_face.predict.test_set import copy_records, gather_test_set
from kaggle_face.records import (
    ClassTable,
    CompetitionData,
    FaceTable,
    Gallery,
    Pairs,
    RowList,
    no_pairs,
    no_rows,
)

IDS = np.array(["k1", "k2", "p1", "p2", "t1", "t2", "v1", "v2"])
PACK = Pack(IDS, np.zeros((8, 8, 8, 3), np.uint8), np.ones(8, bool), 8)


def make_data(rows: RowList, pairs: Pairs, gallery: Gallery | None = None) -> CompetitionData:
    faces = FaceTable(
        IDS, np.full(8, -1), np.array(["verification"] * 4 + ["test"] * 2 + ["verification"] * 2)
    )
    classes = ClassTable(np.array(["x"]), np.array(["0"]))
    return CompetitionData(faces, classes, rows, no_pairs(), pairs, None, gallery)


def test_each_image_is_embedded_once_and_classified_ones_come_first() -> None:
    rows = RowList(np.array(["0", "1"]), np.array(["t2", "t1"]))
    ids = np.array(["0", "1", "2"])
    pairs = Pairs(ids, np.array(["v1", "v1", "t1"]), np.array(["v2", "t2", "v2"]), np.full(3, -1))
    test_set = gather_test_set(make_data(rows, pairs), PACK)
    assert test_set.classified_ids.tolist() == ["t1", "t2"]
    assert test_set.embedded_ids.tolist() == ["t1", "t2", "v1", "v2"]


def test_a_gallery_needs_its_known_images_and_its_probes() -> None:
    gallery = Gallery(IDS[:2], np.array(["A", "B"]), np.array(["0", "1"]), IDS[2:4], np.array(["", ""]))
    test_set = gather_test_set(make_data(no_rows(), no_pairs(), gallery), PACK)
    assert test_set.embedded_ids.tolist() == ["k1", "k2", "p1", "p2"]
    assert len(test_set.classified_ids) == 0


def test_test_images_whose_class_is_known_are_classified_without_a_row() -> None:
    data = make_data(no_rows(), no_pairs())
    labels = np.array([-1, -1, -1, -1, -1, 0, 0, -1])  # t2 is a test image, v1 is not
    data = replace(data, faces=replace(data.faces, labels=labels))
    assert gather_test_set(data, PACK).classified_ids.tolist() == ["t2"]


def test_a_copy_that_fails_half_way_leaves_the_old_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("best_cls", "new"), ("best_ver", "old")):
        for kind in ("embeddings", "predictions"):
            (tmp_path / name / kind).mkdir(parents=True)
            (tmp_path / name / kind / "images.csv").write_text(text)

    def failing(source: Path, target: Path, **_: object) -> None:
        (target / "embeddings").mkdir()
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", failing)
        with pytest.raises(OSError, match="no space left"):
            copy_records(tmp_path / "best_cls", tmp_path / "best_ver")
    held = {path.read_text() for path in (tmp_path / "best_ver").rglob("*.csv")}
    assert held == {"old"} and len(list(tmp_path.iterdir())) == 2
    copy_records(tmp_path / "best_cls", tmp_path / "best_ver")
    assert {path.read_text() for path in (tmp_path / "best_ver").rglob("*.csv")} == {"new"}
