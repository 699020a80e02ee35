from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.competitions.layouts.csv_pairs import CsvPairs
from kaggle_face.competitions.submission.tables import (
    classification_columns,
    fill_table,
    verification_columns,
)
from kaggle_face.errors import DataError
from kaggle_face.records import PairScores, Predictions

TEST_TABLE = "verification/verification/verification_test.csv"


def test_the_submitted_label_is_the_index_among_sorted_folders(csv_pairs):
    data = csv_pairs.read()
    assert data.classes.names.tolist() == ["n000002", "n000009"]
    assert data.classes.submitted.tolist() == ["0", "1"]


def test_the_full_training_set_is_taken_instead_of_its_subset(csv_pairs):
    faces = csv_pairs.read().faces
    train = faces.of_split("train").image_ids
    assert len(train) == 4
    assert all(image_id.startswith("classification/classification/train/") for image_id in train)


def test_pairs_are_called_by_their_row(csv_pairs):
    data = csv_pairs.read()
    assert data.test_pairs.pair_ids.tolist() == ["0", "1"]
    assert data.test_pairs.first_ids[0] == "verification/verification/test/s.jpg"
    assert data.dev_pairs.labels.tolist() == [1]


def test_the_csvs_have_the_columns_of_the_competition(csv_pairs):
    data = csv_pairs.read()
    formats = CsvPairs().formats("s22")
    logits = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    predictions = Predictions(data.test_rows.image_ids, logits, data.classes.names)
    classes = fill_table(formats.of_task("classification"), [classification_columns(data, predictions)])
    assert {name: cells.tolist() for name, cells in classes.cells.items()} == {
        "id": ["000000.jpg", "000001.jpg"],
        "label": ["1", "0"],
    }
    scores = PairScores(np.array(["1", "0"]), np.array([0.5, 0.8312]))
    pairs = fill_table(formats.of_task("verification"), [verification_columns(data, scores)])
    assert {name: cells.tolist() for name, cells in pairs.cells.items()} == {
        "id": ["0", "1"],
        "match": ["0.831200", "0.500000"],
    }


def test_a_column_with_another_name_is_refused(csv_pairs):
    csv_pairs.text(TEST_TABLE, "image_a,image_B", "test/s.jpg,test/r.jpg")
    with pytest.raises(
        DataError, match=r"verification_test.csv:1: there is no column 'image_A'; did you mean"
    ):
        csv_pairs.read()


def test_a_row_with_too_many_cells_is_refused(csv_pairs):
    csv_pairs.text(TEST_TABLE, "image_A,image_B", "test/s.jpg,test/r.jpg", "test/s.jpg,test/r.jpg,1")
    with pytest.raises(DataError, match=r"verification_test.csv:3: expected 2 cells, got 3"):
        csv_pairs.read()


def test_a_table_without_rows_is_refused(csv_pairs):
    csv_pairs.text(TEST_TABLE, "image_A,image_B")
    with pytest.raises(DataError, match=r"verification_test.csv has a header and no rows"):
        csv_pairs.read()


def test_semicolons_are_accepted_with_a_note(csv_pairs):
    csv_pairs.text(TEST_TABLE, "image_A;image_B", "test/s.jpg;test/r.jpg")
    data = csv_pairs.read()
    assert len(data.test_pairs) == 1
    assert any("separated by ';'" in note for note in data.notes)


def test_pairs_whose_images_are_not_unpacked_are_noted_and_the_layout_stays(csv_pairs):
    for name in "rs":
        csv_pairs.remove(f"verification/verification/test/{name}.jpg")
    (csv_pairs.root / "verification/verification/test").rmdir()
    data = csv_pairs.read()
    assert len(data.dev_pairs) == 1 and len(data.test_pairs) == 0
    assert "there is no test folder beside verification/verification/verification_test.csv" in data.notes


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ("image_A,image_B", '"test/s.jpg,test/r.jpg', "test/r.jpg,test/s.jpg"),
            r"csv:2: a quotation mark is",
        ),
        (("image_A,image_A", "test/s.jpg,test/r.jpg"), r"csv:1: the column 'image_A' appears twice"),
    ],
)
def test_a_broken_table_is_refused_in_a_short_line(csv_pairs, lines, message):
    csv_pairs.text("verification/verification/verification_test.csv", *lines)
    with pytest.raises(DataError, match=message) as caught:
        csv_pairs.read()
    assert len(str(caught.value)) < 300


def test_a_column_of_ids_calls_the_rows(csv_pairs):
    csv_pairs.text(TEST_TABLE, "id,image_A,image_B", "7,test/s.jpg,test/r.jpg", "3,test/r.jpg,test/s.jpg")
    assert csv_pairs.read().test_pairs.pair_ids.tolist() == ["7", "3"]


def test_an_id_that_stands_twice_is_refused(csv_pairs):
    csv_pairs.text(TEST_TABLE, "id,image_A,image_B", *["7,test/s.jpg,test/r.jpg"] * 2)
    with pytest.raises(DataError, match=r"verification_test.csv:3: the id '7' appears twice"):
        csv_pairs.read()
