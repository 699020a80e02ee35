from __future__ import annotations

import os

import numpy as np
import pytest

from kaggle_face.competitions.reading import submission_formats
from kaggle_face.competitions.submission.formats import SubmissionFormats
from kaggle_face.competitions.submission.tables import (
    classification_columns,
    fill_table,
    verification_columns,
)
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.config.schema import SubmitConfig
from kaggle_face.errors import ConfigError, DataError
from kaggle_face.records import CompetitionData, PairScores, Predictions


def formats() -> SubmissionFormats:
    slug = "11785-hw-2-p-2-face-verification-spring-2025"
    return submission_formats(None, CompetitionConfig(slug=slug), SubmitConfig())  # type: ignore[arg-type]


def label_of(data: CompetitionData, image_id: str) -> str:
    label = data.faces.labels[data.faces.image_ids.tolist().index(image_id)]
    return "" if label < 0 else str(data.classes.names[label])


def test_classes_of_a_label_file_are_numbered_as_numbers(labelled_splits):
    data = labelled_splits.read()
    assert data.classes.names.tolist() == ["9", "10"]
    assert data.classes.submitted.tolist() == ["9", "10"]
    assert label_of(data, "cls_data/train/images/a/1.jpg") == "10"
    assert label_of(data, "cls_data/dev/images/1.jpg") == "9"


def test_classes_of_folders_are_numbered_as_text(class_folders):
    data = class_folders.read()
    assert data.classes.names.tolist() == ["n0010", "n009"]
    assert data.classes.submitted.tolist() == ["0", "1"]
    assert label_of(data, "cls_data/dev/n009/2.jpg") == "n009"


def test_every_image_has_its_split(labelled_splits):
    faces = labelled_splits.read().faces
    counts = {split: int((faces.splits == split).sum()) for split in ("train", "dev", "test", "verification")}
    assert counts == {"train": 4, "dev": 2, "test": 2, "verification": 4}


def test_pairs_are_called_by_their_row(labelled_splits):
    data = labelled_splits.read()
    assert data.test_pairs.pair_ids.tolist() == ["0", "1", "2"]
    assert data.test_pairs.first_ids.tolist() == ["ver_data/s.jpg", "ver_data/q.jpg", "ver_data/p.jpg"]
    assert data.test_pairs.second_ids.tolist() == ["ver_data/p.jpg", "ver_data/r.jpg", "ver_data/s.jpg"]
    assert data.dev_pairs.labels.tolist() == [1, 0]
    assert not data.test_pairs.are_labelled


def test_test_images_are_ordered_by_number(labelled_splits):
    rows = labelled_splits.read().test_rows
    assert rows.row_ids.tolist() == ["9.jpg", "10.jpg"]
    assert rows.image_ids.tolist() == ["cls_data/test/images/9.jpg", "cls_data/test/images/10.jpg"]


def test_the_verification_csv_has_the_columns_of_the_competition(labelled_splits):
    data = labelled_splits.read()
    shuffled = PairScores(np.array(["2", "0", "1"]), np.array([0.25, 0.7551831603050232, -0.5], np.float32))
    table = fill_table(formats().of_task("verification"), [verification_columns(data, shuffled)])
    assert table.columns == ("ID", "Label")
    assert table.cells["ID"].tolist() == ["0", "1", "2"]
    assert table.cells["Label"].tolist() == ["0.755183", "-0.500000", "0.250000"]


def test_the_submitted_label_is_the_integer_of_the_label_file(labelled_splits):
    data = labelled_splits.read()
    names = np.array(["10", "9"])  # another order than the competition's
    logits = np.array([[0.0, 1.0], [2.0, 1.0]], np.float32)
    ids = np.array(["cls_data/test/images/10.jpg", "cls_data/test/images/9.jpg"])
    table = fill_table(
        formats().of_task("classification"), [classification_columns(data, Predictions(ids, logits, names))]
    )
    assert table.cells["id"].tolist() == ["9.jpg", "10.jpg"]
    assert table.cells["label"].tolist() == ["10", "9"]


def test_val_stands_for_dev(labelled_splits):
    (labelled_splits.root / "cls_data/dev").rename(labelled_splits.root / "cls_data/val")
    data = labelled_splits.read()
    assert (data.faces.splits == "dev").sum() == 2
    assert label_of(data, "cls_data/val/images/1.jpg") == "9"


def test_a_dev_split_without_labels_is_read_with_a_note(labelled_splits):
    data = labelled_splits.remove("cls_data/dev/labels.txt").read()
    assert label_of(data, "cls_data/dev/images/1.jpg") == ""
    assert "cls_data/dev/labels.txt is missing: these images have no label" in data.notes


def test_a_training_split_without_labels_is_refused(labelled_splits):
    labelled_splits.remove("cls_data/train/labels.txt")
    with pytest.raises(DataError, match=r"cls_data/train/labels.txt is missing: the training images have no"):
        labelled_splits.read(variant="s25")


def test_a_test_split_with_labels_keeps_the_order_of_its_list(labelled_splits):
    labelled_splits.text("cls_data/test/labels.txt", "10.jpg 9", "9.jpg 10")
    data = labelled_splits.read()
    assert data.test_rows.row_ids.tolist() == ["10.jpg", "9.jpg"]
    assert label_of(data, "cls_data/test/images/9.jpg") == "10"


def test_pair_files_named_from_the_root_are_found(labelled_splits):
    labelled_splits.text("test_pairs.txt", "ver_data/s.jpg ver_data/p.jpg")
    data = labelled_splits.read()
    assert data.test_pairs.first_ids.tolist() == ["ver_data/s.jpg"]


def test_a_folder_one_level_further_down_is_found(labelled_splits):
    inner = labelled_splits.root.parent / "outer" / "hw2p2_data"
    inner.parent.mkdir()
    labelled_splits.root.rename(inner)
    labelled_splits.root.parent.joinpath("outer").rename(labelled_splits.root)
    data = labelled_splits.read()
    assert data.test_pairs.first_ids[0] == "hw2p2_data/ver_data/s.jpg"
    assert len(data.classes) == 2


def test_an_excluded_class_leaves_its_images_unlabelled_and_the_others_numbers_alone(class_folders):
    data = class_folders.read(exclude=["n0010"])
    assert data.classes.names.tolist() == ["n009"]
    assert data.classes.submitted.tolist() == ["1"]
    assert label_of(data, "cls_data/train/n0010/1.jpg") == ""


def test_an_excluded_class_that_does_not_exist_is_refused(class_folders):
    with pytest.raises(ConfigError, match=r"data.exclude names 'n008', .*did you mean 'n009'"):
        class_folders.read(exclude=["n008"])


def test_a_dev_class_that_is_not_trained_is_unlabelled_with_a_note(class_folders):
    class_folders.images("cls_data/dev/n0001/1.jpg")
    data = class_folders.read()
    assert data.classes.names.tolist() == ["n0010", "n009"]
    assert label_of(data, "cls_data/dev/n0001/1.jpg") == ""
    assert any("1 class of the dev images is not in the training set, first: n0001" in n for n in data.notes)


def test_an_identity_with_one_image_is_noted(class_folders):
    data = class_folders.remove("cls_data/train/n009/1.jpg").read()
    assert "1 of 2 identities has one training image, first: n009" in data.notes


def test_an_empty_class_folder_is_refused(class_folders):
    (class_folders.root / "cls_data/train/n000").mkdir()
    with pytest.raises(DataError, match=r"cls_data/train: 1 of 3 class folders holds no image .*first: n000"):
        class_folders.read()


def test_a_label_of_an_image_that_does_not_exist_is_refused(labelled_splits):
    labelled_splits.text("cls_data/train/labels.txt", "a/1.jpg 10", "c/7.jpg 9")
    with pytest.raises(
        DataError, match=r"train/labels.txt:2: 1 of 2 named images does not exist, first: c/7.jpg"
    ):
        labelled_splits.read()


def test_training_images_without_a_line_are_noted(labelled_splits):
    labelled_splits.text("cls_data/train/labels.txt", "a/1.jpg 10", "a/2.jpg 10", "b/1.jpg 9")
    data = labelled_splits.read()
    assert any("1 of 4 images of cls_data/train is not in labels.txt" in note for note in data.notes)
    assert label_of(data, "cls_data/train/images/b/2.jpg") == ""


def test_a_pair_of_a_missing_image_is_refused_with_its_line(labelled_splits):
    labelled_splits.text("test_pairs.txt", "s.jpg p.jpg", "q.jpg x.jpg", "y.jpg x.jpg")
    with pytest.raises(DataError, match=r"test_pairs.txt:2: 2 of 5 named images do not exist, first: x.jpg"):
        labelled_splits.read()


def test_missing_pair_lists_are_noted(labelled_splits):
    data = labelled_splits.remove("val_pairs.txt").read()
    assert len(data.dev_pairs) == 0
    assert "there is no val_pairs.txt" in data.notes


def test_repeated_test_pairs_are_each_scored(labelled_splits):
    labelled_splits.text("test_pairs.txt", "s.jpg p.jpg", "q.jpg r.jpg", "s.jpg p.jpg")
    data = labelled_splits.read()
    assert data.test_pairs.pair_ids.tolist() == ["0", "1", "2"]
    assert any("1 pair appears twice, first: line 3; each is scored" in note for note in data.notes)


def test_pairs_that_contradict_each_other_are_refused(labelled_splits):
    labelled_splits.text("val_pairs.txt", "p.jpg q.jpg 1", "r.jpg p.jpg 0", "p.jpg q.jpg 0")
    with pytest.raises(
        DataError, match=r"val_pairs.txt:3: 'p.jpg q.jpg' has the label 0 here and 1 in line 1"
    ):
        labelled_splits.read()


def test_training_images_whose_label_file_is_lost_are_no_class_folders(labelled_splits):
    with pytest.raises(DataError, match=r"cls_data/train/labels\.txt is missing"):
        labelled_splits.remove("cls_data/train/labels.txt").read()


def test_a_test_folder_for_each_identity_is_labelled(class_folders):
    class_folders.images(
        "cls_data/test/n009/1.jpg", "cls_data/test/n0010/2.jpg", "cls_data/test/n0010/a/3.jpg"
    )
    data = class_folders.read()
    assert data.test_rows.row_ids.tolist() == ["1.jpg", "2.jpg", "3.jpg"]
    assert data.classes.names[data.labelled_test.labels].tolist() == ["n009", "n0010", "n0010"]


def test_names_that_stand_twice_in_test_folders_are_called_by_their_paths(class_folders):
    class_folders.images("cls_data/test/n009/1.jpg", "cls_data/test/n0010/1.jpg")
    rows = class_folders.read().test_rows
    assert sorted(rows.row_ids.tolist()) == ["cls_data/test/n0010/1.jpg", "cls_data/test/n009/1.jpg"]


def test_labels_beside_the_images_are_no_file_that_is_left_out(labelled_splits):
    for split in ("train", "dev", "test"):
        folder = labelled_splits.root / f"cls_data/{split}"
        for path in (folder / "images").iterdir():
            path.rename(folder / path.name)
        (folder / "images").rmdir()
    notes = labelled_splits.read(variant="s25").notes
    assert not any("left out" in note for note in notes)


def test_a_class_that_is_spelled_otherwise_in_dev_keeps_its_number(class_folders):
    class_folders.images("cls_data/train/Jos\u00e9/1.jpg", "cls_data/dev/Jose\u0301/1.jpg")
    data = class_folders.read(exclude=["Jose\u0301"])
    assert data.classes.names.tolist() == ["n0010", "n009"]
    data = class_folders.read()
    assert label_of(data, "cls_data/dev/Jose\u0301/1.jpg") == "Jos\u00e9"
    assert any("1 class of the dev images spells accents otherwise" in note for note in data.notes)


@pytest.mark.parametrize("spelled", ["Jos\u00e9", "Jose\u0301"])
def test_the_spelling_of_a_class_on_the_disk_changes_no_number(class_folders, spelled):
    """As text, "Jose" with its accent apart stands before "Josz", and after it with the accent joined."""
    class_folders.images(f"cls_data/train/{spelled}/1.jpg", "cls_data/train/Josz/1.jpg")
    classes = class_folders.read().classes
    numbers = dict(zip(classes.names.tolist(), classes.submitted.tolist(), strict=True))
    assert (numbers["Josz"], numbers[spelled]) == ("0", "1")


def test_test_rows_are_spelled_as_the_sample_spells_them(class_folders):
    class_folders.images("cls_data/test/Jose\u0301.jpg", "cls_data/test/b.jpg")
    class_folders.text("classification_sample_submission.csv", "id,label", "Jos\u00e9.jpg,0", "b.jpg,0")
    data = class_folders.read()
    assert sorted(data.test_rows.row_ids.tolist()) == ["Jos\u00e9.jpg", "b.jpg"]
    assert "cls_data/test/Jose\u0301.jpg" in data.test_rows.image_ids.tolist()


def test_a_list_in_place_of_which_there_is_a_pipe_is_refused(class_folders):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    class_folders.remove("val_pairs.txt")
    os.mkfifo(class_folders.root / "val_pairs.txt")
    with pytest.raises(DataError, match=r"val_pairs.txt is a pipe, not a file"):
        class_folders.read()
