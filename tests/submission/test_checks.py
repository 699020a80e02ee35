"""Checks of a submission table: each fault is named with its count and its first row."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.competitions.submission.tables import SubmissionTable
from kaggle_face.errors import SubmissionError
from kaggle_face.submission.checks import check_csv, check_expected, check_table, read_csv, write_submission
from kaggle_face.submission.expectations import Block, CellRule, Expectation, Labels, Probabilities, Scores

IDS = np.array(["0.jpg", "1.jpg", "2.jpg", "10.jpg"])
CLASSES = Labels(np.array(["7", "300", "41"]))


def expecting(rule: CellRule, sample: Path | None = None) -> Expectation:
    return Expectation(IDS, (Block(len(IDS), (None, rule)),), sample)


def table(values: list[str], ids: np.ndarray = IDS, columns: tuple[str, str] = ("id", "label")):
    return SubmissionTable(columns, {columns[0]: np.asarray(ids), columns[1]: np.array(values)})


def sample_file(folder: Path, ids: np.ndarray = IDS, header: str = "id,label") -> Path:
    path = folder / "sample_submission.csv"
    path.write_text("\n".join([header, *(f"{row},0" for row in ids), ""]))
    return path


def refusal(values: list[str], expected: Expectation, **changes) -> str:
    with pytest.raises(SubmissionError) as caught:
        check_table(table(values, **changes), expected)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_good_table_passes_without_a_note(tmp_path):
    checked = check_table(table(["7", "7", "300", "41"]), expecting(CLASSES, sample_file(tmp_path)))
    assert checked.rows == 4 and checked.notes == ()


def test_wrong_column_names_are_refused(tmp_path):
    message = refusal(["7"] * 4, expecting(CLASSES, sample_file(tmp_path, header="Id,Category")))
    assert message.startswith("the columns are id,label, but ") and message.endswith("has Id,Category")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ", "])
@pytest.mark.parametrize("quote", ["", '"'])
def test_the_sample_has_any_separator_as_the_rest_of_the_data(tmp_path, separator, quote):
    path = tmp_path / "sample_submission.csv"
    lines = [("id", "label"), *((row, "0") for row in IDS.tolist())]
    text = "\r\n".join(separator.join(f"{quote}{cell}{quote}" for cell in line) for line in lines)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert check_table(table(["7", "7", "300", "41"]), expecting(CLASSES, path)).rows == 4
    message = refusal(["7"] * 4, expecting(CLASSES, path), columns=("id", "who"))
    assert message == f"the columns are id,who, but {path} has id,label"


def test_a_users_csv_with_semicolons_is_refused_by_its_separator(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("id;label\n" + "".join(f"{row};7\n" for row in IDS.tolist()))
    with pytest.raises(SubmissionError) as caught:
        check_csv(path, expecting(CLASSES))
    assert str(caught.value) == (
        f"{path}: cells are separated by ';'; a submission has commas, so write it with these"
    )


def test_without_a_sample_the_columns_are_those_of_the_competition():
    expected = Expectation(IDS, (Block(len(IDS), (None, CLASSES)),), columns=("Id", "Category"))
    message = refusal(["7"] * 4, expected)
    assert message == "the columns are id,label, but the competition has Id,Category"
    assert check_table(table(["7"] * 4, columns=("Id", "Category")), expected).rows == 4


def test_a_missing_row_is_counted_and_named():
    message = refusal(["7"] * 3, expecting(CLASSES), ids=IDS[:3])
    assert message == "1 of 4 rows of the test files is missing, first: 10.jpg"


def test_a_foreign_row_is_counted_and_named():
    message = refusal(["7"] * 5, expecting(CLASSES), ids=np.append(IDS, "x.jpg"))
    assert message == "1 of 5 rows is none of the test files, first: x.jpg"


def test_another_order_than_the_test_files_is_refused():
    message = refusal(["7"] * 4, expecting(CLASSES), ids=np.sort(IDS))
    assert message == (
        "the rows are in another order than in the test files, first: row 3 is 10.jpg instead of 2.jpg"
    )


def test_the_order_of_the_sample_is_as_good_as_that_of_the_test_files(tmp_path):
    ordered = np.sort(IDS)
    checked = check_table(table(["7"] * 4, ordered), expecting(CLASSES, sample_file(tmp_path, ordered)))
    assert checked.notes == ()


def test_a_row_that_stands_twice_is_named():
    message = refusal(["7"] * 4, expecting(CLASSES), ids=IDS[[0, 1, 1, 2]])
    assert message == "1 of 3 row ids appears twice, first: 1.jpg"


def test_a_stale_sample_is_told_and_the_test_files_are_right(tmp_path):
    expected = expecting(CLASSES, sample_file(tmp_path, IDS[:3]))
    (note,) = check_table(table(["7"] * 4), expected).notes
    assert note.endswith(
        "is stale: 1 of 4 rows of the test files is missing, first: 10.jpg; the test files' rows are used"
    )


@pytest.mark.parametrize("extra", [["11.jpg"], ["11.jpg", "12.jpg"]])
def test_a_sample_with_rows_that_the_test_files_lack_is_refused(tmp_path, extra):
    """Whatever is written: the rows of the test files, or those of the sample."""
    ids = np.append(IDS, extra)
    expected = expecting(CLASSES, sample_file(tmp_path, ids))
    for rows in (IDS, ids):
        message = refusal(["7"] * len(rows), expected, ids=rows)
        assert message.startswith(f"{len(extra)} of {len(ids)} rows of the sample submission {tmp_path}")
        verb = "is" if len(extra) == 1 else "are"
        assert f"{verb} not among the 4 of the test files, first: 11.jpg; test files are missing" in message


def test_a_sample_that_lacks_a_row_and_has_a_foreign_one_is_refused(tmp_path):
    message = refusal(["7"] * 4, expecting(CLASSES, sample_file(tmp_path, np.append(IDS[:3], "11.jpg"))))
    assert message.startswith("1 of 4 rows of the sample submission")


def test_a_table_made_from_a_stale_sample_is_refused(tmp_path):
    expected = expecting(CLASSES, sample_file(tmp_path, IDS[:3]))
    message = refusal(["7"] * 3, expected, ids=IDS[:3])
    assert "which is stale: 1 of 4 rows of the test files is missing, first: 10.jpg" in message


def test_the_sample_alone_decides_where_no_test_files_are_known(tmp_path):
    expected = Expectation(None, (), sample_file(tmp_path))
    assert check_table(table(["7"] * 4), expected).rows == 4
    assert "of the sample submission" in refusal(["7"] * 3, expected, ids=IDS[:3])


@pytest.mark.parametrize("nothing", ["", "nan", "NaN", "None", " "])
def test_a_cell_without_value_is_named(nothing):
    message = refusal(["7", nothing, "300", nothing], expecting(CLASSES))
    assert message == f"2 of 4 cells of 'label' hold no value, first: '{nothing}' in row 1.jpg"


def test_a_person_called_na_is_no_missing_value():
    """pandas.read_csv(StringIO("a\\nNa\\nNA")).a.isna() is [False, True], and so with Null and NULL."""
    names = Labels(np.array(["Na", "Null", "NA", "7"]))
    assert check_table(table(["Na", "Null", "7", "7"]), expecting(names)).notes == ()
    message = refusal(["Na", "NA", "7", "7"], expecting(names))
    assert message == "1 of 4 cells of 'label' holds no value, first: 'NA' in row 1.jpg"
    assert "holds no value, first: 'Na'" in refusal(["7", "Na", "7", "7"], expecting(CLASSES))


def test_a_column_that_is_always_empty_may_be_so():
    wide = SubmissionTable(("id", "label", "usage"), {"id": IDS, "label": ["7"] * 4, "usage": [""] * 4})
    wide = SubmissionTable(wide.columns, {name: np.array(column) for name, column in wide.cells.items()})
    rules = (None, CLASSES, None)
    assert check_table(wide, Expectation(IDS, (Block(4, rules, frozenset({2})),))).rows == 4
    with pytest.raises(SubmissionError, match="4 of 4 cells of 'usage' hold no value"):
        check_table(wide, Expectation(IDS, (Block(4, rules),)))


def test_a_label_outside_the_classes_is_named():
    message = refusal(["7", "8", "300", "8"], expecting(CLASSES))
    assert message == "2 of 4 labels of 'label' are not among the 3 classes, first: '8' in row 1.jpg"


def test_a_score_that_is_no_number_is_named():
    message = refusal(["0.5", "same", "0.1", "0.2"], expecting(Scores()))
    assert message == "1 of 4 cells of 'label' holds no number, first: 'same' in row 1.jpg"


def test_an_infinite_score_is_named():
    message = refusal(["0.5", "0.1", "-inf", "0.2"], expecting(Scores()))
    assert message == "1 of 4 scores of 'label' is not finite, first: '-inf' in row 2.jpg"


def test_a_score_out_of_range_is_named():
    message = refusal(["0.5", "1.5", "-1", "0.2"], expecting(Scores(-1.0, 1.0)))
    assert message == "1 of 4 scores of 'label' is not within -1 to 1, first: '1.5' in row 1.jpg"


def test_equal_scores_are_worth_a_note():
    assert check_table(table(["0.5"] * 4), expecting(Scores())).notes == ("all 4 scores of 'label' are 0.5",)


def test_two_equal_scores_are_worth_a_note_and_a_single_one_is_not() -> None:
    for count, notes in ((2, ("all 2 scores of 'label' are 0.5",)), (1, ())):
        expected = Expectation(IDS[:count], (Block(count, (None, Scores())),), None)
        assert check_table(table(["0.5"] * count, IDS[:count]), expected).notes == notes


def test_a_table_without_rows_is_refused() -> None:
    assert refusal([], Expectation(None, (), None), ids=IDS[:0]) == "the table has no rows"


def test_a_ranking_holds_the_right_number_of_different_labels():
    ranked = expecting(Labels(CLASSES.allowed, per_row=2))
    assert check_table(table(["7 41", "41 7", "300 7", "7 300"]), ranked).notes == ()
    message = refusal(["7 41", "7 7", "300", "7 8"], ranked)
    assert message == (
        "3 of 4 cells of 'label' do not hold 2 different known labels, first: '7 7' in row 1.jpg"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("id,label\n0.jpg,1\n1.jpg\n", "1 of 3 lines does not have 2 cells, first: line 3 with 1"),
        ("id,id\n0.jpg,1\n", "a column's name appears twice"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, text, problem):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(SubmissionError, match=problem):
        read_csv(path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(b"id,label\n\xff\xfe,1\n")
    with pytest.raises(SubmissionError, match="cannot be read"):
        read_csv(path)


def test_a_users_csv_is_named_in_the_refusal(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("id,label\r\n0.jpg,7\r\n")
    with pytest.raises(SubmissionError, match=r"mine\.csv: 3 of 4 rows of the test files are missing"):
        check_csv(path, expecting(CLASSES))


def test_each_block_of_a_combined_file_follows_its_own_rule():
    blocks = (Block(2, (None, CLASSES)), Block(2, (None, Scores(0, 1))))
    expected = Expectation(IDS, blocks)
    assert check_table(table(["7", "41", "0.5", "0.25"]), expected).notes == ()
    message = refusal(["7", "0.5", "0.5", "7"], expected)
    assert message == "1 of 2 labels of 'label' is not among the 3 classes, first: '0.5' in row 1.jpg"


def checked_table(ids, values):
    table = SubmissionTable(("Id", "Category"), {"Id": np.array(ids), "Category": np.array(values)})
    return check_table(table, Expectation())


def test_the_file_holds_exactly_the_table(tmp_path):
    written = write_submission(checked_table(["a b", "c,d"], ["0.5", "1"]), tmp_path / "new" / "out.csv")
    assert written.path.read_bytes() == b'Id,Category\na b,0.5\n"c,d",1\n'
    assert written.rows == 2
    assert written.sha256 == hashlib.sha256(b'Id,Category\na b,0.5\n"c,d",1\n').hexdigest()


def test_a_written_table_reads_back_equal(tmp_path):
    checked = checked_table(['x"y', "nan-ish", "ä"], ["1", "2", "3"])
    back = read_csv(write_submission(checked, tmp_path / "out.csv").path)
    assert back.columns == checked.table.columns
    assert all((back.cells[name] == checked.table.cells[name]).all() for name in back.columns)


def test_nothing_but_the_file_is_left(tmp_path):
    write_submission(checked_table(["a"], ["1"]), tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_rows_and_columns_are_checked_before_there_are_answers(tmp_path):
    check_expected(Expectation(IDS, (), sample_file(tmp_path), ("id", "label")))
    check_expected(Expectation(IDS, (), sample_file(tmp_path, IDS[:2]), ("id", "label")))  # it is stale
    for header, ids, words in (
        ("Id,Category", IDS, "the columns are id,label, but"),
        ("id,label", np.array(["0.jpg", "x.jpg"]), r"x\.jpg"),
    ):
        sample = sample_file(tmp_path, ids, header)
        with pytest.raises(SubmissionError, match=words):
            check_expected(Expectation(IDS, (), sample, ("id", "label")))
    with pytest.raises(SubmissionError, match="the table has no rows"):
        check_expected(Expectation(IDS[:0], (), None, ("id", "label")))


def test_rows_are_compared_by_the_column_of_ids_wherever_it_is(tmp_path):
    path = tmp_path / "sample_submission.csv"
    path.write_text("\n".join(["label,id", *(f"0,{row}" for row in IDS), ""]))
    expected = Expectation(IDS, (Block(len(IDS), (CLASSES, None)),), path, ("label", "id"), id_place=1)
    cells = {"label": np.array(["7", "7", "300", "41"]), "id": IDS}
    assert check_table(SubmissionTable(("label", "id"), cells), expected).table.ids.tolist() == IDS.tolist()
    foreign = SubmissionTable(("label", "id"), {**cells, "id": np.array(["x", *IDS[1:]])})
    with pytest.raises(SubmissionError, match=r"1 of 4 rows of the test files is missing, first: 0\.jpg"):
        check_table(foreign, expected)
    (tmp_path / "own.csv").write_text("label,id\n9,0.jpg\n7,1.jpg\n7,2.jpg\n7,10.jpg\n")
    with pytest.raises(
        SubmissionError, match=r"own\.csv: 1 of 4 labels of 'label' is not among .*'9' in row 0"
    ):
        check_csv(tmp_path / "own.csv", expected)


def test_probabilities_lie_between_zero_and_one():
    rules = (None, Probabilities())
    expected = Expectation(IDS, (Block(len(IDS), rules),))
    assert check_table(table(["0.1", "0.1", "0.1", "0.1"]), expected).notes == ()
    with pytest.raises(SubmissionError, match="1 of 4 scores of 'label' is not within 0 to 1"):
        check_table(table(["0.1", "1.5", "0", "1"]), expected)
