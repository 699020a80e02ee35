"""The column of identities: by its name, by the sample submission, or a question that names the sample's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.competitions.inspection import inspect_folder
from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.competitions.own_data.guess import guess_settings
from kaggle_face.competitions.own_data.identities import rank_of
from kaggle_face.errors import ConfigError
from tests.support.own_shapes import draw, write

NAMES = ("Ann", "Bob", "Zoe")
Plant = Callable[..., Path]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Plants nine images of three people with other columns, and a sample of three test images."""

    def planted(header: str, row: str, *sample: str, images: int = 9) -> Path:
        lines = []
        for image in range(images):
            draw(tmp_path / f"train/w{image}.jpg", image % 3, image)
            person = image % 3
            lines.append(f"w{image}.jpg," + row.format(name=NAMES[person], n=9 - person, i=image))
        write(tmp_path / "list.csv", header, *lines)
        for number in range(3):
            draw(tmp_path / f"test/t{number}.jpg", number, 50 + number)
        if sample:
            write(
                tmp_path / "sample_submission.csv",
                sample[0],
                *(f"t{n}.jpg,{sample[1 + n]}" for n in range(3)),
            )
        return tmp_path

    return planted


def column_of(root: Path, **answers: str) -> str | None:
    return guess_settings(root, Answers(**answers)).custom.images[0].identity


@pytest.mark.parametrize(
    ("column", "rank"),
    [
        ("person", 3),
        ("personid", 3),
        ("whale_name", 3),
        ("individual_uid", 3),
        ("true_identity", 3),
        ("person_age", 0),
        ("subject_height", 0),
        ("n_people", 0),
        ("is_person", 0),
        ("className", 2),
        ("camera_name", 2),
        ("class_weight", 0),
        ("hotel_id", 1),
        ("whose", 0),
    ],
)
def test_the_last_word_of_a_column_counts(column, rank):
    assert rank_of(column) == rank


def test_the_age_of_a_person_is_not_a_person(plant):
    assert column_of(plant("image,person_age,name", "2{n},{name}")) == "name"


@pytest.mark.parametrize("cells", [NAMES, ("", "", ""), ("Ann", "Ann", "Ann")])
def test_the_column_of_the_sample_is_the_one_of_identities(plant, cells):
    root = plant("image,person_id,name", "{n},{name}", "image,name", *cells)
    assert column_of(root) == "name"
    assert inspect_folder("mine", root).data.classes.submitted.tolist() == [*NAMES]


def test_cells_of_the_sample_show_the_column_where_its_header_does_not(plant):
    assert column_of(plant("image,person_id,person_name", "{n},{name}", "id,answer", *NAMES)) == "person_name"


def test_a_number_in_all_rows_of_the_sample_shows_no_column(plant):
    assert column_of(plant("image,name,room", "{name},{n}", "id,answer", "9", "9", "9")) == "name"


def test_a_sample_that_contradicts_the_names_of_columns_is_a_question(plant):
    root = plant("image,person,room", "{name},{n}", "id,answer", "9", "8", "7")
    with pytest.raises(ConfigError, match=r"may be room \(9, 8, 7\) or person .* --identity-column 'room'"):
        guess_settings(root, Answers())
    assert column_of(root, identity_column="room") == "room"
    assert column_of(root, identity_column="person", submitted="name") == "person"


def test_the_column_of_images_cannot_be_that_of_identities(plant):
    root = plant("image,person_age,name", "2{n},{name}")
    with pytest.raises(
        ConfigError, match=r"--identity-column: list.csv: image \(w0.jpg, .*\) names the images"
    ):
        guess_settings(root, Answers(identity_column="image"))


def test_few_values_of_a_column_called_otherwise_are_doubted(plant):
    root = plant("image,gender", "{n}", images=30)
    lines = guess_settings(root, Answers()).lines
    assert any(
        line.startswith(
            "warning: list.csv: gender (9, 8, 7) is not called like identities, and has 3 values in 30"
        )
        for line in lines
    )
    lines = guess_settings(plant("image,person", "{n}", images=30), Answers()).lines
    assert not any(line.startswith("warning") for line in lines)


def test_na_is_nobody_and_na_in_other_letters_is_a_name(plant):
    root = plant("image,person", "{name}")
    write(root / "list.csv", "image,person", *(f"w{n}.jpg,{('Na', 'Bob', 'NA')[n % 3]}" for n in range(9)))
    with pytest.raises(ConfigError, match=r"3 of 9 rows have 'NA' in 'person', first: w2.jpg"):
        guess_settings(root, Answers())
    data = inspect_folder("mine", root, Answers(without_identity="skip")).data
    assert data.classes.names.tolist() == ["Bob", "Na"]


def test_a_negative_number_is_a_whole_number_too(plant):
    root = plant("image,person", "{name}", "image,person", "-1", "-1", "-1")
    write(root / "list.csv", "image,person", *(f"w{n}.jpg,{n % 3 - 1}.0" for n in range(9)))
    assert inspect_folder("mine", root).data.classes.submitted.tolist() == ["-1", "0", "1"]


def test_identities_that_differ_by_case_alone_are_noted(plant):
    root = plant("image,person", "{name}")
    write(root / "list.csv", "image,person", *(f"w{n}.jpg,{('Ann', 'ann', 'Bob ')[n % 3]}" for n in range(9)))
    line = "warning: 1 of 3 identities differs from another by case alone, first: ann and Ann; fix the names"
    assert any(each.startswith(line) for each in guess_settings(root, Answers()).lines)
