"""Faces laid out to measure blends: who is trained on, who judges, who is tested."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.blends.faces import (
    BlendFaces,
    LaidOutBlend,
    lay_out_blend_faces,
    read_truth,
    sets_of_trials,
)
from kaggle_face.competitions.reading import read_competition
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.errors import DataError
from kaggle_face.evaluation.nested_split import people_of_pairs
from kaggle_face.records import CompetitionData
from tests.benchmarks.conftest import write_people


@pytest.fixture
def folders(tmp_path: Path) -> BlendFaces:
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("2\t1\nEva\t1\t2\nEva\t1\tTom\t1\nTom\t1\t2\nTom\t2\tEva\t2\n")
    return BlendFaces(
        write_people(tmp_path / "measured", {"Ann": 10, "Bob": 5, "Tom": 5}),
        write_people(tmp_path / "judges", {"007": 4, "008": 9, "Eva": 3}),
        write_people(tmp_path / "verified", {"Eva": 2, "Tom": 2}),
        pairs,
    )


def laid_out(folders: BlendFaces, root: Path) -> tuple[LaidOutBlend, CompetitionData]:
    found = lay_out_blend_faces(folders, root)
    return found, read_competition(root, CompetitionConfig(layout="E"), [])


def test_people_of_the_test_trials_are_used_nowhere_else(folders: BlendFaces, tmp_path: Path) -> None:
    found, data = laid_out(folders, tmp_path / "root")
    assert found.left_out == ("Eva", "Tom")
    assert data.classes.names.tolist() == ["Ann", "Bob"]
    assert not any("Eva" in name or "Tom" in name for name in data.dev_pairs.image_ids.tolist())
    assert all("/strangers/" in name for name in data.test_pairs.image_ids.tolist())


def test_every_fifth_image_of_the_measured_people_is_a_test_image(
    folders: BlendFaces, tmp_path: Path
) -> None:
    found, data = laid_out(folders, tmp_path / "root")
    names = [name.rpartition("/")[2] for name in data.test_rows.image_ids.tolist()]
    assert sorted(names) == ["Ann_0005.jpg", "Ann_0010.jpg", "Bob_0005.jpg"]
    assert (found.train_images, found.test_images) == (12, 3)


def test_trials_join_all_images_of_each_judging_person(folders: BlendFaces, tmp_path: Path) -> None:
    found, data = laid_out(folders, tmp_path / "root")
    pairs = data.dev_pairs
    # 4 images are 6 couples, 6 of the other's 9 images are 15; as many trials of different people.
    assert Counter(pairs.labels.tolist()) == {1: 21, 0: 21} and found.judging_trials == 42
    people, _ = people_of_pairs(pairs.first_ids, pairs.second_ids, pairs.labels)
    assert len(np.unique(people)) == 2


def test_the_truth_of_the_test_trials_is_kept_apart_from_them(folders: BlendFaces, tmp_path: Path) -> None:
    _, data = laid_out(folders, tmp_path / "root")
    assert (data.test_pairs.labels == -1).all()
    truth = read_truth(tmp_path / "root")
    assert truth.labels.tolist() == [1, 0, 1, 0]
    assert truth.sets.tolist() == [0, 0, 1, 1]


def test_without_a_first_line_that_fits_there_are_no_sets(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    for text, count in (("Eva 1 2\n", 1), ("10 300\nEva 1 2\n", 1)):
        path.write_text(text)
        assert sets_of_trials(path, count).tolist() == [-1] * count


def test_a_person_cannot_be_trained_on_and_judge(folders: BlendFaces, tmp_path: Path) -> None:
    write_people(tmp_path / "judges", {"Ann": 2})
    with pytest.raises(DataError, match="'Ann' is to be trained on and to judge blends"):
        lay_out_blend_faces(folders, tmp_path / "root")
