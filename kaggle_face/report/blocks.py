"""The blocks of a section: plain data, which `report.rendering` alone turns into HTML.

Texts are as people wrote them; nothing here is escaped. Colours are `var(--...)` names of
`static/report.css`, which the page resolves for a light or a dark background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

SERIES = tuple(f"var(--series-{number})" for number in range(1, 9))
"""Colours of lines, distinguishable with every common colour blindness as well."""
INK, FAINT, GOOD, BAD = "var(--ink)", "var(--faint)", "var(--good)", "var(--bad)"

Cell = str | int | float | bool | None


def series_colour(number: int) -> str:
    """The colour of a line; they repeat after eight.

    >>> series_colour(0), series_colour(8)
    ('var(--series-1)', 'var(--series-1)')
    """
    return SERIES[number % len(SERIES)]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Column:
    """A column of a table: `digits` after the point for floats, `percent` as a share of 100."""

    title: str
    digits: int = 4
    kind: Literal["text", "number", "percent"] = "text"


@dataclass(frozen=True)
class Table:
    """A table that can be sorted by each of its columns; None is an empty cell.

    Attributes:
        caption: What it shows.
        columns: Titles and formats.
        rows: A cell for each column.
        note: What is left out or how to read it.
        highlighted: Positions of rows that stand out.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    highlighted: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Figure:
    """A chart: traces and layout as plotly's JSON has them.

    Attributes:
        title: What it shows, above the chart.
        summary: The same in words and numbers, for those who cannot see it, and below the chart.
        traces: Of plotly. Every text in them is shown as it is, `hovertemplate` excepted, which is markup.
        layout: Of plotly.
        pictures: Of each point of each trace the number of a picture in `thumbnails`, or None.
        thumbnails: Data URIs that appear beside the pointer.
        height_px: Height of the chart.
    """

    title: str
    summary: str
    traces: tuple[Mapping[str, Any], ...]
    layout: Mapping[str, Any] = field(default_factory=dict)
    pictures: tuple[Sequence[int | None], ...] = ()
    thumbnails: tuple[str, ...] = ()
    height_px: int = 380


@dataclass(frozen=True)
class Picture:
    """A picture as a data URI, None where it is not at hand, with its text for who cannot see it."""

    uri: str | None
    description: str


@dataclass(frozen=True)
class Card:
    """Pictures side by side with a title and lines below; `mark` stands out."""

    pictures: tuple[Picture, ...]
    title: str
    lines: tuple[str, ...] = ()
    mark: str = ""


@dataclass(frozen=True)
class Cards:
    """Cards with pictures; `note`: how many of how many are shown."""

    caption: str
    cards: tuple[Card, ...]
    note: str = ""


@dataclass(frozen=True)
class Sheet:
    """Many small pictures, each with a label below; `note`: how many of how many are shown."""

    caption: str
    pictures: tuple[tuple[Picture, str], ...]
    note: str = ""


Block = Paragraph | Table | Figure | Cards | Sheet
