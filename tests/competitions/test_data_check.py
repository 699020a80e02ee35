from __future__ import annotations

import io
import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image
from PIL.JpegImagePlugin import JpegImageFile

from kaggle_face.competitions.catalogue.known import competition_spec
from kaggle_face.competitions.data_check import (
    ImageFiles,
    SplitCount,
    check_disk,
    check_images,
    check_records,
    check_samples,
    count_splits,
    inspect_images,
)
from kaggle_face.competitions.files.folders import map_folder
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.progress import SilentProgress
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
    assert count_splits(labelled_splits.read()) == [
        SplitCount("train", images=4, labelled=4, classes=2),
        SplitCount("dev", images=2, labelled=2, classes=2),
        SplitCount("test", images=2, labelled=0, classes=0),
        SplitCount("verification", images=4, labelled=0, classes=0),
    ]


def test_missing_test_pairs_are_a_problem_where_they_are_the_task(labelled_splits):
    data = labelled_splits.remove("test_pairs.txt").read()
    spec = competition_spec("11785-hw-2-p-2-face-verification-fall-2025")
    assert texts(check_records(data, spec), "problem") == ["there are no test pairs and no gallery"]
    assert texts(check_records(data, None), "problem") == []


def test_an_unbalanced_training_set_is_noted(class_folders):
    class_folders.images(*(f"cls_data/train/n009/more{place}.jpg" for place in range(40)))
    notes = texts(check_records(class_folders.read(), None), "note")
    assert (
        "images per class: 2 to 42, median 22; a balanced sampler or margin.by_class_size may help" in notes
    )


def test_a_picture_in_two_splits_is_noted_and_one_within_a_split_is_not():
    faces = faces_of(["train", "train", "dev", "test"], [0, 0, 0, -1])
    findings = check_images(faces, files_of(["a", "b", "a", "c"]), image_size=8)
    assert texts(findings, "note") == ["1 picture is in train and in dev byte for byte, first: 0.jpg"]
    findings = check_images(faces, files_of(["a", "a", "b", "c"]), image_size=8)
    assert texts(findings, "note") == []


def test_a_picture_with_two_labels_is_a_problem():
    findings = check_images(faces_of(["train", "train"], [0, 1]), files_of(["a", "a"]), image_size=8)
    assert texts(findings, "problem") == ["1 picture has two labels, first: 0.jpg"]


def test_unreadable_images_are_no_duplicates_of_each_other():
    files = files_of(["", "", "a"], ["truncated", "truncated", ""])
    findings = check_images(faces_of(["train", "dev", "test"], [0, 0, -1]), files, image_size=8)
    assert texts(findings, "note") == []
    assert texts(findings, "problem") == [
        "2 of 3 images cannot be read, first: 0.jpg (truncated); data.broken_images=skip leaves them out"
    ]


def test_enlarging_images_is_noted():
    findings = check_images(faces_of(["train"], [0]), files_of(["a"], side=32), image_size=112)
    assert texts(findings, "note") == [
        "longer sides of 32 to 32 pixels; data.image_size=112 enlarges most of them"
    ]


def test_a_stale_sample_is_noted(thumbnails):
    names = [f"{number}.jpg" for number in range(40)]
    thumbnails.images(*(f"test_classification/medium/{name}" for name in names))
    thumbnails.text("test_order_classification.txt", *names)
    thumbnails.text("sample_submission.csv", "Id,Category", *(f"{name},0" for name in names[1:]))
    findings = check_samples(map_folder(thumbnails.root), thumbnails.read())
    assert texts(findings, "note") == [
        "sample_submission.csv is stale: 1 row of the test files is not in it, first: 0.jpg; "
        "the test files' rows are written"
    ]


def test_a_sample_with_rows_of_no_test_file_is_a_problem(thumbnails):
    rows = [f"{number}.jpg,0" for number in (5000, 5001, 900, 901)]
    thumbnails.text("sample_submission.csv", "Id,Category", *rows)
    (problem,) = texts(check_samples(map_folder(thumbnails.root), thumbnails.read()), "problem")
    assert "1 of 4 rows is of no test file, first: 901.jpg" in problem


def test_a_sample_of_a_format_that_the_settings_describe_is_compared_with_it(labelled_splits):
    labelled_splits.text("sample_submission.csv", "id,a,b", "x9,0,0", "x10,0,0")
    tree, data = map_folder(labelled_splits.root), labelled_splits.read()
    form = table_format("classification", ("id", "a", "b"), ("x{stem}", "{label}", "0"))
    assert texts(check_samples(tree, data), "good") == []
    assert texts(check_samples(tree, data, SubmissionFormats(form)), "good") == [
        "sample_submission.csv has the rows of the test files (2)"
    ]


def test_pictures_of_several_frames_are_counted():
    files = replace(files_of(["a", "b"]), are_animated=np.array([False, True]))
    findings = check_images(faces_of(["train", "train"], [0, 1]), files, image_size=8)
    assert texts(findings, "note") == [
        "1 of 2 pictures has several frames, of which the first is taken, first: 1.jpg"
    ]


def test_a_fitting_sample_is_good(labelled_splits):
    labelled_splits.text("sample_submission.csv", "ID,Label", "0,0", "1,0", "2,0")
    findings = check_samples(map_folder(labelled_splits.root), labelled_splits.read())
    assert texts(findings, "good") == ["sample_submission.csv has the rows of the test files (3)"]


def test_a_full_disk_is_a_problem():
    assert check_disk(Path("packs"), 1, 8).level == "good"
    assert check_disk(Path("packs"), 10**12, 1024).level == "problem"


def encoded(mode: str, size: tuple[int, int], form: str) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, form)
    return stream.getvalue()


@pytest.fixture
def image_files(tree):
    tree.content("good.jpg", encoded("RGB", (12, 8), "JPEG"))
    tree.content("grey.png", encoded("L", (5, 6), "PNG"))
    tree.content("same.jpg", encoded("RGB", (12, 8), "JPEG"))
    tree.content("cut.jpg", encoded("RGB", (64, 64), "JPEG")[:-50])
    tree.content("empty.jpg", b"").content("text.jpg", b"not a picture")
    names = np.array(["good.jpg", "grey.png", "same.jpg", "cut.jpg", "empty.jpg", "text.jpg", "gone.jpg"])
    return inspect_images(tree.root, names, workers=3, progress=SilentProgress())


def test_unreadable_files_are_found_whatever_is_wrong_with_them(image_files):
    assert image_files.broken_ids.tolist() == ["cut.jpg", "empty.jpg", "text.jpg", "gone.jpg"]


def test_sizes_and_colour_modes_are_told(image_files):
    assert image_files.widths.tolist()[:3] == [12, 5, 12]
    assert image_files.heights.tolist()[:3] == [8, 6, 8]
    assert image_files.modes.tolist()[:3] == ["RGB", "L", "RGB"]


def test_the_same_bytes_have_the_same_hash(image_files):
    assert image_files.hashes[0] == image_files.hashes[2] != image_files.hashes[1]


def test_a_truncated_image_is_named_so(image_files):
    assert "truncated" in image_files.problems[3]


def test_what_is_no_picture_is_told_in_words(image_files):
    assert image_files.problems[4:6].tolist() == ["the file is empty", "not a picture"]
    assert image_files.problems[6] == "there is no such file"


@pytest.mark.parametrize("error", [struct.error("unpack requires 4 bytes"), IndexError("out of range")])
def test_no_error_of_a_decoder_stops_it(tree, monkeypatch, error):
    def failing(image: Image.Image) -> None:
        raise error

    tree.content("odd.jpg", encoded("RGB", (8, 8), "JPEG"))
    monkeypatch.setattr(JpegImageFile, "load", failing)
    image_files = inspect_images(tree.root, np.array(["odd.jpg"]), workers=1, progress=SilentProgress())
    assert image_files.problems.tolist() == [str(error)]


def test_only_regular_files_of_known_formats_are_opened(tree, monkeypatch):
    """An EPS file would start Ghostscript, and a pipe would be waited for."""

    def started(*_, **__):
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    tree.content("evil.jpg", encoded("RGB", (8, 8), "EPS")).content("large.jpg", b"")
    os.truncate(tree.root / "large.jpg", 300 * 2**20)
    names = ["evil.jpg", "large.jpg"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tree.root / "pipe.jpg")
        names.append("pipe.jpg")
    image_files = inspect_images(tree.root, np.array(names), workers=1, progress=SilentProgress())
    assert (
        image_files.problems.tolist()
        == ["not a picture", "the file is too large", "it is not a file"][: len(names)]
    )
