"""Cells of CSV files, whatever they hold."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_face.artifacts.files.cells import csv_quoting, from_cell, to_cell

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(TEXTS)
def test_a_cell_is_the_text_again_and_never_a_formula(text: str) -> None:
    cell = to_cell(text)
    assert from_cell(cell) == text
    assert cell[:1] not in tuple("=@\t\r") and (cell[:1] not in ("+", "-") or float(cell) is not None)


@pytest.mark.parametrize("text", ["=1", "\0=1", "\ufeff+1", "\u200b@a", "'=1", "\u00a0-a", "\uff1d1"])
def test_letters_that_nobody_sees_hide_no_formula(text: str) -> None:
    assert to_cell(text) == f"'{text}" and from_cell(to_cell(text)) == text


@pytest.mark.parametrize("text", ["-0.5", "+1", "-1e-5", "-.5", "0", "", "a=b", "a-b"])
def test_numbers_and_plain_texts_stay_as_they_are(text: str) -> None:
    assert to_cell(text) == text


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_a_row_comes_back_exactly(texts: list[str]) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n", quoting=csv_quoting(texts)).writerow(texts)
    stream.seek(0)
    assert next(csv.reader(stream), [""]) == texts
