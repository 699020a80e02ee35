from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.competitions.files.csv_tables import read_csv_pairs, read_csv_table
from kaggle_face.competitions.files.lists import read_label_list, read_name_list, read_pair_list
from kaggle_face.errors import DataError

PLAIN = (["a.jpg", "c.jpg"], ["b.jpg", "d.jpg"], [1, 0])


@pytest.fixture
def write(tmp_path: Path):
    def written(content: str | bytes) -> Path:
        path = tmp_path / "val_pairs.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def columns_of(path: Path):
    listed = read_pair_list(path, labelled=True)
    return listed.first, listed.second, listed.labels.tolist()


@pytest.mark.parametrize(
    "content",
    [
        "a.jpg b.jpg 1\nc.jpg d.jpg 0\n",
        "a.jpg b.jpg 1\nc.jpg d.jpg 0",
        "a.jpg b.jpg 1\nc.jpg d.jpg 0\n\n\n \n",
        "a.jpg b.jpg 1\n\nc.jpg d.jpg 0\n",
        "a.jpg b.jpg 1\r\nc.jpg d.jpg 0\r\n",
        "a.jpg b.jpg 1\rc.jpg d.jpg 0\r",
        "\ufeffa.jpg b.jpg 1\nc.jpg d.jpg 0\n",
        "  a.jpg   b.jpg 1\nc.jpg d.jpg\t0  \n",
    ],
    ids=["plain", "no-last-end", "blank-last", "blank-between", "crlf", "cr", "byte-order-mark", "blanks"],
)
def test_harmless_forms_are_read_without_a_word(write, content):
    path = write(content)
    assert columns_of(path) == PLAIN
    assert read_pair_list(path, labelled=True).notes == ()


def test_mixed_separators_are_read_with_a_note(write):
    path = write("a.jpg b.jpg 1\nc.jpg,d.jpg;0\n")
    assert columns_of(path) == PLAIN
    assert read_pair_list(path, labelled=True).notes == (
        "val_pairs.txt: 1 of 2 lines uses commas, semicolons or names with spaces, first: line 2",
    )


def test_a_comma_before_a_blank_does_not_stay_in_the_name(write):
    assert columns_of(write("a.jpg, b.jpg, 1\nc.jpg d.jpg 0\n")) == PLAIN


def test_a_header_is_left_out_with_a_note(write):
    path = write("img1 img2 label\na.jpg b.jpg 1\nc.jpg d.jpg 0\n")
    assert columns_of(path) == PLAIN
    assert "line 1 is taken for a header: 'img1 img2 label'" in read_pair_list(path, labelled=True).notes[0]


def test_line_numbers_count_header_and_blank_lines(write):
    path = write("img1 img2 label\n\na.jpg b.jpg 1\n\nc.jpg d.jpg 2\n")
    with pytest.raises(
        DataError, match=r"val_pairs.txt:5: the label '2' is not 0 \(different\) or 1 \(same\)"
    ):
        read_pair_list(path, labelled=True)


@pytest.mark.parametrize("labelled", [True, False])
def test_names_with_spaces_are_told_apart_by_their_suffix(write, labelled):
    tail = " 1" if labelled else ""
    listed = read_pair_list(write(f"my a.jpg b.jpg{tail}\nc.jpg their d e.PNG{tail}\n"), labelled)
    assert listed.first == ["my a.jpg", "c.jpg"]
    assert listed.second == ["b.jpg", "their d e.PNG"]


def test_a_third_field_of_test_pairs_is_ignored_with_a_note(write):
    listed = read_pair_list(write("a.jpg b.jpg 1\nc.jpg d.jpg 0\n"), labelled=False)
    assert listed.labels.tolist() == [-1, -1]
    assert "val_pairs.txt: the third field of the test pairs is ignored" in listed.notes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a.jpg b.jpg 1\nc.jpg d.jpg\n", r"val_pairs.txt:2: expected 3 fields separated by one space, got 2"),
        ("a.jpg b.jpg 1\nc.jpg 0\n", r"val_pairs.txt:2: expected 3 fields .* got 2: 'c.jpg 0'"),
        ("a.jpg b.jpg 1\nc.jpg d.jpg 0 0\n", r"val_pairs.txt:2: expected 3 fields .* got 4"),
        ("a.jpg b.jpg 1\nc.jpg d.jpg 0.5\n", r"val_pairs.txt:2: the label '0.5' is not 0"),
        ("a.jpg b.jpg -1\n", r"val_pairs.txt:1: the label '-1' is not 0"),
        ("", r"val_pairs.txt is empty; expected one entry per line"),
        ("\n \n\r\n", r"val_pairs.txt is empty"),
        ("img1 img2 label\n", r"val_pairs.txt:1: expected an image name .* got 'img1 img2 label'"),
        ("n1 n2 1\nn1 n3 0\n", r"val_pairs.txt:1: expected an image name"),
        ("a.jpg b.jpg 1\n".encode("utf-16"), r"val_pairs.txt is UTF-16 text; save it as UTF-8"),
        (b"a.jpg b.jpg 1\n\xe9.jpg d.jpg 0\n", r"val_pairs.txt:2: this is not UTF-8 text \(byte 0xe9\)"),
    ],
)
def test_a_broken_list_is_refused_with_its_line(write, content, message):
    with pytest.raises(DataError, match=message):
        read_pair_list(write(content), labelled=True)


def test_a_list_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"the file .*gone.txt cannot be read: No such file"):
        read_name_list(tmp_path / "gone.txt")


def test_a_folder_in_place_of_a_list_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read: Is a directory"):
        read_name_list(tmp_path)


def test_labels_are_whole_numbers(write):
    listed = read_label_list(write("a.jpg 10\nb/c.jpg 9\n"))
    assert (listed.names, listed.labels) == (["a.jpg", "b/c.jpg"], [10, 9])


@pytest.mark.parametrize("label", ["-3", "1.0", "ann", "1e3", "²"])
def test_another_label_is_refused(write, label):
    with pytest.raises(DataError, match=r"val_pairs.txt:2: the label .* is not a whole number of at least 0"):
        read_label_list(write(f"a.jpg 10\nb.jpg {label}\n"))


def test_a_repeated_label_line_counts_once(write):
    listed = read_label_list(write("a.jpg 1\nb.jpg 2\na.jpg 1\n"))
    assert listed.names == ["a.jpg", "b.jpg"]
    assert listed.notes == ("val_pairs.txt: 1 line appears twice, first: line 3",)


def test_an_image_with_two_labels_is_refused(write):
    with pytest.raises(DataError, match=r"val_pairs.txt:3: 'a.jpg' has the label 2 here and 1 above"):
        read_label_list(write("a.jpg 1\nb.jpg 2\na.jpg 2\n"))


def test_a_name_list_keeps_its_order(write):
    assert read_name_list(write("10.jpg\n9.jpg\n")).names == ["10.jpg", "9.jpg"]


def test_a_csv_table_may_quote_and_reorder_its_columns(write):
    table = read_csv_table(write('match,"image_A",image_B\r\n1,"a,1.jpg",b.jpg\r\n'), ["image_A"])
    assert table.columns == {"match": ["1"], "image_A": ["a,1.jpg"], "image_B": ["b.jpg"]}
    assert list(table.line_numbers) == [2]


def test_a_csv_label_that_is_not_0_or_1_is_refused(write):
    with pytest.raises(DataError, match=r"val_pairs.txt:3: the label 'yes' is not 0"):
        read_csv_pairs(write("image_A,image_B,match\na.jpg,b.jpg,1\na.jpg,c.jpg,yes\n"), labelled=True)


def test_a_label_of_more_digits_than_a_number_has_is_refused_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text(f"a.jpg 1\nb.jpg {'9' * 5001}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"labels\.txt:2: the label '9{40}' is not a whole number"):
        read_label_list(tmp_path / "labels.txt")
