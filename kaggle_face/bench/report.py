"""Results of a benchmark: a table and a sentence for people, numbers for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Cell = str | float | int | None


@dataclass(frozen=True)
class Report:
    """A benchmark's rows under their column names, the sentence that sums them up, and where it ran.

    A cell is a text or a number; None where a figure does not exist on this machine.
    """

    part: str
    about: Mapping[str, Cell]
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    sentence: str

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows), "a row does not fit the columns"

    def row(self, name: str) -> dict[str, Cell]:
        """The row whose first cell is `name`, by column."""
        return next(dict(zip(self.columns, row, strict=True)) for row in self.rows if row[0] == name)

    def as_values(self, parts: Sequence[Report] = ()) -> dict[str, Any]:
        """The report as plain values, for JSON, with the reports that it sums up."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        more = {"parts": [part.as_values() for part in parts]} if parts else {}
        return {"part": self.part, "about": dict(self.about), "rows": rows, "sentence": self.sentence, **more}

    def as_text(self) -> list[list[str]]:
        """The rows with their numbers as text."""
        return [[format_cell(cell) for cell in row] for row in self.rows]


def format_cell(cell: Cell) -> str:
    """A cell as text: numbers with about three digits.

    >>> [format_cell(cell) for cell in ("limit", 12345.6, 34.56, 0.98765, 0.0123, 7, None)]
    ['limit', '12346', '34.6', '0.988', '0.0123', '7', '-']
    """
    if cell is None:
        return "-"
    if not isinstance(cell, float):
        return str(cell)
    if abs(cell) >= 100:
        return f"{cell:.0f}"
    return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.3g}"


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle.

    >>> median([3.0, 1.0, 2.0]), median([1.0, 2.0])
    (2.0, 1.5)
    """
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2.0
