"""Labels of pairs that contradict the identities of their images."""

from __future__ import annotations

import pytest

from kaggle_face.competitions.inspection import inspect_folder
from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.errors import ConfigError
from tests.support.own_shapes import draw, write

PAIRS = ("a0.jpg,a1.jpg", "b0.jpg,b1.jpg", "a0.jpg,b0.jpg", "a1.jpg,b1.jpg")


@pytest.fixture
def root(tmp_path):
    """Two people of two images."""
    for person in range(2):
        for number in range(2):
            draw(tmp_path / f"train/{'ab'[person]}/{'ab'[person]}{number}.jpg", person, number)
    return tmp_path


def test_labels_the_wrong_way_round_are_a_question(root):
    write(root / "pairs.csv", "x,y,label", *map(",".join, zip(PAIRS, "0011", strict=True)))
    with pytest.raises(
        ConfigError, match="4 of 4 labelled pairs of known identities have the opposite label"
    ):
        inspect_folder("mine", root)
    data = inspect_folder("mine", root, Answers(pairs=("pairs.csv:x,y,label=0",))).data
    assert data.dev_pairs.labels.tolist() == [1, 1, 0, 0]


def test_labels_of_relatives_are_not_those_of_one_person(root):
    write(root / "pairs.csv", "x,y,label", "a0.jpg,b0.jpg,1", "a1.jpg,b1.jpg,1", "a0.jpg,b1.jpg,0")
    assert inspect_folder("mine", root).data.dev_pairs.labels.tolist() == [1, 1, 0]


@pytest.mark.parametrize("labels", ["1100", "1110"])
def test_right_labels_and_a_wrong_one_are_taken(root, labels):
    write(root / "pairs.csv", "x,y,label", *map(",".join, zip(PAIRS, labels, strict=True)))
    assert inspect_folder("mine", root).data.dev_pairs.labels.tolist() == [*map(int, labels)]


@pytest.mark.parametrize("column", ["stranger", "different", "is_impostor"])
def test_a_column_called_like_two_people_marks_them(root, column):
    write(root / "pairs.csv", f"x,y,{column}", *map(",".join, zip(PAIRS, "0011", strict=True)))
    assert inspect_folder("mine", root).data.dev_pairs.labels.tolist() == [1, 1, 0, 0]
