from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.competitions.layouts.thumbnails import Thumbnails
from kaggle_face.competitions.submission.tables import (
    classification_columns,
    fill_table,
    verification_columns,
)
from kaggle_face.errors import DataError
from kaggle_face.records import PairScores, Predictions


def test_the_submitted_label_is_the_integer_folder_name(thumbnails):
    data = thumbnails.read()
    assert data.classes.names.tolist() == ["2", "10", "2300"]
    assert data.classes.submitted.tolist() == ["2", "10", "2300"]


def test_medium_and_large_are_both_read(thumbnails):
    faces = thumbnails.read().faces
    assert sorted(faces.labels[faces.splits == "train"].tolist()) == [0, 0, 1, 1, 2, 2]
    assert (faces.splits == "dev").sum() == 3


def test_medium_alone_can_be_forced(thumbnails):
    data = thumbnails.read(variant="s20-medium")
    assert data.classes.names.tolist() == ["2", "10"]
    assert not any("large" in image_id for image_id in data.faces.image_ids)


def test_spring_2019_calls_test_images_by_their_row(thumbnails):
    data = thumbnails.read(slug="11785-s19-hw2p2-classification")
    assert data.test_rows.row_ids.tolist() == ["0", "1", "2"]
    assert data.test_rows.image_ids[0] == "test_classification/medium/5001.jpg"


def test_later_semesters_call_test_images_by_their_name_in_the_order_of_the_list(thumbnails):
    data = thumbnails.read()
    assert data.test_rows.row_ids.tolist() == ["5001.jpg", "900.jpg", "5000.jpg"]


def test_without_the_order_file_images_are_ordered_by_number(thumbnails):
    data = thumbnails.remove("test_order_classification.txt").read()
    assert data.test_rows.row_ids.tolist() == ["900.jpg", "5000.jpg", "5001.jpg"]
    assert any("ordered by their number" in note for note in data.notes)


def test_spring_2019_cannot_do_without_the_order_file(thumbnails):
    thumbnails.remove("test_order_classification.txt")
    with pytest.raises(DataError, match=r"test_order_classification.txt is missing: rows are called"):
        thumbnails.read(variant="s19")


def test_a_trial_is_called_by_its_line(thumbnails):
    pairs = thumbnails.read().test_pairs
    assert pairs.pair_ids.tolist() == ["t.jpg r.jpg", "r.jpg s.jpg"]
    assert pairs.first_ids.tolist() == ["test_verification/t.jpg", "test_verification/r.jpg"]


def test_trials_of_validation_are_labelled(thumbnails):
    pairs = thumbnails.read().dev_pairs
    assert pairs.labels.tolist() == [1, 0]
    assert pairs.second_ids.tolist() == ["validation_verification/q.jpg", "validation_verification/p.jpg"]


def test_released_again_trials_take_their_own_folder_and_speak_for_spring_2019(thumbnails):
    thumbnails.images("test_veri_T_new/r.jpg", "test_veri_T_new/u.jpg")
    thumbnails.text("trials_test_new.txt", "u.jpg r.jpg")
    data = thumbnails.read()
    assert data.test_pairs.first_ids.tolist() == ["test_veri_T_new/u.jpg"]
    assert data.test_pairs.second_ids.tolist() == ["test_veri_T_new/r.jpg"]
    assert data.test_rows.row_ids.tolist() == ["0", "1", "2"]
    assert any("the first is taken" in note for note in data.notes)


def test_repeated_trials_are_submitted_once(thumbnails):
    thumbnails.text("test_trials_verification_student.txt", "t.jpg r.jpg", "r.jpg s.jpg", "t.jpg r.jpg")
    data = thumbnails.read()
    assert data.test_pairs.pair_ids.tolist() == ["t.jpg r.jpg", "r.jpg s.jpg"]
    assert any("1 pair appears twice, first: line 3; only the first counts" in note for note in data.notes)


@pytest.mark.parametrize(
    ("variant", "columns", "first_id"),
    [("s19", ("id", "label"), "0"), ("s20", ("Id", "Category"), "5001.jpg")],
)
def test_the_classification_csv_follows_the_semester(thumbnails, variant, columns, first_id):
    data = thumbnails.read(variant=variant)
    logits = np.eye(3, dtype=np.float32)[[2, 1, 0]]  # image 5001 shows class 2300, 900 class 10, 5000 class 2
    predictions = Predictions(data.test_rows.image_ids, logits, data.classes.names)
    table = fill_table(
        Thumbnails().formats(variant).of_task("classification"), [classification_columns(data, predictions)]
    )
    assert table.columns == columns
    assert table.cells[columns[0]][0] == first_id
    assert table.cells[columns[1]].tolist() == ["2300", "10", "2"]


def test_the_verification_csv_names_the_trial(thumbnails):
    data = thumbnails.read()
    scores = PairScores(data.test_pairs.pair_ids[::-1], np.array([0.25, 0.5731], np.float32))
    table = fill_table(
        Thumbnails().formats("s20").of_task("verification"), [verification_columns(data, scores)]
    )
    assert table.columns == ("trial", "score")
    assert table.cells["trial"].tolist() == ["t.jpg r.jpg", "r.jpg s.jpg"]
    assert table.cells["score"].tolist() == ["0.573100", "0.250000"]


def test_a_class_folder_that_is_not_an_integer_is_refused(thumbnails):
    thumbnails.images("train_data/medium/n000002/a.jpg")
    with pytest.raises(
        DataError, match=r"train_data: 1 of 4 class folders has no integer for a name, first: n000002"
    ):
        thumbnails.read()


def test_a_class_of_both_sizes_is_refused(thumbnails):
    thumbnails.images("train_data/large/10/a.jpg")
    with pytest.raises(DataError, match=r"class 10 stands in train_data/medium and in train_data/large"):
        thumbnails.read()


def test_an_order_file_with_an_image_twice_is_refused(thumbnails):
    thumbnails.text("test_order_classification.txt", "900.jpg", "900.jpg")
    with pytest.raises(DataError, match=r"test_order_classification.txt:2: '900.jpg' appears twice"):
        thumbnails.read()


def test_test_images_that_the_order_file_leaves_out_are_noted(thumbnails):
    thumbnails.text("test_order_classification.txt", "900.jpg")
    assert any("2 of 3 images of test_classification" in note for note in thumbnails.read().notes)


def test_class_folders_of_one_number_are_refused(thumbnails):
    thumbnails.images("train_data/medium/002/a.jpg")
    with pytest.raises(DataError, match="the classes '002' and '2' are one number"):
        thumbnails.read()


def test_the_other_name_of_released_again_trials_speaks_for_spring_2019_too(thumbnails):
    thumbnails.text("test_trials_verification_student_new.txt", "t.jpg s.jpg")
    data = thumbnails.read()
    assert data.test_pairs.pair_ids.tolist() == ["t.jpg s.jpg"]
    assert data.test_rows.row_ids.tolist() == ["0", "1", "2"]


def test_a_test_folder_for_each_class_is_labelled(thumbnails):
    thumbnails.remove("test_order_classification.txt")
    thumbnails.images("test_classification/medium/10/7.jpg", "test_classification/medium/2/8.jpg")
    data = thumbnails.read()
    assert data.test_rows.row_ids.tolist() == ["7.jpg", "8.jpg", "900.jpg", "5000.jpg", "5001.jpg"]
    assert data.classes.names[data.labelled_test.labels].tolist() == ["10", "2"]
