"""Columns of files made elsewhere, for classes that are named in several ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.errors import DataError
from kaggle_face.evaluation.imported.columns import class_columns, score_columns
from kaggle_face.evaluation.imported.files import PredictionFile, open_prediction_file
from kaggle_face.records import ClassTable

CLASSES = ClassTable(np.array(["ann", "bob", "cy"]), np.array(["7", "8", "9"]))


@pytest.fixture
def opened(tmp_path: Path):
    def make(header: str) -> PredictionFile:
        path = tmp_path / "oof.csv"
        path.write_text(f"{header}\n", encoding="utf-8")
        return open_prediction_file(path)

    return make


@pytest.mark.parametrize(
    ("header", "ids", "values", "fold", "words"),
    [
        ("id,ann,bob,cy", (0,), (1, 2, 3), None, "by name"),
        ("cy,ann,bob,id", (3,), (1, 2, 0), None, "by name"),
        ("id,fold,2,0,1", (0,), (3, 4, 2), 1, "by number"),
        ("id,9,8,7", (0,), (3, 2, 1), None, "as in a submission"),
        ("id,class_0,class_1,class_2", (0,), (1, 2, 3), None, "by number after 'class_'"),
        (",id,p_bob,p_ann,p_cy", (1,), (3, 2, 4), None, "row numbers without a name, is left out"),
        (",ann,bob,cy", (0,), (1, 2, 3), None, "by name"),
        ("Unnamed: 0.1,Unnamed: 0,id,ann,bob,cy", (2,), (3, 4, 5), None, "row numbers without a name"),
        ("id,ann,bob,cy,Fold", (0,), (1, 2, 3), 4, "by name"),
    ],
)
def test_columns_are_found_wherever_they_stand(opened, header, ids, values, fold, words) -> None:
    found = class_columns(opened(header), CLASSES)
    assert (found.ids, found.values, found.fold) == (ids, values, fold)
    assert words in found.about


def test_two_readings_are_a_question() -> None:
    classes = ClassTable(np.array(["a", "b"]), np.array(["1", "0"]))
    file = PredictionFile(Path("f.csv"), (), ("id", "0", "1"), lambda _: np.array([]), lambda _: np.array([]))
    with pytest.raises(DataError, match="--classes submitted or --classes index"):
        class_columns(file, classes)
    assert class_columns(file, classes, "submitted").values == (2, 1)
    assert class_columns(file, classes, "index").values == (1, 2)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("ann,bob,cy", "no column of ids"),
        ("id,ann,bob", "1 of 3 classes has no column, first: 'cy'"),
        ("id,ann,bob,cy,dee,eve", "2 of 6 columns hold neither ids nor a class, first: 'dee'"),
        ("id,x,y", "3 of 3 classes have no column"),
        ("id,who", "one column beside the ids, 'who'; labels alone cannot be blended, so write a column of"),
        (",id,fold,who", "one column beside the ids, 'who'; .* for each of the 3 classes"),
    ],
)
def test_missing_and_unknown_classes_are_counted(opened, header: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        class_columns(opened(header), CLASSES)


def test_scores_stand_under_their_name_or_last(opened) -> None:
    assert score_columns(opened("score,pair")).ids == (1,)
    assert score_columns(opened("a,b,similarity")).values == (2,)
    with pytest.raises(DataError, match="could be ids"):
        score_columns(opened("pair,a,b,score"))


def test_a_column_called_index_that_numbers_the_rows_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "oof.csv"
    path.write_text("index,id,ann,bob,cy\n0,x,1,0,0\n1,y,1,0,0\n", encoding="utf-8")
    found = class_columns(open_prediction_file(path), CLASSES)
    assert found.ids == (1,) and "'index', which numbers the rows, is left out" in found.about
    path.write_text("index,id,ann,bob,cy\n7,x,1,0,0\n9,y,1,0,0\n", encoding="utf-8")
    with pytest.raises(DataError, match="1 of 5 columns holds neither ids nor a class, first: 'id'"):
        class_columns(open_prediction_file(path), CLASSES)
