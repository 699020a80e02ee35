from __future__ import annotations

import pytest

from kaggle_face.competitions.reading import read_competition, submission_formats
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.config.schema import SubmitConfig
from kaggle_face.errors import DataError
from kaggle_face.synthetic import dataset as embedded

EVERY_LAYOUT = [
    "thumbnails",
    "listed_pairs",
    "csv_pairs",
    "known_people",
    "class_folders",
    "labelled_splits",
    "families",
    "whales",
]


@pytest.mark.parametrize("fixture", EVERY_LAYOUT)
def test_hidden_files_and_others_suffixes_change_nothing(request, fixture):
    tree = request.getfixturevalue(fixture)
    before = tree.read()
    for image_id in before.faces.image_ids.tolist():
        folder = image_id.rpartition("/")[0]
        tree.content(f"{folder}/.hidden.jpg", b"").content(f"{folder}/Thumbs.db", b"")
    assert tree.read().faces.image_ids.tolist() == before.faces.image_ids.tolist()


def test_the_same_folder_is_read_the_same(labelled_splits):
    first, second = labelled_splits.read(), labelled_splits.read()
    assert first.faces.image_ids.tolist() == second.faces.image_ids.tolist()
    assert first.test_pairs.pair_ids.tolist() == second.test_pairs.pair_ids.tolist()


def test_a_missing_folder_is_refused(tree):
    with pytest.raises(DataError, match=r"there is no folder .*data; check data.root, or download"):
        tree.read()


def test_an_archive_in_place_of_a_folder_is_refused(tree):
    tree.root.write_bytes(b"PK")
    with pytest.raises(DataError, match=r"data is a file; expected a folder"):
        tree.read()


def test_a_folder_that_cannot_be_read_is_refused(labelled_splits, monkeypatch):
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(DataError, match=r"the folder .*data cannot be read: Permission denied"):
        labelled_splits.read()


def test_the_demos_folder_is_drawn_where_it_is_missing(tmp_path, monkeypatch):
    def draw_three_people(root):
        size = embedded.EmbeddedSize(
            num_identities=3,
            train_images_per_identity=2,
            dev_images_per_identity=1,
            test_images_per_identity=1,
            num_verification_identities=6,
            images_per_verification_identity=2,
            num_val_pairs=2,
            num_test_pairs=2,
            image_size_px=32,
        )
        drawn(root, size)

    drawn = embedded.write_embedded_dataset
    monkeypatch.setattr(embedded, "write_embedded_dataset", draw_three_people)
    data = read_competition(tmp_path / "demo", CompetitionConfig())
    assert len(data.classes) == 3
    assert len(data.test_pairs) == 2
    assert data.test_rows.row_ids.tolist() == ["000000.jpg", "000001.jpg", "000002.jpg"]


def test_the_formats_of_a_known_slug_need_no_folder(tmp_path):
    formats = submission_formats(
        tmp_path / "gone", CompetitionConfig(slug="11785-s19-hw2p2-verification2"), SubmitConfig()
    )
    assert formats.of_task("classification").columns == ("id", "label")
    assert formats.of_task("verification").columns == ("trial", "score")


def test_the_formats_of_another_slug_follow_the_files(thumbnails):
    formats = submission_formats(thumbnails.root, CompetitionConfig(slug="mine"), SubmitConfig())
    assert formats.of_task("classification").columns == ("Id", "Category")


def test_png_and_upper_case_suffixes_are_read(class_folders):
    class_folders.images(
        "cls_data/train/n009/3.JPG", "cls_data/train/n009/4.png", "cls_data/train/n009/5.WebP"
    )
    names = [path.rpartition("/")[2] for path in class_folders.read().faces.of_split("train").image_ids]
    assert {"3.JPG", "4.png", "5.WebP"} <= set(names)


def test_a_list_that_names_another_suffix_finds_the_image_with_a_note(labelled_splits):
    root = labelled_splits.root
    (root / "ver_data/s.jpg").rename(root / "ver_data/s.PNG")
    data = labelled_splits.read()
    assert data.test_pairs.first_ids[0] == "ver_data/s.PNG"
    note = "1 of 4 images of test_pairs.txt has another suffix than is written there, first: s.jpg is s.PNG"
    assert note in data.notes


@pytest.mark.parametrize("name", ["../s.jpg", "/etc/s.jpg", "C:\\s.jpg", "x/../../s.jpg", "..\\s.jpg"])
def test_a_name_that_leaves_the_data_folder_is_refused(labelled_splits, name):
    labelled_splits.text("test_pairs.txt", "p.jpg q.jpg", f"{name} p.jpg")
    with pytest.raises(DataError, match=r"test_pairs.txt:2: .* leaves the data folder"):
        labelled_splits.read()


@pytest.mark.parametrize("name", ["./s.jpg", "x/../s.jpg", ".\\s.jpg"])
def test_a_roundabout_name_finds_its_image(labelled_splits, name):
    labelled_splits.text("test_pairs.txt", f"{name} p.jpg")
    assert labelled_splits.read().test_pairs.first_ids.tolist() == ["ver_data/s.jpg"]


def test_an_image_name_that_is_no_text_is_refused(class_folders):
    try:
        class_folders.images("cls_data/train/n009/\udce9.jpg")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes no such name")
    with pytest.raises(DataError, match=r"is not UTF-8 text; rename it"):
        class_folders.read()


DOUBLED = [
    ("thumbnails", ("train_data", "validation_classification", "test_classification", "test_verification")),
    ("thumbnails", ("train_data/medium", "train_data/large", "test_classification/medium")),
    ("listed_pairs", ("train_data", "val_data", "test_data", "verification_data")),
    ("known_people", ("{}-classification/train", "{}-classification/dev", "{}-classification/test")),
    (
        "known_people",
        ("{}-verification/known", "{}-verification/unknown_dev", "{}-verification/unknown_test"),
    ),
    ("labelled_splits", ("cls_data", "ver_data")),
    ("labelled_splits", ("cls_data/train/images", "cls_data/dev/images", "cls_data/test/images")),
    ("class_folders", ("cls_data/train", "cls_data/dev", "ver_data")),
    ("families", ("train", "test")),
    ("whales", ("train_images", "test_images")),
]


@pytest.mark.parametrize(("fixture", "folders"), DOUBLED)
def test_folders_that_an_archive_doubled_change_nothing(request, fixture, folders):
    tree = request.getfixturevalue(fixture)
    before = tree.read()
    for folder in (tree.root / name.format("11-785-f23-hw2p2") for name in folders):
        folder.rename(folder.with_name("moved"))
        folder.mkdir()
        folder.with_name("moved").rename(folder / folder.name)
    after = tree.read()
    assert after.notes == before.notes
    assert after.classes.names.tolist() == before.classes.names.tolist()
    assert sorted(after.faces.splits) == sorted(before.faces.splits)
    assert after.test_rows.row_ids.tolist() == before.test_rows.row_ids.tolist()
    assert (len(after.dev_pairs), len(after.test_pairs)) == (len(before.dev_pairs), len(before.test_pairs))


def test_of_two_folders_alike_the_one_that_is_read_is_named(class_folders):
    class_folders.images("old/cls_data/train/n1/1.jpg")
    data = class_folders.read()
    assert not any("places are called" in note for note in data.notes)  # cls_data/train is shallower
    outer = class_folders.root.parent / "outer"
    outer.mkdir()
    class_folders.root.rename(outer / "hw2p2")
    (outer / "hw2p2/old").rename(outer / "old")
    outer.rename(class_folders.root)
    notes = class_folders.read().notes
    assert "2 places are called cls_data/train: hw2p2/cls_data/train is read, not old/cls_data/train" in notes
