from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.competitions.submission.formats import (
    FormatPart,
    SubmissionFormat,
    SubmissionFormats,
    table_format,
    with_settings,
)
from kaggle_face.competitions.submission.tables import (
    SubmissionTable,
    classification_columns,
    fill_table,
    gallery_columns,
    row_ids,
    verification_columns,
)
from kaggle_face.config import parse_config
from kaggle_face.config.schema import SubmitConfig
from kaggle_face.errors import ConfigError, DataError, SubmissionError
from kaggle_face.records import PairScores, Predictions


@pytest.fixture
def data(labelled_splits):
    return labelled_splits.read()


@pytest.fixture
def predictions(data):
    """9.jpg shows class 10, 10.jpg class 9."""
    return Predictions(data.test_rows.image_ids, np.array([[0.0, 1.0], [1.0, 0.0]]), data.classes.names)


@pytest.fixture
def scores(data):
    return PairScores(data.test_pairs.pair_ids, np.array([0.25, -1.0, 1 / 3]))


def column(table: SubmissionTable, name: str) -> list[str]:
    return table.cells[name].tolist()


@pytest.mark.parametrize(
    ("template", "cells"),
    [
        ("{id}", ["9.jpg", "10.jpg"]),
        ("{row}", ["0", "1"]),
        ("{row:06d}.jpg", ["000000.jpg", "000001.jpg"]),
        ("{line}", ["0", "1"]),
        ("{name}", ["9.jpg", "10.jpg"]),
        ("{stem}", ["9", "10"]),
        ("{number:03d}", ["009", "010"]),
        ("{path}", ["cls_data/test/images/9.jpg", "cls_data/test/images/10.jpg"]),
        ("{label}", ["10", "9"]),
        ("{class_index}", ["1", "0"]),
        ("{class_name}", ["10", "9"]),
        ("{{{row}}}", ["{0}", "{1}"]),
        ("cls", ["cls", "cls"]),
        ("", ["", ""]),
    ],
)
def test_a_template_of_classification_is_filled(data, predictions, template, cells):
    form = table_format("classification", ("id", "x"), ("{row}", template))
    assert column(fill_table(form, [classification_columns(data, predictions)]), "x") == cells


@pytest.mark.parametrize(
    ("template", "cells"),
    [
        ("{score}", ["0.2500", "-1.0000", "0.3333"]),
        ("{distance}", ["0.7500", "2.0000", "0.6667"]),
        ("{score:.2e}", ["2.50e-01", "-1.00e+00", "3.33e-01"]),
        ("s={score}", ["s=0.2500", "s=-1.0000", "s=0.3333"]),
        ("{first} {second}", ["s.jpg p.jpg", "q.jpg r.jpg", "p.jpg s.jpg"]),
    ],
)
def test_a_template_of_verification_is_filled(data, scores, template, cells):
    part = FormatPart("verification", ("{id}", template))
    form = SubmissionFormat(("id", "x"), (part,), score_decimals=4)
    assert column(fill_table(form, [verification_columns(data, scores)]), "x") == cells


def test_rows_of_a_combined_file_are_numbered_through(data, predictions, scores):
    parts = (
        FormatPart("verification", ("{line}", "{score}")),
        FormatPart("classification", ("{line}", "{label}")),
    )
    form = SubmissionFormat(("ID", "Label"), parts, score_decimals=2)
    from kaggle_face.competitions.submission.tables import verification_columns

    answers = [classification_columns(data, predictions), verification_columns(data, scores)]
    table = fill_table(form, answers)
    assert column(table, "ID") == ["0", "1", "2", "3", "4"]
    assert column(table, "Label") == ["0.25", "-1.00", "0.33", "10", "9"]
    assert row_ids(data, form).tolist() == ["0", "1", "2", "3", "4"]


def test_a_combined_file_needs_both_answers(data, predictions):
    parts = (FormatPart("classification", ("{id}",)), FormatPart("verification", ("{id}",)))
    with pytest.raises(SubmissionError, match="has a verification part, for which nothing was predicted"):
        fill_table(SubmissionFormat(("ID",), parts), [classification_columns(data, predictions)])


def test_a_tie_goes_to_the_lower_class(data):
    predictions = Predictions(data.test_rows.image_ids, np.zeros((2, 2)), data.classes.names)
    form = table_format("classification", ("id", "label"), ("{id}", "{label}"))
    assert column(fill_table(form, [classification_columns(data, predictions)]), "label") == ["9", "9"]


def test_a_test_image_without_a_prediction_is_named(data):
    half = Predictions(data.test_rows.image_ids[:1], np.zeros((1, 2)), data.classes.names)
    form = table_format("classification", ("id", "label"), ("{id}", "{label}"))
    with pytest.raises(DataError, match=r"1 of 2 ids is not among the predictions, first: .*10.jpg"):
        fill_table(form, [classification_columns(data, half)])


def test_a_class_of_another_competition_is_named(data):
    foreign = Predictions(data.test_rows.image_ids, np.zeros((2, 2)), np.array(["9", "n000010"]))
    form = table_format("classification", ("id", "label"), ("{id}", "{label}"))
    with pytest.raises(DataError, match=r"1 of 2 ids is not among the classes of the competition, first: n0"):
        fill_table(form, [classification_columns(data, foreign)])


def test_a_network_of_fewer_classes_writes_their_labels(data):
    """As after data.exclude: the class that it does not know keeps its label for itself."""
    one = Predictions(data.test_rows.image_ids, np.zeros((2, 1)), np.array(["10"]))
    form = table_format("classification", ("id", "label"), ("{id}", "{label}"))
    assert column(fill_table(form, [classification_columns(data, one)]), "label") == ["10", "10"]


def test_pairs_have_no_gallery(data):
    form = table_format("verification", ("id", "label"), ("{id}", "{label}"))
    with pytest.raises(DataError, match="has no gallery of known identities"):
        fill_table(form, [gallery_columns(data, np.array(["0"]), np.array(["x"]))])


def test_pairs_have_no_label(data, scores):
    form = table_format("verification", ("id", "label"), ("{id}", "{label}"))
    with pytest.raises(
        ConfigError, match=r"the cell '\{label\}' names \{label\}, which this part does not have"
    ):
        fill_table(form, [verification_columns(data, scores)])


@pytest.mark.parametrize(
    ("columns", "cells", "message"),
    [
        (("id",), ("{id}", "{label}"), r"has 2 cells .* for 1 column "),
        (("id", "label"), ("{id}", "{lable}"), r"has no field '\{lable\}'; did you mean 'label'"),
        (("id", "label"), ("{id}", "{score}"), r"has no field '\{score\}'"),
        (("id", "label"), ("{id", "{label}"), r"the cell '\{id' is not a template"),
    ],
)
def test_a_wrong_format_is_refused(columns, cells, message):
    with pytest.raises(ConfigError, match=message):
        table_format("classification", columns, cells)


def test_a_specification_that_does_not_fit_is_refused(data, predictions):
    form = table_format("classification", ("id", "label"), ("{id:06d}", "{label}"))
    with pytest.raises(ConfigError, match=r"the cell '\{id:06d\}' cannot be written"):
        fill_table(form, [classification_columns(data, predictions)])


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(SubmissionError, match="different lengths"):
        SubmissionTable(("a", "b"), {"a": np.array(["1"]), "b": np.array(["1", "2"])})


def test_columns_of_one_name_are_refused():
    with pytest.raises(SubmissionError, match="columns of different names"):
        SubmissionTable(("a", "a"), {"a": np.array(["1"])})


PRESET = SubmissionFormats(
    table_format("classification", ("id", "label"), ("{id}", "{label}")),
    table_format("verification", ("ID", "Label"), ("{id}", "{score}")),
)


def test_without_settings_the_preset_holds_with_its_decimals():
    formats = with_settings(PRESET, SubmitConfig(score_decimals=9))
    assert formats.of_task("verification").columns == ("ID", "Label")
    assert formats.of_task("verification").score_decimals == 9
    assert formats.combined is None


def test_settings_describe_a_file_that_no_preset_fits():
    text = """
submit:
  classification: {columns: [Image, Who]}
  verification: {columns: [pair, close], cells: ["{first}-{second}", "{distance}"]}
  combined:
    columns: [ID, Label]
    parts:
    - {task: classification, cells: ["cls_{row}", "{label}"]}
    - {task: verification, cells: ["ver_{row}", "{score}"]}
"""
    formats = with_settings(PRESET, parse_config(text, "mine.yaml").submit)
    assert formats.of_task("classification").parts[0].cells == ("{id}", "{label}")
    assert formats.of_task("classification").columns == ("Image", "Who")
    assert formats.of_task("verification").parts[0].cells == ("{first}-{second}", "{distance}")
    assert formats.combined is not None
    assert [part.task for part in formats.combined.parts] == ["classification", "verification"]


def test_a_task_without_a_file_says_how_to_describe_one():
    with pytest.raises(ConfigError, match=r"describe one with submit.classification.columns"):
        SubmissionFormats().of_task("classification")


def test_columns_of_classes_hold_probabilities_and_ids_stand_anywhere(data):
    shares = np.array([[0.25, 0.75], [1 - 1e-9, 1e-9]])
    found = Predictions(data.test_rows.image_ids, np.log(shares), data.classes.names)
    first, second = data.classes.submitted.tolist()
    form = table_format(
        "classification", [second, "image", first], ["{probability}", "{name}", "{probability}"]
    )
    table = fill_table(form, [classification_columns(data, found)])
    assert form.id_column == "image"
    assert table.ids.tolist() == ["9.jpg", "10.jpg"]
    assert column(table, first) == ["0.25", "1"]
    assert column(table, second) == ["0.75", "1e-09"]


def test_a_column_of_probabilities_that_is_no_class_is_refused(data, predictions):
    """Such as that of a class which was renamed or left out: it held the likeliest class's probability."""
    columns, cells = ["id", "9", "10", "11"], ["{id}", *["{probability}"] * 3]
    answers = [classification_columns(data, predictions)]
    with pytest.raises(SubmissionError, match=r"1 of 3 columns .* is called like no class, first: '11'"):
        fill_table(table_format("classification", columns, cells), answers)
    with pytest.raises(SubmissionError, match="1 of 2 classes has no column, first: '10'"):
        fill_table(table_format("classification", columns[:2], cells[:2]), answers)
    left_out = table_format("classification", columns, [*cells[:3], "0"])
    assert column(fill_table(left_out, answers), "11") == ["0", "0"]
    beside = table_format("classification", ["id", "label", "sure"], ["{id}", "{label}", "{probability}"])
    assert column(fill_table(beside, answers), "sure") == ["0.731059"] * 2  # e / (1 + e)


def test_a_probability_beside_a_label_is_that_of_the_label(data, predictions):
    form = table_format("classification", ["id", "answer"], ["{id}", "{label} {probability:.2f}"])
    answers = column(fill_table(form, [classification_columns(data, predictions)]), "answer")
    chosen = column(
        fill_table(
            table_format("classification", ["id", "answer"], ["{id}", "{label}"]),
            [classification_columns(data, predictions)],
        ),
        "answer",
    )
    assert answers == [f"{label} 0.73" for label in chosen]  # softmax of 0 and 1: e / (1 + e) = 0.731
