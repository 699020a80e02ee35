"""Faces laid out as a competition: who is trained on, held out, left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.face_folders import FaceFolders, lay_out_faces, read_trials
from kaggle_face.errors import DataError
from tests.benchmarks.conftest import write_people


@pytest.fixture
def folders(tmp_path: Path) -> FaceFolders:
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("1\t2\nEva\t1\t2\nEva\t1\tTom\t1\n")
    return FaceFolders(
        write_people(tmp_path / "measured", {"Ann": 10, "Tom": 5}),
        (write_people(tmp_path / "more", {"007": 6}),),
        write_people(tmp_path / "verified", {"Eva": 2, "Tom": 1}),
        pairs,
    )


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_every_fifth_image_of_the_measured_people_is_held_out(folders: FaceFolders, tmp_path: Path) -> None:
    found = lay_out_faces(folders, tmp_path / "root")
    assert files_below(tmp_path / "root/cls_data/dev") == ["Ann/Ann_0005.jpg", "Ann/Ann_0010.jpg"]
    assert (found.train_images, found.dev_images, found.trials) == (8 + 6, 2, 2)


def test_people_of_the_trials_are_not_trained_on(folders: FaceFolders, tmp_path: Path) -> None:
    found = lay_out_faces(folders, tmp_path / "root")
    assert found.left_out == ("Tom",)
    assert not (tmp_path / "root/cls_data/train/Tom").exists()


def test_trials_keep_their_order_and_their_images_are_there(folders: FaceFolders, tmp_path: Path) -> None:
    lay_out_faces(folders, tmp_path / "root")
    text = (tmp_path / "root/val_pairs.txt").read_text()
    assert text == "Eva_0001.jpg Eva_0002.jpg 1\nEva_0001.jpg Tom_0001.jpg 0\n"
    assert files_below(tmp_path / "root/ver_data") == ["Eva_0001.jpg", "Eva_0002.jpg", "Tom_0001.jpg"]


def test_a_missing_image_leaves_no_folder(folders: FaceFolders, tmp_path: Path) -> None:
    folders.pairs.write_text("Eva 1 9\n")
    with pytest.raises(DataError, match=r"there is no image .*Eva_0009\.jpg"):
        lay_out_faces(folders, tmp_path / "root")
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("line", ["Eva one two", "Eva 1", "Eva 1 Tom"])
def test_a_line_that_is_no_trial_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "pairs.txt").write_text(f"10\t300\n{line}\n")
    with pytest.raises(DataError, match=f"line 2: expected 'name i j' or 'name i name j', got '{line}'"):
        read_trials(tmp_path / "pairs.txt")


def test_two_people_of_one_name_are_refused(folders: FaceFolders, tmp_path: Path) -> None:
    write_people(tmp_path / "again", {"Ann": 1})
    twice = FaceFolders(folders.measured, (tmp_path / "again",), folders.verified, folders.pairs)
    with pytest.raises(DataError, match="two folders have a person 'Ann'"):
        lay_out_faces(twice, tmp_path / "root")


@pytest.mark.parametrize(("header", "count"), [("10\t300\n", 1), ("600\n", 1), ("", 1), ("07201 1 2\n", 2)])
def test_a_first_line_of_counts_is_no_trial_and_one_of_people_named_by_numbers_is(
    tmp_path: Path, header: str, count: int
) -> None:
    (tmp_path / "pairs.txt").write_text(f"{header}Eva 1 2\n")
    trials = read_trials(tmp_path / "pairs.txt")
    assert len(trials) == count and trials[-1] == ("Eva_0001.jpg", "Eva_0002.jpg", 1)
    assert count == 1 or trials[0] == ("07201_0001.jpg", "07201_0002.jpg", 1)
