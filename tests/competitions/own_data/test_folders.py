"""Nested folders and test folders of own data: which folder is the person, and which images are submitted."""

from __future__ import annotations

import pytest

from kaggle_face.competitions.inspection import inspect_folder
from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.competitions.own_data.guess import guess_settings
from kaggle_face.errors import ConfigError, DataError
from tests.support.own_shapes import draw


def _draw(root, *paths: str) -> None:
    for number, path in enumerate(paths):
        draw(root / path, number % 3, number)


def _classes(root, answers: Answers | None = None) -> list[str]:
    return inspect_folder("mine", root, answers or Answers()).data.classes.names.tolist()


def test_folders_of_parts_and_folders_of_films_are_a_question(tmp_path):
    _draw(tmp_path, *(f"faces/{a}/{a}{b}/{image}.jpg" for a in "xy" for b in "pq" for image in "12"))
    with pytest.raises(
        ConfigError, match=r"may be x or xp; say which with --identity-folder first or --identity"
    ):
        guess_settings(tmp_path, Answers())
    assert _classes(tmp_path, Answers(identity_folder="first")) == ["x", "y"]
    assert _classes(tmp_path, Answers(identity_folder="last")) == ["xp", "xq", "yp", "yq"]


def test_the_same_few_folders_in_each_are_views_and_many_in_few_are_people(tmp_path):
    _draw(tmp_path / "a", *(f"f/p{person}/{view}/1.jpg" for person in range(4) for view in ("left", "right")))
    assert _classes(tmp_path / "a") == ["p0", "p1", "p2", "p3"]
    _draw(
        tmp_path / "b", *(f"f/{camera}/p{person}/1.jpg" for person in range(4) for camera in ("one", "two"))
    )
    assert _classes(tmp_path / "b") == ["p0", "p1", "p2", "p3"]


def test_folders_of_the_test_images_are_people_only_where_training_has_them(tmp_path):
    _draw(tmp_path / "a", *(f"train/{who}/{n}.jpg" for who in ("Ann", "Bob") for n in "12"), "test/Ann/9.jpg")
    assert len(inspect_folder("mine", tmp_path / "a").data.labelled_test) == 1
    _draw(tmp_path / "b", *(f"train/{who}/{n}.jpg" for who in ("Ann", "Bob") for n in "12"), "test/0/9.jpg")
    data = inspect_folder("mine", tmp_path / "b").data
    assert data.test_rows.image_ids.tolist() == ["test/0/9.jpg"]
    assert not len(data.labelled_test)


def test_without_anything_to_submit_a_line_says_what_names_it(tmp_path):
    _draw(tmp_path, *(f"people/{who}/{n}.jpg" for who in ("Ann", "Bob") for n in "12"))
    lines = guess_settings(tmp_path, Answers()).lines
    assert "nothing is to be submitted; name test images with --test FOLDER, or pairs with --pairs" in lines


@pytest.mark.parametrize("roots", [("learn", "check"), ("people",)])
def test_pictures_beside_folders_of_people_are_a_question(roots, tmp_path):
    _draw(
        tmp_path,
        *(f"{root}/{who}/{root}{n}.jpg" for root in roots for who in ("Ann", "Bob", "Cid") for n in "1"),
    )
    _draw(tmp_path, "hidden/5.jpg", "hidden/6.jpg")
    for answers in (Answers(), Answers(identity_folder="last")):
        with pytest.raises(
            ConfigError, match=r"^hidden: its pictures lie .* --test 'hidden', or that hidden is a"
        ):
            guess_settings(tmp_path, answers)
    data = inspect_folder("mine", tmp_path, Answers(test="hidden")).data
    assert data.classes.names.tolist() == ["Ann", "Bob", "Cid"]
    assert data.test_rows.image_ids.tolist() == ["hidden/5.jpg", "hidden/6.jpg"]
    assert "hidden" in _classes(tmp_path, Answers(identity_folder="first"))


def test_folders_of_several_parts_are_named_together(tmp_path):
    _draw(
        tmp_path,
        *(f"part{part}/{who}/{part}{n}.jpg" for part in "12" for who in ("Ann", "Bob", "Cid") for n in "1"),
    )
    assert (
        "part1/ and part2/: train images, a folder per identity (Ann, Bob, Cid)"
        in guess_settings(tmp_path, Answers()).lines
    )


@pytest.mark.parametrize(
    ("train", "dev", "test"),
    [("TRAINING_SET", "valid_set", "TestImages"), ("trainset", "val-faces", "testset")],
)
def test_folders_are_called_like_splits_beside_a_word_for_what_they_hold(tmp_path, train, dev, test):
    _draw(tmp_path, *(f"{train}/{person}/{image}.jpg" for person in "ab" for image in "12"))
    _draw(tmp_path, *(f"{dev}/{person}/3.jpg" for person in "ab"), *(f"{test}/{image}.jpg" for image in "45"))
    splits = inspect_folder("mine", tmp_path).data.faces.splits.tolist()
    assert {split: splits.count(split) for split in splits} == {"train": 4, "dev": 2, "test": 2}


def test_people_called_like_splits_are_a_question(tmp_path):
    _draw(tmp_path, *(f"people/{who}/{n}.jpg" for who in ("Ann", "Dev", "Val") for n in "12"), "test/9.jpg")
    with pytest.raises(
        ConfigError, match=r"^people/Dev: it may hold dev images or be a person, as people/Ann b"
    ):
        guess_settings(tmp_path, Answers())
    data = inspect_folder("mine", tmp_path, Answers(identity_folder="first")).data
    assert data.classes.names.tolist() == ["Ann", "Dev", "Val"]
    assert data.test_rows.image_ids.tolist() == ["test/9.jpg"]


def test_splits_within_people_are_named(tmp_path):
    _draw(tmp_path, *(f"{who}/{split}/1.jpg" for who in ("Ann", "Bob") for split in ("train", "test")))
    with pytest.raises(
        DataError, match=r"^Ann/test/ and Bob/test/ are .* within those of people; .* test/Ann/"
    ):
        guess_settings(tmp_path, Answers())


def test_names_of_several_fields_of_numbers_are_a_question(tmp_path):
    people = ("0002", "0007", "0010")
    _draw(tmp_path, *(f"box/{who}_c{n}s1_00{n}_0{n}.jpg" for who in people for n in "12"))
    with pytest.raises(
        ConfigError, match=r"are {n}_{identity} or {identity}_c{n}s{n}_{n}_{n}, and which is not"
    ):
        guess_settings(tmp_path, Answers())
    assert _classes(tmp_path, Answers(pattern="{identity}_c{n}s{n}_{n}_{n}")) == [*people]


def test_words_for_views_behind_numbers_are_a_question(tmp_path):
    _draw(tmp_path, *(f"all/{number}_{view}.jpg" for number in range(1, 4) for view in ("left", "right")))
    with pytest.raises(
        ConfigError, match=r"{n}_{identity} or {identity}_{any}, .* --pattern '{n}_{identity}'"
    ):
        guess_settings(tmp_path, Answers())
    assert _classes(tmp_path, Answers(pattern="{identity}_{any}")) == ["1", "2", "3"]
