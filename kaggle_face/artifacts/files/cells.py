"""Text cells of CSV files: exact for this package, and no formulas for spreadsheets."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Literal

_FORMULA = re.compile(r"'*[\s\0\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|'*[\t\r\n]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def to_cell(text: str) -> str:
    """A text for a CSV that is opened in a spreadsheet: a formula there becomes text.

    >>> to_cell("=1+1"), to_cell("-0.5"), from_cell(to_cell("'=1"))
    ("'=1+1", '-0.5', "'=1")
    """
    return f"'{text}" if _is_formula(text) else text


def from_cell(cell: str) -> str:
    """The text of which `to_cell` made a cell."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell


def _is_formula(text: str) -> bool:
    return _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None


def csv_quoting(texts: Iterable[str]) -> Literal[0, 2]:
    """The quoting mode of the csv module with which texts are read back unchanged: minimal, or all.

    Of its own accord it puts no quotes around a carriage return, which it then reads as a line end.
    """
    return csv.QUOTE_NONNUMERIC if any("\r" in text for text in texts) else csv.QUOTE_MINIMAL
