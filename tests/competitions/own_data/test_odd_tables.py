"""Tables that a plain reading takes wrongly: flags, labels of different pairs, whole numbers, addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.competitions.inspection import inspect_folder, settings_text
from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.competitions.own_data.guess import guess_settings
from kaggle_face.competitions.sizing import Machine
from kaggle_face.errors import ConfigError
from kaggle_face.records import CompetitionData
from tests.support.own_shapes import draw, write

NAMES = ("Ann", "Bob", "Zoe")


def read(root: Path, **answers: str) -> CompetitionData:
    return inspect_folder("mine", root, Answers(**answers)).data


def put(root: Path, folder: str, count: int) -> list[tuple[str, int]]:
    """Pictures of three people in turn, and the name and the person of each."""
    names = [(f"{folder}/{number}{'abc'[number % 3]}.jpg", number % 3) for number in range(count)]
    for name, person in names:
        draw(root / name, person, len(folder) + int(name.split("/")[1][0]))
    return names


def split_of(data: CompetitionData) -> dict[str, str]:
    return dict(zip(data.faces.image_ids.tolist(), data.faces.splits.tolist(), strict=True))


@pytest.mark.parametrize(("column", "no", "yes"), [("is_test", "False", "True"), ("Test", "0", "1")])
def test_a_flag_of_test_images_is_a_split(tmp_path: Path, column: str, no: str, yes: str) -> None:
    rows = [f"{name},{NAMES[person]},{no}" for name, person in put(tmp_path, "x", 9)]
    rows += [f"{name},{NAMES[person]},{yes}" for name, person in put(tmp_path, "yy", 3)]
    write(tmp_path / "all.csv", f"file,name,{column}", *rows)
    found = split_of(read(tmp_path))
    assert {found[name] for name in found if name.startswith("x/")} == {"train"}
    assert {found[name] for name in found if name.startswith("yy/")} == {"test"}


def test_a_flag_of_training_images_leaves_a_question(tmp_path: Path) -> None:
    rows = [f"{name},{NAMES[person]},1" for name, person in put(tmp_path, "x", 9)]
    rows += [f"{name},{NAMES[person]},0" for name, person in put(tmp_path, "yy", 3)]
    write(tmp_path / "all.csv", "file,name,is_train", *rows)
    question = r"'0' of the column 'is_train' may be dev or test; .*'is_train:1=train,0=test'"
    with pytest.raises(ConfigError, match=question):
        read(tmp_path)
    assert [*split_of(read(tmp_path, split_column="is_train:1=train,0=dev")).values()].count("dev") == 3


@pytest.mark.parametrize("column", ["different", "is_impostor", "mismatch"])
def test_true_means_two_people_in_a_column_of_different_pairs(tmp_path: Path, column: str) -> None:
    write(tmp_path / "train.csv", "image,name", *(f"{n},{NAMES[p]}" for n, p in put(tmp_path, "x", 9)))
    pictures = put(tmp_path, "pairs", 6)
    couples = [(a, b) for place, a in enumerate(pictures) for b in pictures[:place]]
    rows = [f"{a},{b},{int(p != q)}" for (a, p), (b, q) in couples]
    write(tmp_path / "dev.csv", f"a,b,{column}", *rows)
    pairs = read(tmp_path).dev_pairs
    assert pairs.labels.tolist() == [int(p == q) for (_, p), (_, q) in couples]


def test_whole_numbers_with_a_point_are_the_labels_of_the_sample(tmp_path: Path) -> None:
    rows = [f"{name},{person + 3}.0" for name, person in put(tmp_path, "x", 9)]
    write(tmp_path / "train.csv", "image,label", *rows)
    write(tmp_path / "sample_submission.csv", "image,label", *(f"{n},3" for n, _ in put(tmp_path, "test", 3)))
    inspection = inspect_folder("mine", tmp_path, None)
    assert inspection.data.classes.submitted.tolist() == ["3", "4", "5"]
    assert inspection.guess is not None
    assert any(
        "label (3.0, 4.0, 5.0) names their identities, 3.0 read as 3" in x for x in inspection.guess.lines
    )


def test_addresses_lose_what_stands_before_the_path(tmp_path: Path) -> None:
    rows = [f"https://host.org/pics/{name},{NAMES[person]}" for name, person in put(tmp_path, "x", 9)]
    write(tmp_path / "train.csv", "url,label", *rows)
    data = read(tmp_path)
    assert data.faces.image_ids.tolist() == [f"x/{number}{'abc'[number % 3]}.jpg" for number in range(9)]
    assert data.classes.names.tolist() == [*NAMES]


def test_a_sample_without_a_header_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "image,name", *(f"{n},{NAMES[p]}" for n, p in put(tmp_path, "x", 9)))
    write(tmp_path / "sample_submission.csv", *(f"{name},Ann" for name, _ in put(tmp_path, "test", 3)))
    with pytest.raises(ConfigError, match=r"its first line 'test/0a.jpg,Ann' is a row and not a header"):
        read(tmp_path)


def test_a_sample_of_probes_is_that_of_the_gallery(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "image,name", *(f"{n},{NAMES[p]}" for n, p in put(tmp_path, "x", 9)))
    write(tmp_path / "gallery.csv", "image,name", *(f"{n},{NAMES[p]}" for n, p in put(tmp_path, "known", 6)))
    probes = [name for name, _ in put(tmp_path, "asked", 4)]
    write(tmp_path / "probes.csv", "image", *probes)
    write(tmp_path / "sample_submission.csv", "image,name", *(f"{name},unknown" for name in probes))
    data = read(tmp_path)
    assert len(data.test_rows) == 0 and data.test_gallery is not None
    assert data.test_gallery.probe_ids.tolist() == probes
    assert data.test_gallery.no_match == "unknown"


def test_valid_in_most_rows_may_mean_rows_of_use(tmp_path: Path) -> None:
    rows = [
        f"{name},{NAMES[person]},{int(place != 4)}"
        for place, (name, person) in enumerate(put(tmp_path, "x", 9))
    ]
    write(tmp_path / "all.csv", "file,name,valid", *rows)
    question = (
        r"'1' of the column 'valid' is in .* 'valid:1=dev,0=train' or --split-column 'valid:1=train,0=skip'"
    )
    with pytest.raises(ConfigError, match=question):
        read(tmp_path)
    assert len(read(tmp_path, split_column="valid:1=train,0=skip").faces.of_split("train")) == 8


def test_splits_numbered_from_1_are_a_question(tmp_path: Path) -> None:
    rows = [f"{name},{NAMES[person]},1" for name, person in put(tmp_path, "x", 9)]
    rows += [f"{name},{NAMES[person]},2" for name, person in put(tmp_path, "yy", 3)]
    write(tmp_path / "all.csv", "file,name,set", *rows)
    with pytest.raises(ConfigError, match=r"'1' of the column 'set' .* --split-column 'set:1=train,2=test'"):
        read(tmp_path)
    assert [*split_of(read(tmp_path, split_column="set:1=train,2=test")).values()].count("test") == 3


def test_a_column_of_nothing_without_a_name_is_not_named(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", "image,name,", *(f"{n},{NAMES[p]}," for n, p in put(tmp_path, "x", 9)))
    assert guess_settings(tmp_path, Answers()).alternatives == []


def test_names_of_images_in_other_capitals_are_found_with_a_note(tmp_path: Path) -> None:
    rows = [f"{name.rpartition('/')[2].upper()},{NAMES[person]}" for name, person in put(tmp_path, "x", 9)]
    write(tmp_path / "t.csv", "image,name", *rows)
    data = read(tmp_path)
    assert data.faces.image_ids.tolist() == [f"x/{number}{'abc'[number % 3]}.jpg" for number in range(9)]
    assert (
        "9 of 9 images of t.csv are found with other capital letters, first: 0A.JPG is x/0a.jpg" in data.notes
    )


def test_places_among_the_sorted_names_are_a_comment_of_classification_alone(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", "image,name", *(f"{n},{NAMES[p]}" for n, p in put(tmp_path, "x", 9)))
    machine = Machine("", 2)
    assert "# submitted: index" not in settings_text(inspect_folder("mine", tmp_path, Answers()), machine)
    put(tmp_path, "test", 3)
    assert "# submitted: index" in settings_text(
        inspect_folder("mine", tmp_path, Answers(test="test")), machine
    )
