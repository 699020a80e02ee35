from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kaggle_face.errors import DataError
from kaggle_face.synthetic import dataset as embedded
from kaggle_face.synthetic.dataset import EmbeddedSize, Layout, write_embedded_dataset
from kaggle_face.synthetic.dataset_plan import draw_plan
from kaggle_face.synthetic.faces import draw_appearance, draw_identity, render_face

SIZE = EmbeddedSize(
    num_identities=12,
    train_images_per_identity=3,
    dev_images_per_identity=2,
    test_images_per_identity=1,
    num_verification_identities=9,
    images_per_verification_identity=4,
    num_val_pairs=20,
    num_test_pairs=40,
    image_size_px=24,
)
SEED = 3
LAYOUTS: tuple[Layout, ...] = ("folders", "labels_txt")


@pytest.fixture(scope="module")
def folders_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(tmp_path_factory, "folders")


@pytest.fixture(scope="module")
def labels_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(tmp_path_factory, "labels_txt")


@pytest.fixture(params=LAYOUTS)
def any_root(request: pytest.FixtureRequest) -> Path:
    root: Path = request.getfixturevalue("folders_root" if request.param == "folders" else "labels_root")
    return root


def _written(factory: pytest.TempPathFactory, layout: Layout) -> Path:
    root = factory.mktemp(layout) / "data"
    write_embedded_dataset(root, SIZE, SEED, layout)
    return root


def lines_of(path: Path) -> list[list[str]]:
    return [re.split("[ ,]", line) for line in path.read_text(encoding="utf-8").splitlines()]


@lru_cache(maxsize=1)
def all_faces() -> tuple[np.ndarray, np.ndarray]:
    """Every picture of the world of SEED that the data set may hold, and who is on it."""
    people = range(SIZE.num_identities + SIZE.num_verification_identities)
    shots = [(person, image) for person in people for image in range(6)]
    faces = [
        render_face(draw_identity(SEED, person), draw_appearance(SEED, person, image), 24)
        for person, image in shots
    ]
    return np.array(faces, np.int64).reshape(len(shots), -1), np.array(shots)


def shown(path: Path) -> tuple[int, int]:
    """The person and the number of the picture in a file, by comparing it with every picture drawn anew."""
    faces, shots = all_faces()
    with Image.open(path) as image:
        pixels = np.asarray(image, np.int64).reshape(1, -1)
    distances = np.abs(faces - pixels).mean(1)
    assert distances.min() < 8, f"{path} is not a known picture"
    person, number = shots[distances.argmin()]
    return int(person), int(number)


def test_folders_layout_is_that_of_fall_2024(folders_root: Path) -> None:
    files = [path.relative_to(folders_root).as_posix() for path in folders_root.rglob("*") if path.is_file()]
    shapes = Counter(re.sub("[0-9]", "0", re.sub("[0-9a-f]{8}.jpg", "HEX.jpg", name)) for name in files)
    assert shapes == {
        "cls_data/train/n000000/0000_00.jpg": 36,
        "cls_data/dev/n000000/0000_00.jpg": 24,
        "cls_data/test/000000.jpg": 12,
        "ver_data/HEX.jpg": 36,
        "val_pairs.txt": 1,
        "test_pairs.txt": 1,
        "sample_submission_classification.csv": 1,
        "sample_submission_verification.csv": 1,
        "truth/test_labels.csv": 1,
        "truth/test_pairs.csv": 1,
        "embedded.json": 1,
    }


def test_labels_layout_is_that_of_spring_2025(labels_root: Path) -> None:
    cls_files = (path for path in (labels_root / "cls_data").rglob("*") if path.is_file())
    files = [path.relative_to(labels_root / "cls_data").as_posix() for path in cls_files]
    shapes = Counter(re.sub("[0-9]", "0", name) for name in files)
    assert shapes == {
        "train/images/000000.jpg": 36,
        "train/labels.txt": 1,
        "dev/images/000000.jpg": 24,
        "dev/labels.txt": 1,
        "test/images/000000.jpg": 12,
    }


def test_files_are_rgb_jpegs_of_the_asked_size(any_root: Path) -> None:
    for path in any_root.rglob("*.jpg"):
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (24, 24))


def test_folder_numbers_have_gaps_so_that_name_and_index_differ(folders_root: Path) -> None:
    numbers = sorted(int(path.name[1:]) for path in (folders_root / "cls_data/train").iterdir())
    assert len(numbers) == SIZE.num_identities
    assert numbers[-1] - numbers[0] > SIZE.num_identities
    assert numbers[0] >= 1 and numbers[-1] <= 9279  # the range of VGGFace2's folders


def test_a_class_folder_holds_one_person_in_train_and_dev(folders_root: Path) -> None:
    for folder in (folders_root / "cls_data/train").iterdir():
        dev_folder = folders_root / "cls_data/dev" / folder.name
        assert len({shown(path)[0] for path in [*folder.iterdir(), *dev_folder.iterdir()]}) == 1


def test_integer_labels_count_from_zero_and_name_one_person_each(labels_root: Path) -> None:
    people: dict[int, set[int]] = {}
    for split in ("train", "dev"):
        for name, label in lines_of(labels_root / f"cls_data/{split}/labels.txt"):
            people.setdefault(int(label), set()).add(
                shown(labels_root / f"cls_data/{split}/images/{name}")[0]
            )
    assert sorted(people) == list(range(SIZE.num_identities))
    assert all(len(who) == 1 for who in people.values())
    assert sorted(map(str, people)) != [str(label) for label in sorted(people)]


def test_labels_txt_names_every_image_of_its_split(labels_root: Path) -> None:
    for split in ("train", "dev"):
        images = {path.name for path in (labels_root / f"cls_data/{split}/images").iterdir()}
        assert {name for name, _ in lines_of(labels_root / f"cls_data/{split}/labels.txt")} == images


def test_truth_is_the_index_of_the_sorted_folder_names(folders_root: Path) -> None:
    folders = sorted((folders_root / "cls_data/train").iterdir())
    person_of_label = [shown(next(folder.iterdir()))[0] for folder in folders]
    for name, label in lines_of(folders_root / "truth/test_labels.csv")[1:]:
        assert shown(folders_root / "cls_data/test" / name)[0] == person_of_label[int(label)]


def test_truth_is_the_integer_of_labels_txt(labels_root: Path) -> None:
    train = lines_of(labels_root / "cls_data/train/labels.txt")
    person_of_label = {label: shown(labels_root / "cls_data/train/images" / name)[0] for name, label in train}
    for name, label in lines_of(labels_root / "truth/test_labels.csv")[1:]:
        assert shown(labels_root / "cls_data/test/images" / name)[0] == person_of_label[label]


def test_no_picture_is_in_two_places(any_root: Path) -> None:
    pictures = [shown(path) for path in any_root.rglob("*.jpg")]
    assert len(set(pictures)) == len(pictures) == SIZE.num_images == 108


def test_no_person_is_in_two_of_classes_val_pairs_and_test_pairs(any_root: Path) -> None:
    groups = [{shown(path)[0] for path in (any_root / "cls_data").rglob("*.jpg")}]
    for name in ("val_pairs.txt", "test_pairs.txt"):
        images = {image for pair in lines_of(any_root / name) for image in pair[:2]}
        groups.append({shown(any_root / "ver_data" / image)[0] for image in images})
    assert [len(group) for group in groups] == [12, 3, 6]
    assert len(set.union(*groups)) == 21


def test_pairs_say_whether_both_pictures_show_one_person(any_root: Path) -> None:
    truth = lines_of(any_root / "truth/test_pairs.csv")[1:]
    test = [
        [*pair, label] for pair, (_, label) in zip(lines_of(any_root / "test_pairs.txt"), truth, strict=True)
    ]
    for first, second, label in lines_of(any_root / "val_pairs.txt") + test:
        same = shown(any_root / "ver_data" / first)[0] == shown(any_root / "ver_data" / second)[0]
        assert same == (label == "1")


def test_half_of_the_pairs_are_of_one_person(any_root: Path) -> None:
    assert Counter(pair[2] for pair in lines_of(any_root / "val_pairs.txt")) == {"0": 10, "1": 10}
    assert Counter(row[1] for row in lines_of(any_root / "truth/test_pairs.csv")[1:]) == {"0": 20, "1": 20}


def test_no_pair_comes_twice_in_either_order_nor_with_itself(any_root: Path) -> None:
    for name, count in (("val_pairs.txt", 20), ("test_pairs.txt", 40)):
        assert len({frozenset(pair[:2]) for pair in lines_of(any_root / name)} - {frozenset()}) == count
        assert all(len({first, second}) == 2 for first, second, *_ in lines_of(any_root / name))


def test_sample_submissions_name_every_row_in_order(any_root: Path) -> None:
    classification = lines_of(any_root / "sample_submission_classification.csv")
    assert classification[:2] == [["id", "label"], ["000000.jpg", "0"]]
    assert [row[0] for row in classification[1:]] == [f"{number:06d}.jpg" for number in range(12)]
    verification = lines_of(any_root / "sample_submission_verification.csv")
    assert verification[0] == ["ID", "Label"]
    assert [row[0] for row in verification[1:]] == [str(row) for row in range(40)]


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_same_seed_writes_the_same_bytes(folders_root: Path, tmp_path: Path) -> None:
    write_embedded_dataset(tmp_path / "again", SIZE, SEED, "folders")
    assert contents(tmp_path / "again") == contents(folders_root)


def test_another_seed_draws_other_people_and_pairs() -> None:
    first, second = (draw_plan(SIZE, seed, "folders") for seed in (0, 1))
    assert first.texts["val_pairs.txt"] != second.texts["val_pairs.txt"]
    assert not any(draw_identity(0, person) == draw_identity(1, person) for person in range(12))


def test_a_complete_data_set_is_used_again(folders_root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folders_root.rglob("*")}
    write_embedded_dataset(folders_root, SIZE, SEED, "folders")
    assert {path: path.stat().st_mtime_ns for path in folders_root.rglob("*")} == before


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    tiny = replace(SIZE, num_identities=2, num_verification_identities=6)
    write_embedded_dataset(tmp_path, tiny, SEED)
    assert (tmp_path / "embedded.json").is_file()


def test_a_write_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(embedded, "draw_appearance", broken)
    with pytest.raises(OSError, match="disk full"):
        write_embedded_dataset(tmp_path / "data", SIZE, SEED)
    assert list(tmp_path.iterdir()) == []


def refusal(root: Path, seed: int = SEED, layout: Layout = "folders") -> str:
    with pytest.raises(DataError) as caught:
        write_embedded_dataset(root, SIZE, seed, layout)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert "holds other files, first: thesis.txt" in refusal(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine")
    assert "is a file" in refusal(tmp_path / "data")


def test_generated_faces_of_other_settings_are_refused(folders_root: Path) -> None:
    assert "with seed 3, not 4; remove the folder" in refusal(folders_root, seed=4)
    assert "with layout folders, not labels_txt" in refusal(folders_root, layout="labels_txt")


@pytest.mark.parametrize("text", ["", "[1]", '{"drawing": 0}'])
def test_a_damaged_marker_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "embedded.json").write_text(text)
    assert "remove the folder" in refusal(tmp_path)


def test_a_missing_picture_is_noticed(tmp_path: Path) -> None:
    write_embedded_dataset(tmp_path / "data", SIZE, SEED)
    next((tmp_path / "data/ver_data").iterdir()).unlink()
    assert "holds 107 of 108 generated faces" in refusal(tmp_path / "data")


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    assert "must be >= 0, got -1" in refusal(tmp_path / "data", seed=-1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_identities": 1}, "num_identities of the generated faces must be >= 2, got 1"),
        ({"num_identities": 9280}, "must be <= 9279, got 9280"),
        (
            {"dev_images_per_identity": 0},
            "dev_images_per_identity of the generated faces must be >= 1, got 0",
        ),
        ({"image_size_px": 8}, "image_size_px of the generated faces must be >= 16, got 8"),
        ({"num_val_pairs": 21}, "num_val_pairs of the generated faces must be even"),
        # 6 people with 4 images make 6 * 6 = 36 same pairs, and half of 74 is 37.
        (
            {"num_test_pairs": 74, "num_val_pairs": 36},
            "6 identities with 4 images each make 36 pairs of a kind",
        ),
    ],
)
def test_impossible_sizes_are_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        replace(SIZE, **changes)


def test_the_default_size_is_the_documented_one() -> None:
    size = EmbeddedSize()
    # 48 classes of 20 + 4 + 4 images and 40 more people of 8: 48 * 28 + 40 * 8 = 1664.
    assert size.num_images == len(draw_plan(size, 0, "folders").shots) == 1664
    assert (size.num_val_identities, size.num_test_identities) == (13, 27)


def test_the_marker_tells_how_the_data_was_made(folders_root: Path) -> None:
    marker = json.loads((folders_root / "embedded.json").read_text())
    assert (marker["seed"], marker["layout"], marker["num_identities"]) == (3, "folders", 12)
