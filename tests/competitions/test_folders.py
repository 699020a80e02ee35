from __future__ import annotations

import pytest

from kaggle_face.competitions.folders import by_number, images_in, images_of_classes, map_folder
from kaggle_face.errors import DataError


def test_images_are_sorted_as_text(tree):
    tree.images("x/10.jpg", "x/9.jpg", "x/B.jpg", "x/a.jpg")
    assert images_in(tree.root, "x") == ["x/10.jpg", "x/9.jpg", "x/B.jpg", "x/a.jpg"]


def test_images_with_a_name_that_is_no_number_stay_sorted_as_text():
    assert by_number(["x/10.jpg", "x/9.jpg", "x/a.jpg"]) == ["x/10.jpg", "x/9.jpg", "x/a.jpg"]


def test_a_folder_with_the_suffix_of_an_image_is_no_image(tree):
    tree.images("x/a.jpg/inner.jpg", "x/b.jpg")
    assert images_in(tree.root, "x") == ["x/b.jpg"]


def test_classes_are_sorted_as_text(tree):
    tree.images("train/10/a.jpg", "train/9/a.jpg")
    assert list(images_of_classes(tree.root, "train")) == ["10", "9"]


def test_a_folder_without_class_folders_is_refused(tree):
    tree.images("train/a.jpg")
    with pytest.raises(DataError, match=r"train holds no class folders; expected one folder of images"):
        images_of_classes(tree.root, "train")


def test_the_shallowest_folder_of_a_name_is_found(tree):
    tree.images("a/b/train/x.jpg", "c/train/x.jpg")
    assert map_folder(tree.root).folder("train") == "c/train"


def test_a_doubled_folder_is_entered(tree):
    tree.images("train/train/x/1.jpg")
    assert map_folder(tree.root).folder("train") == "train/train"


def test_the_map_does_not_look_into_class_folders(tree):
    tree.images(*(f"train/{name}/deep/1.jpg" for name in range(50)))
    assert not any(folder.endswith("deep") for folder in map_folder(tree.root).folders)


def test_a_folder_that_links_to_itself_is_mapped(tree):
    tree.images("train/x/1.jpg")
    (tree.root / "loop").symlink_to(tree.root, target_is_directory=True)
    assert "train" in map_folder(tree.root).folders


def test_a_link_that_leads_to_itself_is_no_folder(tree):
    tree.images("a/1.jpg")
    (tree.root / "a/loop.jpg").symlink_to("loop.jpg")
    assert images_in(tree.root, "a") == ["a/1.jpg", "a/loop.jpg"]
    assert map_folder(tree.root).folders == ("a",)
