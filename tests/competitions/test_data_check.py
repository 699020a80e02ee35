from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from kaggle_face.competitions.catalogue.known import competition_spec
from kaggle_face.competitions.data_check import (
    check_disk,
    compare_samples,
    find_data_troubles,
    find_image_troubles,
    split_counts,
)
from kaggle_face.competitions.files.folders import map_folder
from kaggle_face.competitions.image_check import ImageFiles
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.records import FaceTable


def files_of(hashes: list[str], problems: list[str] | None = None, side: int = 8) -> ImageFiles:
    count = len(hashes)
    return ImageFiles(
        image_ids=np.array([f"{place}.jpg" for place in range(count)]),
        hashes=np.array(hashes),
        widths=np.full(count, side),
        heights=np.full(count, side),
        modes=np.full(count, "RGB"),
        problems=np.array(problems or [""] * count),
    )


def faces_of(splits: list[str], labels: list[int]) -> FaceTable:
    ids = np.array([f"{place}.jpg" for place in range(len(splits))])
    return FaceTable(ids, np.array(labels, np.int64), np.array(splits))


def texts(findings, level):
    return [finding.text for finding in findings if finding.level == level]


def test_images_are_counted_by_split(labelled_splits):
    assert split_counts(labelled_splits.read()) == [
        ("train", "4", "4", "2"),
        ("dev", "2", "2", "2"),
        ("test", "2", "0", "0"),
        ("verification", "4", "0", "0"),
    ]


def test_missing_test_pairs_are_a_problem_where_they_are_the_task(labelled_splits):
    data = labelled_splits.remove("test_pairs.txt").read()
    spec = competition_spec("11785-hw-2-p-2-face-verification-fall-2025")
    assert texts(find_data_troubles(data, spec), "problem") == [
        "there are no test pairs and no gallery to answer"
    ]
    assert texts(find_data_troubles(data, None), "problem") == []


def test_an_unbalanced_training_set_is_noted(class_folders):
    class_folders.images(*(f"cls_data/train/n009/more{place}.jpg" for place in range(40)))
    notes = texts(find_data_troubles(class_folders.read(), None), "note")
    assert (
        "images per class: 2 to 42, median 22; a balanced sampler or margin.by_class_size may help" in notes
    )


def test_a_picture_in_two_splits_is_noted_and_one_within_a_split_is_not():
    faces = faces_of(["train", "train", "dev", "test"], [0, 0, 0, -1])
    findings = find_image_troubles(faces, files_of(["a", "b", "a", "c"]), image_size=8)
    assert texts(findings, "note") == ["1 pictures are in train and in dev byte for byte, first: 0.jpg"]
    findings = find_image_troubles(faces, files_of(["a", "a", "b", "c"]), image_size=8)
    assert texts(findings, "note") == []


def test_a_picture_with_two_labels_is_a_problem():
    findings = find_image_troubles(faces_of(["train", "train"], [0, 1]), files_of(["a", "a"]), image_size=8)
    assert texts(findings, "problem") == ["1 pictures have two labels, first: 0.jpg"]


def test_unreadable_images_are_no_duplicates_of_each_other():
    files = files_of(["", "", "a"], ["truncated", "truncated", ""])
    findings = find_image_troubles(faces_of(["train", "dev", "test"], [0, 0, -1]), files, image_size=8)
    assert texts(findings, "note") == []
    assert texts(findings, "problem") == [
        "2 of 3 images cannot be read, first: 0.jpg (truncated); data.broken_images=skip leaves them out"
    ]


def test_enlarging_images_is_noted():
    findings = find_image_troubles(faces_of(["train"], [0]), files_of(["a"], side=32), image_size=112)
    assert texts(findings, "note") == [
        "longer sides of 32 to 32 pixels; data.image_size=112 enlarges most of them"
    ]


def test_a_stale_sample_is_noted(thumbnails):
    names = [f"{number}.jpg" for number in range(40)]
    thumbnails.images(*(f"test_classification/medium/{name}" for name in names))
    thumbnails.text("test_order_classification.txt", *names)
    thumbnails.text("sample_submission.csv", "Id,Category", *(f"{name},0" for name in names[1:]))
    findings = compare_samples(map_folder(thumbnails.root), thumbnails.read())
    assert texts(findings, "note") == [
        "sample_submission.csv is stale: 1 rows of the test files are not in it, first: 0.jpg; "
        "the test files' rows are written"
    ]


def test_a_sample_with_rows_of_no_test_file_is_a_problem(thumbnails):
    rows = [f"{number}.jpg,0" for number in (5000, 5001, 900, 901)]
    thumbnails.text("sample_submission.csv", "Id,Category", *rows)
    (problem,) = texts(compare_samples(map_folder(thumbnails.root), thumbnails.read()), "problem")
    assert "1 of 4 rows are of no test file, first: 901.jpg" in problem


def test_a_sample_of_a_format_that_the_settings_describe_is_compared_with_it(labelled_splits):
    labelled_splits.text("sample_submission.csv", "id,a,b", "x9,0,0", "x10,0,0")
    tree, data = map_folder(labelled_splits.root), labelled_splits.read()
    form = table_format("classification", ("id", "a", "b"), ("x{stem}", "{label}", "0"))
    assert texts(compare_samples(tree, data), "good") == []
    assert texts(compare_samples(tree, data, SubmissionFormats(form)), "good") == [
        "sample_submission.csv has the rows of the test files (2)"
    ]


def test_pictures_of_several_frames_are_counted():
    files = replace(files_of(["a", "b"]), are_animated=np.array([False, True]))
    findings = find_image_troubles(faces_of(["train", "train"], [0, 1]), files, image_size=8)
    assert texts(findings, "note") == [
        "1 of 2 pictures have several frames, of which the first is taken, first: 1.jpg"
    ]


def test_a_fitting_sample_is_good(labelled_splits):
    labelled_splits.text("sample_submission.csv", "ID,Label", "0,0", "1,0", "2,0")
    findings = compare_samples(map_folder(labelled_splits.root), labelled_splits.read())
    assert texts(findings, "good") == ["sample_submission.csv has the rows of the test files (3)"]


def test_a_full_disk_is_a_problem():
    assert check_disk(Path("packs"), 1, 8).level == "good"
    assert check_disk(Path("packs"), 10**12, 1024).level == "problem"
