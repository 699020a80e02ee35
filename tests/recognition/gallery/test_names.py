from __future__ import annotations

import pytest

from kaggle_face.errors import GalleryError
from kaggle_face.recognition.gallery.names import MAX_LETTERS, checked_name, folded_name


@pytest.mark.parametrize(
    "name",
    [
        "Ann",
        "Aaron_Eckhart",
        "Béla O'Neil",
        'Dwayne "The Rock" Johnson',
        "Müller & Sons",
        "王小明",
        "مریم‌السادات",
        "Jean-Luc",
        "07201",
    ],
)
def test_names_of_any_script_stay_as_they_are(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "a/b",
        "../etc",
        "a\\b",
        "a\nb\x00",
        "<b>Ann</b>",
        ".hidden",
        "-rf",
        "x" * (MAX_LETTERS + 1),
    ],
)
def test_names_that_a_path_or_a_page_could_misread_are_refused(name: str) -> None:
    with pytest.raises(GalleryError, match="a person's name") as caught:
        checked_name(name)
    assert "\n" not in str(caught.value)


def test_a_name_written_from_right_to_left_by_a_control_character_is_refused() -> None:
    with pytest.raises(GalleryError):
        checked_name("Ann\u202egnp.exe")


def test_composed_and_decomposed_letters_are_one_name() -> None:
    assert checked_name("Rene\u0301") == checked_name("Ren\u00e9")


def test_case_does_not_tell_people_apart() -> None:
    assert folded_name("ANN") == folded_name("ann")
    assert folded_name("Ann") != folded_name("Anne")
