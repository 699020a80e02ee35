from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.competitions.files.image_index import ImageIndex
from kaggle_face.competitions.files.named_images import Mentions
from kaggle_face.errors import DataError

IDS = ["train/a/1.jpg", "train/b/1.jpg", "train/b/2.0.png", "test/9.jpg"]


@pytest.fixture
def index(tmp_path: Path) -> ImageIndex:
    return ImageIndex(tmp_path, IDS)


@pytest.mark.parametrize(
    ("name", "folders", "image_id", "way"),
    [
        ("train/a/1.jpg", ("",), "train/a/1.jpg", 0),
        ("a\\1.jpg", ("train",), "train/a/1.jpg", 0),
        ("./b/1", ("train/",), "train/b/1.jpg", 1),
        ("2.0", ("train/b",), "train/b/2.0.png", 1),
        ("9.jpg", ("",), "test/9.jpg", 2),
        ("2.0.jpg", ("train",), "train/b/2.0.png", 3),
        ("b/1", ("",), "train/b/1.jpg", 3),
        ("Train/B/1.JPG", ("",), "train/b/1.jpg", 4),
        ("A/1.JPG", ("train",), "train/a/1.jpg", 4),
    ],
)
def test_names_are_found_by_path_or_file_name_with_or_without_suffix(index, name, folders, image_id, way):
    match = index.match(name, folders)
    assert (match.image_ids, match.way, match.is_outside) == ((image_id,), way, False)


def test_absolute_paths_are_taken_below_the_root_alone(index, tmp_path):
    assert index.match(f"{tmp_path}/test/9.jpg").image_ids == ("test/9.jpg",)
    for name in ("/etc/9.jpg", "C:\\data\\9.jpg", "../9.jpg", "train/../../9.jpg", f"{tmp_path}x/test/9.jpg"):
        assert index.match(name).is_outside
    assert index.match("C:\\data\\9.jpg", cut="C:/data").image_ids == ("test/9.jpg",)


def test_a_name_of_two_images_or_of_none_is_refused(index):
    with pytest.raises(
        DataError, match=r"t.csv:3: '1.jpg' may be train/a/1.jpg or train/b/1.jpg; set the fol"
    ):
        index.find(Mentions(Path("t.csv"), ["9.jpg", "1.jpg"], [2, 3]))
    with pytest.raises(DataError, match=r"t.csv:2: 1 of 1 named image does not exist, first: 2.0.pn"):
        index.find(Mentions(Path("t.csv"), ["2.0.pn"], [2]))
    assert index.match("", ("",)).image_ids == ()
