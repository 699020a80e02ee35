"""Tables on disk: every text comes back, and none is a formula in a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_face.artifacts.tables import as_text, from_hex, read_table, to_hex, write_table
from kaggle_face.errors import DataError

ODD = [
    "a\rb.jpg", "c\nd.jpg", "e\r\nf", 'g"h', "i,j", " k", "l ", "\tm", "=n", "+o", "-p", "@q", "'=r", "''s",
    "-0.5", "\u202et", "u\u2028v", "w\0x", "\ufeffy", "é", "王", "#z", "NA", "nan", "1e5", "007", " ", "\r",
    "\n", '"', ",", "\\", "", "\x85", "\x1c", "＝A1",
]  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(
    lambda text: not text.endswith("\0")
)


@pytest.mark.parametrize("text", ODD)
def test_an_odd_name_comes_back_alone_and_among_others(tmp_path: Path, text: str) -> None:
    write_table(tmp_path / "one.csv", {"name": as_text([text])})
    assert read_table(tmp_path / "one.csv", ["name"])["name"].tolist() == [text]
    write_table(
        tmp_path / "two.csv", {"row": np.arange(2), "name": as_text([text, "a"]), "last": ["b", text]}
    )
    table = read_table(tmp_path / "two.csv", ["row", "name", "last"])
    assert {name: values.tolist() for name, values in table.items()} == {
        "row": ["0", "1"], "name": [text, "a"], "last": ["b", text],
    }  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, max_size=6))
def test_every_list_of_texts_comes_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("table") / "table.csv"
    write_table(path, {"name": as_text(texts)})
    assert read_table(path, ["name"])["name"].tolist() == texts


def test_a_spreadsheet_sees_no_formula_in_the_file(tmp_path: Path) -> None:
    formulas = ["=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"]
    write_table(tmp_path / "table.csv", {"name": as_text(formulas)})
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as stream:
        cells = [row[0] for row in list(csv.reader(stream))[1:]]
    assert cells == [f"'{formula}" for formula in formulas]


def test_figures_and_plain_texts_are_written_as_ever(tmp_path: Path) -> None:
    columns = {
        "id": as_text(["a", "b"]),
        "score": [0.5, -1.0],
        "label": np.array([-1, 3]),
        "text": ["-1.5", "x y"],
    }
    write_table(tmp_path / "table.csv", columns)
    assert (tmp_path / "table.csv").read_bytes() == b"id,score,label,text\na,0.5,-1,-1.5\nb,-1.0,3,x y\n"


def test_a_zero_byte_that_an_array_would_drop_is_refused() -> None:
    with pytest.raises(DataError, match="ends with a zero byte; rename it"):
        as_text(["a", "b\0"])


def test_numbers_come_back_from_text_with_the_lowest_byte_first() -> None:
    assert to_hex(np.array([1, -1], np.int64)) == ["0100000000000000", "f" * 16]
    assert to_hex(np.array([258], np.uint32)) == ["02010000"] and to_hex(np.empty(0, np.uint32)) == []
    numbers = np.array([0, 2**32 - 1, 77], np.uint32)
    assert from_hex(np.array(to_hex(numbers)), np.uint32).tolist() == numbers.tolist()
    assert from_hex(np.empty(0, np.str_), np.int64).tolist() == []


@pytest.mark.parametrize(
    "texts", [["0102030"], ["010203040"], ["0102 304"], ["010203", "0102030405"], ["0102030g"]]
)
def test_texts_of_another_length_or_alphabet_are_refused(texts: list[str]) -> None:
    with pytest.raises(ValueError, match="hex"):
        from_hex(np.array(texts), np.uint32)
