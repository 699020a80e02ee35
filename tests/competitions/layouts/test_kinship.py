from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.competitions.layouts.kinship import Kinship
from kaggle_face.competitions.submission.tables import fill_table, verification_columns
from kaggle_face.errors import DataError
from kaggle_face.records import PairScores


def test_classes_are_families_without_the_last_tenth(families):
    data = families.read()
    assert data.classes.names.tolist() == [f"F{number:04d}" for number in range(10)]
    held_out = [image_id for image_id in data.faces.of_split("verification").image_ids if "F0010" in image_id]
    assert len(held_out) == 4


def test_test_pairs_come_from_the_sample_submission(families):
    pairs = families.read().test_pairs
    assert pairs.pair_ids.tolist() == ["face3.jpg-face1.jpg", "face1.jpg-face2.jpg"]
    assert pairs.first_ids.tolist() == ["test/face3.jpg", "test/face1.jpg"]


def test_dev_pairs_are_relatives_and_unrelated_people_outside_the_classes(families):
    for number in range(11, 20):
        families.images(*(f"train/F{number:04d}/MID{person}/P1.jpg" for person in (1, 2)))
    families.text("train_relationships.csv", "p1,p2", "F0018/MID1,F0018/MID2", "F0019/MID1,F0019/MID2")
    pairs = families.read().dev_pairs
    assert pairs.labels.tolist() == [1, 1, 0, 0]
    first, second = ([path.split("/")[1] for path in ids] for ids in (pairs.first_ids, pairs.second_ids))
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, True, False, False]
    assert {*first, *second} == {"F0018", "F0019"}


def test_people_without_a_picture_are_noted(families):
    assert any("1 person has no picture, first: F0010/MID9" in note for note in families.read().notes)


def test_the_csv_has_the_columns_of_the_competition(families):
    data = families.read()
    scores = PairScores(data.test_pairs.pair_ids[::-1], np.array([0.25, 0.5]))
    table = fill_table(
        Kinship().formats("families").of_task("verification"), [verification_columns(data, scores)]
    )
    assert {name: cells.tolist() for name, cells in table.cells.items()} == {
        "img_pair": ["face3.jpg-face1.jpg", "face1.jpg-face2.jpg"],
        "is_related": ["0.500000", "0.250000"],
    }


def test_a_pair_that_is_no_pair_is_refused(families):
    families.text("sample_submission.csv", "img_pair,is_related", "face1.jpg,0")
    with pytest.raises(DataError, match=r"sample_submission.csv:2: expected two image names joined by '-'"):
        families.read()


def test_an_image_outside_a_persons_folder_is_refused(families):
    families.images("train/F0001/lonely.jpg")
    with pytest.raises(DataError, match=r"F0001/lonely.jpg: expected train/<family>/<person>/<image>"):
        families.read()


def test_a_pair_that_stands_twice_is_refused_with_its_line(families):
    lines = ["img_pair,is_related", *["face3.jpg-face1.jpg,0"] * 2]
    families.text("sample_submission.csv", *lines)
    with pytest.raises(
        DataError, match=r"sample_submission\.csv:3: the pair 'face3\.jpg-face1\.jpg' appears twice"
    ):
        families.read()


def test_pictures_deeper_inside_a_persons_folder_are_the_persons(families):
    families.images("train/F0001/MID1/2019/party.jpg")
    data = families.read()
    labels = dict(zip(data.faces.image_ids.tolist(), data.faces.labels.tolist(), strict=True))
    assert data.classes.names[labels["train/F0001/MID1/2019/party.jpg"]] == "F0001"


def test_people_of_the_table_may_spell_accents_otherwise_than_their_folders(families):
    for person in ("Jose\u0301", "Ana"):
        families.images(f"train/F0010/{person}/P1.jpg")
    families.images("train/F0009/Eva/P1.jpg", "train/F0009/Eva/P2.jpg")
    families.text("train_relationships.csv", "p1,p2", "F0010/Jos\u00e9,F0010/Ana")
    data = families.read()
    assert any("names of people spell accents otherwise than the folders do" in note for note in data.notes)
    assert not any("people have no picture" in note for note in data.notes)
    related = data.dev_pairs.where(data.dev_pairs.labels == 1)
    assert related.first_ids.tolist() == ["train/F0010/Jose\u0301/P1.jpg"]
