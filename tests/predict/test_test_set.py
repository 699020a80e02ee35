"""What has to be embedded for a submission."""

from __future__ import annotations

import numpy as np

from kaggle_face.data.pack import Pack
from kaggle_face.predict.test_set import gather_test_set
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
