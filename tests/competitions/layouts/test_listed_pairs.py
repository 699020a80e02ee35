from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.competitions.layouts.listed_pairs import ListedPairs
from kaggle_face.competitions.submission.tables import (
    classification_columns,
    fill_table,
    verification_columns,
)
from kaggle_face.errors import ConfigError, DataError
from kaggle_face.records import PairScores, Predictions


def test_the_submitted_label_is_the_integer_folder_name(listed_pairs):
    data = listed_pairs.read()
    assert data.classes.names.tolist() == ["9", "10"]
    assert data.classes.submitted.tolist() == ["9", "10"]


def test_test_images_are_ordered_by_number(listed_pairs):
    assert listed_pairs.read().test_rows.row_ids.tolist() == ["2.jpg", "10.jpg"]


def test_a_list_of_test_images_gives_their_order(listed_pairs):
    listed_pairs.text("classification_test.txt", "10.jpg", "2.jpg")
    rows = listed_pairs.read().test_rows
    assert rows.row_ids.tolist() == ["10.jpg", "2.jpg"]
    assert rows.image_ids.tolist() == ["test_data/10.jpg", "test_data/2.jpg"]


def test_a_pair_is_called_by_both_paths(listed_pairs):
    pairs = listed_pairs.read().test_pairs
    assert pairs.pair_ids[0] == "verification_data/r.jpg verification_data/p.jpg"
    assert pairs.first_ids[0] == "verification_data/r.jpg"


def test_fall_2021_names_bare_files(listed_pairs):
    listed_pairs.text("verification_pairs_test.txt", "r.jpg p.jpg", "p.jpg q.jpg")
    pairs = listed_pairs.read().test_pairs
    assert pairs.pair_ids.tolist() == ["r.jpg p.jpg", "p.jpg q.jpg"]
    assert pairs.second_ids.tolist() == ["verification_data/p.jpg", "verification_data/q.jpg"]


def test_fall_2020_has_labelled_test_folders_and_no_classification_csv(listed_pairs):
    root = listed_pairs.root
    for split in ("train_data", "val_data"):
        (root / "classification_data").mkdir(exist_ok=True)
        (root / split).rename(root / "classification_data" / split)
    listed_pairs.remove("test_data/10.jpg").remove("test_data/2.jpg")
    (root / "test_data").rmdir()
    listed_pairs.images("classification_data/test_data/10/t.jpg")
    data = listed_pairs.read()
    test = data.faces.of_split("test")
    assert [data.classes.names[label] for label in test.labels] == ["10"]
    assert len(data.test_rows) == 0
    with pytest.raises(ConfigError, match="no classification CSV is known"):
        ListedPairs().formats("f20").of_task("classification")


def test_the_csvs_have_the_columns_of_the_competition(listed_pairs):
    data = listed_pairs.read()
    formats = ListedPairs().formats("s21")
    logits = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    predictions = Predictions(data.test_rows.image_ids, logits, data.classes.names)
    classes = fill_table(formats.of_task("classification"), [classification_columns(data, predictions)])
    assert {name: cells.tolist() for name, cells in classes.cells.items()} == {
        "id": ["2.jpg", "10.jpg"],
        "label": ["10", "9"],
    }
    scores = PairScores(data.test_pairs.pair_ids, np.array([0.00244, 1.0]))
    pairs = fill_table(formats.of_task("verification"), [verification_columns(data, scores)])
    assert {name: cells.tolist() for name, cells in pairs.cells.items()} == {
        "Id": data.test_pairs.pair_ids.tolist(),
        "Category": ["0.002440", "1.000000"],
    }


def test_a_class_folder_that_is_not_an_integer_is_refused(listed_pairs):
    listed_pairs.images("train_data/ann/a.jpg")
    with pytest.raises(
        DataError, match=r"train_data: 1 of 3 class folders has no integer for a name, first: ann"
    ):
        listed_pairs.read()


def test_a_missing_list_is_noted(listed_pairs):
    data = listed_pairs.remove("verification_pairs_val.txt").read()
    assert "there is no verification_pairs_val.txt" in data.notes


def test_a_test_folder_that_is_not_trained_is_unlabelled_with_a_note(listed_pairs):
    listed_pairs.remove("test_data/10.jpg").remove("test_data/2.jpg").images("test_data/11/t.jpg")
    data = listed_pairs.read()
    assert data.faces.of_split("test").labels.tolist() == [-1]
    assert any("1 class of the test images is not in the training set, first: 11" in n for n in data.notes)


def test_labelled_test_folders_of_later_semesters_have_rows_too(listed_pairs):
    listed_pairs.remove("test_data/10.jpg").remove("test_data/2.jpg")
    listed_pairs.images("test_data/9/7.jpg", "test_data/10/3.jpg")
    data = listed_pairs.read(slug="11785-spring2021-hw2p2s1-face-classification")
    assert data.test_rows.row_ids.tolist() == ["3.jpg", "7.jpg"]
    test = data.labelled_test
    assert data.classes.names[test.labels].tolist() == ["10", "9"]


def test_rows_are_called_as_the_list_of_test_images_calls_them(listed_pairs):
    (listed_pairs.root / "test_data/2.jpg").rename(listed_pairs.root / "test_data/2.JPG")
    listed_pairs.text("classification_test.txt", "10.jpg", "2.jpg")
    rows = listed_pairs.read().test_rows
    assert rows.row_ids.tolist() == ["10.jpg", "2.jpg"]
    assert rows.image_ids.tolist() == ["test_data/10.jpg", "test_data/2.JPG"]


def test_test_images_that_the_list_leaves_out_are_told(listed_pairs):
    listed_pairs.text("classification_test.txt", "10.jpg")
    assert "1 of 2 images of test_data is not in classification_test.txt" in listed_pairs.read().notes
