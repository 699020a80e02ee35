"""What a competition's records say about its CSVs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.competitions.submission.formats import (
    FormatPart,
    SubmissionFormat,
    SubmissionFormats,
    table_format,
)
from kaggle_face.competitions.submission.tables import (
    classification_columns,
    fill_table,
    gallery_columns,
    verification_columns,
)
from kaggle_face.errors import SubmissionError
from kaggle_face.records import (
    ClassTable,
    CompetitionData,
    FaceTable,
    Gallery,
    Pairs,
    PairScores,
    Predictions,
    RowList,
    no_pairs,
)
from kaggle_face.submission.checks import check_table
from kaggle_face.submission.expectations import Labels, Scores, expected_table, sample_of

IMAGES = np.array(["test/0.jpg", "test/1.jpg", "known/n1/a.jpg"])
CLASSES = ClassTable(np.array(["n000002", "n000009"]), np.array(["0", "1"]))
FORM = table_format("classification", ["id", "label"], ["{id}", "{label}"])
PAIR_FORM = table_format("verification", ["ID", "Label"], ["{row}", "{score}"])
DATA = CompetitionData(
    faces=FaceTable(IMAGES, np.full(3, -1), np.array(["test", "test", "verification"])),
    classes=CLASSES,
    test_rows=RowList(np.array(["0.jpg", "1.jpg"]), IMAGES[:2]),
    dev_pairs=no_pairs(),
    test_pairs=Pairs(np.array(["p", "q"]), IMAGES[:2], IMAGES[1::-1], np.array([-1, -1])),
)
PREDICTIONS = Predictions(IMAGES[:2], np.array([[1.0, 0.0], [0.0, 1.0]]), CLASSES.names)


def test_the_table_of_a_task_fulfils_its_own_expectation():
    table = fill_table(FORM, [classification_columns(DATA, PREDICTIONS)])
    assert check_table(table, expected_table(DATA, FORM)).rows == 2
    scores = PairScores(np.array(["p", "q"]), np.array([0.1, 0.2]))
    assert (
        check_table(
            fill_table(PAIR_FORM, [verification_columns(DATA, scores)]), expected_table(DATA, PAIR_FORM)
        ).rows
        == 2
    )


def test_labels_are_those_that_are_submitted():
    (block,) = expected_table(DATA, FORM).blocks
    assert isinstance(block.rules[1], Labels)
    assert block.rules[1].allowed.tolist() == ["0", "1"]
    with pytest.raises(SubmissionError, match="not among the 2 classes"):
        table = fill_table(FORM, [classification_columns(DATA, PREDICTIONS)])
        check_table(replace(table, cells={**table.cells, "label": CLASSES.names}), expected_table(DATA, FORM))


def test_a_combined_file_has_a_block_for_each_task():
    parts = (
        FormatPart("classification", ("cls_{row}", "{label}")),
        FormatPart("verification", ("ver_{row}", "{score}")),
    )
    expected = expected_table(DATA, SubmissionFormat(("ID", "Label"), parts))
    assert expected.row_ids.tolist() == ["cls_0", "cls_1", "ver_0", "ver_1"]
    assert [block.rows for block in expected.blocks] == [2, 2]
    assert [type(block.rules[1]) for block in expected.blocks] == [Labels, Scores]


def test_a_column_of_one_text_for_all_rows_may_be_empty():
    form = table_format("classification", ["id", "label", "usage"], ["{id}", "{label}", ""])
    (block,) = expected_table(DATA, form).blocks
    assert block.fixed == {2}
    table = fill_table(form, [classification_columns(DATA, PREDICTIONS)])
    assert check_table(table, expected_table(DATA, form)).rows == 2


def test_a_gallery_allows_its_names_and_the_label_of_nobody():
    gallery = Gallery(
        IMAGES[2:], np.array(["n1"]), np.array(["0", "1"]), IMAGES[:2], np.array(["", ""]), "n000000"
    )
    data = replace(DATA, test_gallery=gallery)
    form = table_format("verification", ["id", "label"], ["{id}", "{label}"])
    expected = expected_table(data, form)
    good = fill_table(form, [gallery_columns(data, np.array(["0", "1"]), np.array(["n1", "n000000"]))])
    assert check_table(good, expected).rows == 2
    bad = fill_table(form, [gallery_columns(data, np.array(["0", "1"]), np.array(["n1", "n5"]))])
    with pytest.raises(SubmissionError, match="'n5' in row 1"):
        check_table(bad, expected)


def test_a_format_that_calls_an_image_by_the_name_of_another_is_refused():
    images = np.array(["test/1.jpg", "test/2.jpg", "known/n1/a.jpg"])
    faces = replace(DATA.faces, image_ids=images)
    rows = RowList(np.array(["1.jpg", "2.jpg"]), images[:2])
    data = replace(DATA, faces=faces, test_rows=rows, test_pairs=no_pairs())
    form = table_format("classification", ["id", "label"], ["{row}.jpg", "{label}"])
    with pytest.raises(
        SubmissionError, match=r"1 of 2 rows would carry the name of another picture \(\{row\}"
    ):
        expected_table(data, form)
    for cell in ("{name}", "{id}", "{row}", "img_{row}.jpg"):
        form = table_format("classification", ["id", "label"], [cell, "{label}"])
        assert len(expected_table(data, form).row_ids) == 2


def make_files(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("id,label\n")


@pytest.mark.parametrize(
    ("names", "tasks", "expected"),
    [
        (["sample_submission.csv"], ["verification"], "sample_submission.csv"),
        (["ver/hw2p2_sample_submission.csv"], ["verification"], "ver/hw2p2_sample_submission.csv"),
        (
            ["classification_sample_submission.csv", "verification_sample_submission.csv"],
            ["verification"],
            "verification_sample_submission.csv",
        ),
        (["classification_sample_submission.csv"], ["verification"], None),
        (["classification_sample_submission.csv"], ["classification", "verification"], None),
        (["sample_submission.csv"], ["classification", "verification"], "sample_submission.csv"),
        (["submission.csv"], ["verification"], None),
        # two archives side by side, each with a sample of the same name
        (
            ["s24-face-recognition/sample_submission.csv", "s24-face-verification/sample_submission.csv"],
            ["verification"],
            "s24-face-verification/sample_submission.csv",
        ),
        (
            ["s24-face-recognition/sample_submission.csv", "s24-face-verification/sample_submission.csv"],
            ["classification"],
            "s24-face-recognition/sample_submission.csv",
        ),
    ],
)
def test_the_sample_of_a_task(tmp_path, names, tasks, expected):
    make_files(tmp_path, *names)
    assert sample_of(tmp_path, tasks) == (None if expected is None else tmp_path / expected)


def test_a_sample_that_names_no_task_is_that_of_the_csv_whose_columns_it_has(tmp_path):
    formats = SubmissionFormats(FORM, PAIR_FORM)  # id,label and ID,Label
    sample = tmp_path / "sample_submission.csv"
    sample.write_text("ID,Label\n0,0.5\n1,0.5\n")
    assert sample_of(tmp_path, ["verification"], formats) == sample
    assert sample_of(tmp_path, ["classification"], formats) is None
    alone = SubmissionFormats(FORM)
    assert sample_of(tmp_path, ["classification"], alone) == sample  # and its columns are refused
    sample.write_text("image,answer\n0,0.5\n")
    for task in ("classification", "verification"):
        assert sample_of(tmp_path, [task], formats) == sample


def test_junk_is_no_sample(tmp_path):
    make_files(tmp_path, "__MACOSX/._sample_submission.csv", "@eaDir/sample_submission.csv")
    assert sample_of(tmp_path, ["verification"]) is None


def test_a_folder_that_is_not_there_has_no_sample(tmp_path):
    assert sample_of(tmp_path / "nothing", ["verification"]) is None
