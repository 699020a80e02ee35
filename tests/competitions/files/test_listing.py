"""Listing pictures: at any depth, without junk, and with an account of what is left out."""

from __future__ import annotations

import pytest

from kaggle_face.competitions.files.listing import PictureLister, odd_siblings
from kaggle_face.errors import DataError

NFC, NFD = "Jos\u00e9", "Jose\u0301"


def test_images_are_sorted_as_text(tree):
    tree.images("x/10.jpg", "x/9.jpg", "x/B.jpg", "x/a.jpg")
    assert PictureLister(tree.root).below("x") == ["x/10.jpg", "x/9.jpg", "x/B.jpg", "x/a.jpg"]


def test_pictures_deeper_inside_are_found_under_their_whole_path(tree):
    tree.images("x/a/b/c/d/e/f/1.jpg", "x/2.jpg", "x/a.jpg/inner.jpg")
    assert PictureLister(tree.root).below("x") == ["x/2.jpg", "x/a.jpg/inner.jpg", "x/a/b/c/d/e/f/1.jpg"]


def test_classes_are_sorted_as_text(tree):
    tree.images("train/10/a.jpg", "train/9/a.jpg")
    assert list(PictureLister(tree.root).of_classes("train")) == ["10", "9"]


def test_a_folder_without_class_folders_is_refused(tree):
    tree.images("train/a.jpg")
    with pytest.raises(DataError, match=r"train holds no class folders; expected one folder of images"):
        PictureLister(tree.root).of_classes("train")


def test_a_link_that_leads_to_itself_stays_a_picture_that_cannot_be_read(tree):
    tree.images("a/1.jpg")
    (tree.root / "a/loop.jpg").symlink_to("loop.jpg")
    assert PictureLister(tree.root).below("a") == ["a/1.jpg", "a/loop.jpg"]


def test_a_linked_folder_is_entered_and_one_that_leads_back_is_told(tree):
    tree.images("train/n1/1.jpg", "elsewhere/2.jpg")
    (tree.root / "train/n1/more").symlink_to(tree.root / "elsewhere", target_is_directory=True)
    (tree.root / "train/n1/back").symlink_to(tree.root / "train", target_is_directory=True)
    (tree.root / "elsewhere/again").symlink_to(tree.root / "elsewhere", target_is_directory=True)
    lister = PictureLister(tree.root)
    assert lister.below("train/n1") == ["train/n1/1.jpg", "train/n1/more/2.jpg"]
    assert lister.notes() == ("2 links lead back to a folder above, first: train/n1/back",)


def test_junk_is_skipped_and_told_once(tree):
    tree.images(
        "train/n1/1.jpg", "train/@eaDir/1.jpg", "train/n1/.ipynb_checkpoints/1.jpg", "train/n1/._1.jpg"
    )
    lister = PictureLister(tree.root)
    assert lister.of_classes("train") == {"n1": ["train/n1/1.jpg"]}
    assert lister.below("train") == ["train/n1/1.jpg"]
    assert lister.notes() == ("3 junk entries are skipped, first: train/@eaDir",)


def test_other_suffixes_are_counted_and_the_first_is_named(tree):
    tree.images("train/n1/1.jpg", "train/n1/2.jpg", "train/n1/3.heic", "train/n1/4.tga")
    lister = PictureLister(tree.root)
    lister.of_classes("train")
    (note,) = lister.notes()
    assert note.startswith("2 of 4 files are left out, whose suffix is not a picture's (.jpg ")
    assert note.endswith(", first: train/n1/3.heic")
    assert lister.left_out == ["train/n1/3.heic", "train/n1/4.tga"]


def test_pictures_beside_class_folders_are_told(tree):
    tree.images("train/n1/1.jpg", "train/n2/1.jpg", "train/loose.jpg")
    lister = PictureLister(tree.root)
    lister.of_classes("train")
    assert lister.notes() == (
        "train: 1 of 3 pictures is left out, lying beside the class folders and in none of them, first: "
        "loose.jpg",
    )


def test_pictures_that_may_hold_several_frames_are_told(tree):
    tree.images("x/1.jpg", "x/2.GIF", "x/3.tif")
    lister = PictureLister(tree.root)
    lister.below("x")
    (note,) = lister.notes()
    assert note.startswith("2 of 3 pictures") and "the first is taken, first: x/2.GIF" in note


def test_two_names_that_are_one_when_composed_are_refused_with_both(tree):
    tree.images(f"train/{NFC}/1.jpg", f"train/{NFD}/1.jpg")
    with pytest.raises(DataError, match=r"'Jose\\u0301' and 'Jos\\xe9'; rename or remove") as caught:
        PictureLister(tree.root).of_classes("train")
    assert str(caught.value).isascii()
    tree.images(f"x/{NFC}.jpg", f"x/{NFD}.jpg")
    with pytest.raises(DataError, match=r"two names that differ in the spelling of accents alone"):
        PictureLister(tree.root).below("x")


@pytest.mark.parametrize(
    ("names", "odd"),
    [
        (["n000001", "n000002", "a_backup", "n000003"], ["a_backup"]),
        (["1", "2", "10", "tmp"], ["tmp"]),
        (["1", "2", "n3"], ["n3"]),
        (["Ann", "Bob", "Bob (1)", "Ann copy", "Old_Tom"], ["Ann copy", "Bob (1)"]),
        (["Ann", "Bob", "7"], []),
        (["a_backup"], []),
        (["n1"], []),
    ],
)
def test_folders_that_do_not_look_like_their_siblings_are_odd(names, odd):
    assert odd_siblings(names) == odd


def test_an_odd_sibling_is_told_by_name(tree):
    tree.images(*(f"train/{name}/1.jpg" for name in ("n1", "n2", "a_backup")))
    lister = PictureLister(tree.root)
    lister.of_classes("train")
    (note,) = lister.notes()
    assert note.startswith("train: 1 of 3 class folders does not look like the others, first: a_backup")
