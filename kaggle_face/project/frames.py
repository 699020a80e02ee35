"""Tables of results as pandas frames, and as HTML in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from kaggle_face.errors import one_line

if TYPE_CHECKING:
    pass


def frame_of(rows: Iterable[Any], *, without: Iterable[str] = ()) -> pd.DataFrame:
    """One row for each record, one column for each of its fields; mappings become a column for each key.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Row:
    ...     name: str
    ...     metrics: dict[str, float]
    >>> frame_of([Row("a", {"eer": 0.1})]).to_dict("records")
    [{'name': 'a', 'eer': 0.1}]
    """
    skipped = set(without)
    return pd.DataFrame([_cells(row, skipped) for row in rows])


def _cells(row: Any, skipped: set[str]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    if not is_dataclass(row):
        raise TypeError(f"a record is expected, got {type(row).__name__}")
    for field in fields(row):
        value = getattr(row, field.name)
        if field.name in skipped:
            continue
        if isinstance(value, Mapping):
            cells.update(value)
        else:
            cells[field.name] = value
    return cells


def as_html(title: str, frame: pd.DataFrame) -> str:
    """A caption and a table; texts from files and settings cannot become markup or move the cursor.

    >>> print(as_html("<b>", pd.DataFrame({"name": ["a<i>"]})).count("&lt;"))
    2
    """
    shown = frame.map(lambda cell: one_line(cell) if isinstance(cell, str) else cell)
    shown.columns = [one_line(str(name)) for name in shown.columns]
    return f"<p>{html.escape(one_line(title))}</p>\n{shown.to_html(escape=True, index=False, border=0)}"
