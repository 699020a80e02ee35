"""Tables in CSV files, read as text and strictly."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kaggle_face.competitions.files.lists import Lines, PairList, binary_labels, read_lines, repeated
from kaggle_face.errors import DataError, counted, nearest_hint
from kaggle_face.file_names import is_picture_name
from kaggle_face.records import UNKNOWN

_NUMBERING = ("id", "row", "index", "")


@dataclass(frozen=True, eq=False)
class CsvTable:
    """The text columns of a CSV file, and the line on which each row stands."""

    path: Path
    columns: Mapping[str, list[str]]
    line_numbers: Sequence[int]
    notes: tuple[str, ...]


def read_csv_table(
    path: Path, required: Sequence[str], has_header: bool = True, may_have_blanks: bool = False
) -> CsvTable:
    """Reads a CSV file with a header as text columns.

    Args:
        path: The file.
        required: Columns that must be there.
        has_header: Whether the first line names the columns; else they are called 1, 2, 3.
        may_have_blanks: Whether blanks separate cells where no comma, semicolon or tab does.

    Raises:
        DataError: The file is missing, not text or has no rows; a required column is missing, or one stands
            twice; a row has another number of cells than the header, or a quotation mark is not closed.
    """
    lines = read_lines(path)
    delimiter = delimiter_of(lines.texts[0])
    is_blank = may_have_blanks and delimiter not in lines.texts[0] and len(lines.texts[0].split()) > 1
    table = [text.split() for text in lines.texts] if is_blank else _split_cells(lines, delimiter)
    first = 1 if has_header else 0
    names = table[0] if has_header else [str(number) for number in range(1, len(table[0]) + 1)]
    header, rows = [name.strip() for name in names], table[first:]
    where = f"{path}:{lines.numbers[0]}"
    twice = [name for place, name in enumerate(header) if name in header[:place]]
    if twice:
        raise DataError(f"{where}: the column '{twice[0]}' appears twice in the header")
    for name in required:
        if name not in header:
            hint = nearest_hint(name, header) or f"; it has: {', '.join(header)}"
            raise DataError(f"{where}: there is no column '{name}'{hint}")
    if not rows:
        raise DataError(f"{path} has a header and no rows; download it again")
    for place, row in enumerate(rows, first):
        if len(row) != len(header):
            raise DataError(
                f"{path}:{lines.numbers[place]}: expected {counted(len(header), 'cell')}, got {len(row)}: "
                f"{lines.texts[place][:120]!r}"
            )
    notes = (
        ()
        if delimiter == "," or is_blank
        else (f"{path.name}: cells are separated by {delimiter!r}, not by commas",)
    )
    columns = {name: list(column) for name, column in zip(header, zip(*rows, strict=True), strict=True)}
    return CsvTable(path, columns, lines.numbers[first:], notes)


def name_column(table: CsvTable, stems: Sequence[str], besides: Sequence[str]) -> str | None:
    """The column that names pictures: by file names with a suffix, or by all of `stems` and nothing else.

    Args:
        table: Where the column is looked for.
        stems: The file names of the pictures, without suffix.
        besides: Columns that are something else.

    Raises:
        DataError: Two columns name pictures.
    """
    columns = {name: cells for name, cells in table.columns.items() if name not in besides}
    found = [
        name
        for name, cells in columns.items()
        if all(is_picture_name(cell.replace("\\", "/").rpartition("/")[2]) for cell in cells)
    ]
    if not found:
        wanted = sorted(stems)
        found = [name for name, cells in columns.items() if sorted(cells) == wanted]
    if len(found) > 1:
        raise DataError(
            f"{table.path}: the columns {' and '.join(found)} both name pictures, and which is meant is not "
            f"clear; keep one of them"
        )
    return found[0] if found else None


def row_numbers(table: CsvTable, count: int, besides: Sequence[str]) -> Sequence[int]:
    """The place of each row: that of a column which numbers all rows from 0, else its own.

    Raises:
        DataError: A column called `id`, `row` or `index` holds anything else.
    """
    for name, cells in table.columns.items():
        if name in besides or name.lower() not in _NUMBERING:
            continue
        if sorted(cells) != sorted(map(str, range(count))):
            raise DataError(
                f"{table.path}: the column '{name}' neither names the pictures nor numbers them from 0 to "
                f"{count - 1}; fix or remove it"
            )
        return [int(cell) for cell in cells]
    return range(count)


def delimiter_of(header: str) -> str:
    """The delimiter of a table: the most frequent of `,`, `;`, tab and `|` in its header."""
    return max(",;\t|", key=header.count)


def _split_cells(lines: Lines, delimiter: str) -> list[list[str]]:
    """The cells of each line; a row never goes over several lines, as no name of an image does."""
    table, reader = [], csv.reader(lines.texts, delimiter=delimiter, skipinitialspace=True)
    try:
        for row in reader:
            table.append(row)
            if reader.line_num != len(table):
                break
    except csv.Error as error:
        raise DataError(f"{lines.path}:{lines.numbers[len(table)]}: {error}") from error
    if len(table) < len(lines.texts):
        place = len(table) - 1
        raise DataError(
            f"{lines.path}:{lines.numbers[place]}: a quotation mark is not closed: "
            f"{lines.texts[place][:120]!r}"
        )
    return table


def read_csv_pairs(path: Path, labelled: bool) -> PairList:
    """Reads a CSV file with the columns `image_A`, `image_B` and, where `labelled`, `match` of 0 or 1.

    A column `id` names the rows.

    Raises:
        DataError: The file is not such a table, a label is not 0 or 1, or an id appears twice.
    """
    table = read_csv_table(path, ["image_A", "image_B", *(["match"] if labelled else [])])
    first, second = table.columns["image_A"], table.columns["image_B"]
    labels = np.full(len(first), UNKNOWN, np.int64)
    if labelled:
        labels = binary_labels(table.columns["match"], path, table.line_numbers)
    ids = table.columns.get("id")
    if ids is not None and (places := repeated(ids)):
        line = table.line_numbers[places[0]]
        raise DataError(f"{path}:{line}: the id '{ids[places[0]]}' appears twice; fix this line")
    return PairList(path, first, second, labels, table.line_numbers, table.notes, ids)


def split_image_pair(text: str, separator: str, path: Path, line: int) -> tuple[str, str]:
    """The two image names that a separator joins, which may also stand inside a name.

    Raises:
        DataError: The text is not a pair of image names.

    >>> split_image_pair("a-1.jpg-b.png", "-", Path("sample.csv"), 2)
    ('a-1.jpg', 'b.png')
    """
    parts = text.split(separator)
    for place in range(1, len(parts)):
        first, second = separator.join(parts[:place]), separator.join(parts[place:])
        if is_picture_name(first) and is_picture_name(second):
            return first, second
    raise DataError(f"{path}:{line}: expected two image names joined by '{separator}', got '{text[:120]}'")
