"""Text tables of at most 100 columns, and the legend below them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest

WIDTH = 100
"""The most letters of a line of a table."""

_GAP = 2
_HELD = "\N{NO-BREAK SPACE}"
"""In the place of a space at which no line ends."""
_LEAST_NAME = 12
"""A name is not made shorter than this."""
_LEAST_TEXT = 20
"""The last column, where it is text, is not wrapped into fewer letters than this."""
_FIGURE = re.compile(r"(?:[a-z]+[\w@-]* )?(?:[-+±.,:/% \d]|to|M)+|-")
"""A number, a range or a time, with its metric perhaps: shortened it would be another one."""
_LONGEST_HEADING = 20
"""A longer heading is a name, and is shortened as one."""


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int = WIDTH) -> str:
    """A text table with a rule below the header; columns whose cells are all numbers stand to the right.

    Where it is wider than `width`, cells of several words go on in lines below, and longer words lose their
    middle.

    >>> print(format_table(["fold", "EER"], [["0", "0.1"], ["mean", "0.12"]]))
    fold  EER
    ----  ----
    0      0.1
    mean  0.12
    """
    columns = list(zip(header, *rows, strict=True))
    right = [all(_is_number(cell) for cell in column[1:]) and len(column) > 1 for column in columns]
    widths = _fitted_widths(columns, right, width)

    def lines(cells: Sequence[str], aligned: bool) -> list[str]:
        shown = []
        columns_of_lines = (
            [shortened(cell, most)] if to_right else _wrapped(cell, most)
            for cell, most, to_right in zip(cells, widths, right, strict=True)
        )
        for line in zip_longest(*columns_of_lines, fillvalue=""):
            parts = [
                cell.rjust(most) if aligned and to_right else cell.ljust(most)
                for cell, most, to_right in zip(line, widths, right, strict=True)
            ]
            shown.append((" " * _GAP).join(parts).rstrip())
        return shown

    body = [line for row in rows for line in lines(row, True)]
    return "\n".join([*lines(header, False), *lines(["-" * most for most in widths], False), *body])


def shortened(text: str, most: int) -> str:
    """A text of at most `most` letters, with two dots in the place of its middle.

    >>> shortened("face-recognition-challenge/main", 15), shortened("main", 15)
    ('face-re..e/main', 'main')
    """
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}..{text[len(text) - (most - 2 - head) :]}"


def legend_lines(header: Sequence[str], meanings: Mapping[str, str], width: int = WIDTH) -> list[str]:
    """The legend of a table, in lines of at most `width` letters.

    >>> legend_lines(["fold", "EER"], {"EER": "equal error rate", "fold": "number from 0"})
    ['  fold: number from 0; EER: equal error rate']
    """
    text = "; ".join(
        f"{name.replace(' ', _HELD)}: {meanings[name]}" for name in dict.fromkeys(header) if name in meanings
    )
    if not text:
        return []
    lines = textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return [line.replace(_HELD, " ") for line in lines]


def _fitted_widths(columns: Sequence[Sequence[str]], right: Sequence[bool], width: int) -> list[int]:
    """The width of each column: figures keep theirs, the widest of the others gives way first."""
    widths = [max(map(len, column)) for column in columns]
    least = []
    for place, (column, is_number) in enumerate(zip(columns, right, strict=True)):
        is_figure = is_number or all(map(_FIGURE.fullmatch, filter(None, column[1:])))
        heading = len(column[0]) if len(column[0]) <= _LONGEST_HEADING else 0
        shortest = _LEAST_TEXT if place == len(columns) - 1 else _LEAST_NAME
        least.append(widths[place] if is_figure else max(heading, min(widths[place], shortest)))
    excess = sum(widths) + _GAP * (len(widths) - 1) - width
    while excess > 0:
        loose = [place for place in range(len(widths)) if widths[place] > least[place]]
        if not loose:
            break
        widths[max(loose, key=lambda place: widths[place])] -= 1
        excess -= 1
    return widths


def _wrapped(text: str, width: int) -> list[str]:
    """The lines of a cell, the later ones indented as the first; a word longer than a line is shortened."""
    if len(text) <= width:
        return [text]
    words = text.lstrip("> ")
    indent = " " * (len(text) - len(words))
    lines = textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return [shortened(line, width) for line in lines] or [""]


def _is_number(cell: str) -> bool:
    try:
        float(cell.rstrip("%") or "x")
    except ValueError:
        return cell in ("", "-")
    return True
