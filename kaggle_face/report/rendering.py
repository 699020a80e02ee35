"""Blocks as HTML: the only place of the report where markup is made, and so where texts are escaped."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, assert_never

import numpy as np

from kaggle_face.errors import one_line
from kaggle_face.report.blocks import (
    Block,
    Card,
    Cards,
    Cell,
    Column,
    Figure,
    Paragraph,
    Picture,
    Sheet,
    Table,
)

_MARKUP_KEYS = ("hovertemplate", "texttemplate")
_DIGITS_OF_A_CHART = 5
_SHORT = 16


def escaped(text: object) -> str:
    """A text for HTML, in one line; letters that move the cursor or reorder the text are written as escapes.

    >>> escaped("<b>\\u202e")
    '&lt;b&gt;\\\\u202e'
    """
    return html.escape(one_line(str(text)), quote=True)


def data_script(name: str, value: Any) -> str:
    r"""JSON in a script element, from which no text can break out.

    >>> data_script("chart-1", {"name": "</script>"})
    '<script type="application/json" id="chart-1">{"name":"\\u003c/script\\u003e"}</script>'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return f'<script type="application/json" id="{name}">{text}</script>'


def render_blocks(blocks: Iterable[Block], key: str) -> str:
    """The blocks of a section as HTML; `key` begins the ids of their charts."""
    return "\n".join(_render(block, f"{key}-{number}") for number, block in enumerate(blocks))


def chart_json(figure: Figure) -> dict[str, Any]:
    """The JSON of the page's chart script: every text is shown as it is, numbers have five digits."""
    return {
        "traces": [_plain(trace) for trace in figure.traces],
        "layout": _plain(figure.layout),
        "pictures": [list(each) for each in figure.pictures],
        "thumbnails": list(figure.thumbnails),
        "height": figure.height_px,
    }


def _render(block: Block, name: str) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{escaped(text)}</p>"
        case Table():
            return _table(block)
        case Figure():
            return (
                f'<figure class="chart-box"><h3>{escaped(block.title)}</h3>'
                f'<div class="chart" id="{name}" data-chart="{name}-data" role="group" tabindex="0" '
                f'aria-label="{escaped(block.title)}" style="min-height:{block.height_px}px"></div>'
                f"<figcaption>{escaped(block.summary)}</figcaption>"
                f"{data_script(f'{name}-data', chart_json(block))}</figure>"
            )
        case Cards():
            note = f'<p class="note">{escaped(block.note)}</p>' if block.note else ""
            items = "".join(f"<li>{_card(card)}</li>" for card in block.cards)
            return f'<h3>{escaped(block.caption)}</h3>{note}<ul class="cards">{items}</ul>'
        case Sheet():
            note = f'<p class="note">{escaped(block.note)}</p>' if block.note else ""
            items = "".join(
                f"<li>{_picture(picture)}<span>{escaped(label)}</span></li>"
                for picture, label in block.pictures
            )
            return f'<h3>{escaped(block.caption)}</h3>{note}<ul class="sheet">{items}</ul>'
        case _:
            assert_never(block)


def _table(table: Table) -> str:
    heads = "".join(
        f'<th scope="col"{_kind(column)}><button type="button" class="sort">{escaped(column.title)}'
        "</button></th>"
        for column in table.columns
    )
    rows = []
    for number, row in enumerate(table.rows):
        cells = "".join(
            f"<td{_kind(column, cell)}{_sort_value(cell)}>{_cell(cell, column)}</td>"
            for cell, column in zip(row, table.columns, strict=True)
        )
        mark = ' class="highlighted"' if number in table.highlighted else ""
        rows.append(f"<tr{mark}>{cells}</tr>")
    note = f'<p class="note">{escaped(table.note)}</p>' if table.note else ""
    return (
        f'<h3 class="caption">{escaped(table.caption)}</h3>'
        f'<div class="table-box" role="region" tabindex="0" aria-label="{escaped(table.caption)}">'
        f'<table aria-label="{escaped(table.caption)}"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{note}"
    )


def _kind(column: Column, cell: Cell = None) -> str:
    """The class of a cell: numbers stand at the right, short names stay in one line."""
    if column.kind != "text":
        return ' class="number"'
    return ' class="short"' if isinstance(cell, str) and len(cell) <= _SHORT else ""


def _sort_value(cell: Cell) -> str:
    """The exact value to sort by, for numbers that are shown rounded."""
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not math.isfinite(cell):
        return ""
    return f' data-value="{cell!r}"'


def _cell(cell: Cell, column: Column) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return '<span class="faint">-</span>'
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return escaped(cell)
    if column.kind == "percent":
        return f"{100 * cell:.{column.digits}f} %"
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{round(cell, column.digits) + 0.0:,.{column.digits}f}"  # without a minus before zero


def _card(card: Card) -> str:
    mark = f'<p class="mark">{escaped(card.mark)}</p>' if card.mark else ""
    lines = "".join(f"<p>{_breakable(line)}</p>" for line in card.lines)
    pictures = "".join(map(_picture, card.pictures))
    return f'<div class="pictures">{pictures}</div><p class="title">{_breakable(card.title)}</p>{mark}{lines}'


def _breakable(text: str) -> str:
    """A text that may go on in the next line after a slash or an underscore, as names of files need it.

    >>> _breakable("train/Ann_1.jpg")
    'train/<wbr>Ann_<wbr>1.jpg'
    """
    return re.sub("[/_]", r"\g<0><wbr>", escaped(text))


def _picture(picture: Picture) -> str:
    description = escaped(picture.description)
    if picture.uri is None:
        return (
            f'<span class="no-picture" role="img" aria-label="{description}: not at hand">no picture</span>'
        )
    return f'<img src="{escaped(picture.uri)}" alt="{description}" title="{description}">'


def _plain(value: Any) -> Any:
    """Values of a chart as JSON; what is not finite becomes a gap. Plotly reads texts as markup: escaped."""
    if isinstance(value, Mapping):
        return {str(key): inner if key in _MARKUP_KEYS else _plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return html.escape(one_line(value), quote=False)
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS_OF_A_CHART}g}") if math.isfinite(value) else None
    return value
