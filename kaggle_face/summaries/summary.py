"""A summary: lines of text and tables whose columns are explained; and figures as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kaggle_face.errors import one_line
from kaggle_face.summaries.text_tables import format_table, legend_lines


@dataclass(frozen=True)
class TextTable:
    """A table of texts.

    Attributes:
        legend: What each column means, by its heading, in the order of the columns.
        rows: A cell for each column.
    """

    legend: Mapping[str, str]
    rows: Sequence[Sequence[str]]

    @property
    def lines(self) -> list[str]:
        """The table at 100 letters a line at most, and its legend below it.

        >>> table = TextTable({"fold": "number from 0", "EER": "of held-out pairs"}, [["0", "0.1"]])
        >>> print(*table.lines, sep="\\n")
        fold  EER
        ----  ---
           0  0.1
          fold: number from 0; EER: of held-out pairs
        """
        header = [*map(one_line, self.legend)]
        shown = format_table(header, [[*map(one_line, row)] for row in self.rows])
        return [*shown.split("\n"), *legend_lines(list(self.legend), self.legend)]


Summary = Sequence[str | TextTable]
"""Lines and tables below each other; an empty line parts them."""


def number(value: float | None, digits: int = 4) -> str:
    """A figure, `-` where it is not known.

    >>> number(0.5), number(None)
    ('0.5000', '-')
    """
    return "-" if value is None else f"{value:z.{digits}f}"


def signed(value: float | None) -> str:
    """A difference with its sign, `-` where it is not known.

    >>> signed(0.25), signed(-0.00001), signed(None)
    ('+0.2500', '+0.0000', '-')
    """
    return "-" if value is None else f"{value:+z.4f}"


def interval(low: float | None, high: float | None, sign: str = "") -> str:
    """The ends of an interval, `-` where it is not known; `sign` is `+` for differences.

    >>> interval(0.1, 0.2), interval(-0.1, 0.2, "+"), interval(None, None)
    ('0.1000 to 0.2000', '-0.1000 to +0.2000', '-')
    """
    return "-" if low is None or high is None else f"{low:{sign}z.4f} to {high:{sign}z.4f}"
