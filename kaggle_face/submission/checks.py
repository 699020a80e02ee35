"""Checks of a submission table before it is written as CSV or uploaded.

Row ids are compared with the competition's test files and with the sample submission. Where the two
disagree because the sample lacks rows, the test files are right (such samples have been published) and the
difference comes back as a note. Where the sample has rows that the test files do not, files are missing.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.files.atomic import replacing
from kaggle_face.artifacts.files.cells import csv_quoting
from kaggle_face.artifacts.files.hashing import hash_of_file
from kaggle_face.artifacts.files.reading import size_of_regular
from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.csv_tables import delimiter_of, read_csv_table
from kaggle_face.competitions.submission.formats import MISSING_CELLS
from kaggle_face.competitions.submission.tables import SubmissionTable
from kaggle_face.errors import SubmissionError, counted, naming_first
from kaggle_face.records import StrArray, positions_of
from kaggle_face.submission.expectations import Block, CellRule, Expectation, Labels, Probabilities, Scores

_NO_VALUE = frozenset(("", "nan", "none", "null", "na", "<na>"))
"""In small letters: marks of a missing value, unless a class is called so and pandas reads it as a name."""


@dataclass(frozen=True, eq=False)
class CheckedTable:
    """A table that passed every check, and notes on it."""

    table: SubmissionTable
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """The number of rows below the header."""
        return len(self.table)


def check_table(table: SubmissionTable, expected: Expectation) -> CheckedTable:
    """The table, if Kaggle would take it.

    Raises:
        SubmissionError: Columns, rows or a cell are wrong; one line with the count and the first of them.
        DataError: The sample submission is not a table.
    """
    sample = _read_sample(expected)
    _require_columns(table.columns, expected, sample)
    table = replace(table, id_place=expected.id_place)
    notes = _check_rows(table.ids, expected, None if sample is None else sample.ids)
    ordered = in_test_order(table, expected)
    ids, cells, start = ordered.ids, ordered.cells, 0
    for block in expected.blocks or (Block(len(ids), (None,) * len(table.columns)),):
        stop = start + block.rows
        for place, column in table.other_columns:
            if place in block.fixed:
                continue
            notes += _check_cells(cells[column][start:stop], ids[start:stop], column, block.rules[place])
        start = stop
    return CheckedTable(table, tuple(notes))


def in_test_order(table: SubmissionTable, expected: Expectation) -> SubmissionTable:
    """A table with its rows in the order of the test files, in which blocks follow each other."""
    wanted = expected.row_ids
    if wanted is None or np.array_equal(table.ids, wanted):
        return table
    rows = positions_of(wanted, table.ids, "rows of the table")
    return replace(table, cells={name: column[rows] for name, column in table.cells.items()})


def check_expected(expected: Expectation) -> None:
    """Checks the rows and columns of a table before there are answers for it: test files against the sample.

    Raises:
        SubmissionError: Kaggle would not take a table of these rows and columns.
        DataError: The sample submission is not a table.
    """
    assert expected.row_ids is not None, "the test files are at hand"
    sample = _read_sample(expected)
    _require_columns(expected.columns, expected, sample)
    _check_rows(expected.row_ids, expected, None if sample is None else sample.ids)


def check_csv(path: Path, expected: Expectation) -> CheckedTable:
    """The table of a CSV file that the user brings, if Kaggle would take it.

    Raises:
        SubmissionError: The file is missing or no table, or `check_table` refuses it; the file is named.
    """
    table = read_csv(path)
    delimiter = delimiter_of(",".join(table.columns))
    if len(table.columns) == 1 and delimiter != ",":
        raise SubmissionError(
            f"{path}: cells are separated by {delimiter!r}; a submission has commas, so write it with these"
        )
    try:
        return check_table(table, expected)
    except SubmissionError as error:
        raise SubmissionError(f"{path}: {error}") from error


def read_csv(path: Path) -> SubmissionTable:
    """A CSV file as a table of text, nothing taken for a number.

    Raises:
        SubmissionError: The file is missing, is not UTF-8 text, or a line has too few or too many cells.
    """
    cells: list[str] = []  # all in one list: 900,000 rows as lists of their own take three times as long
    odd: list[str] = []
    lines = 1
    try:
        size_of_regular(path)
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = tuple(next(reader, ()))
            for row in reader:
                lines += 1
                if len(row) == len(header):
                    cells += row
                elif row:
                    odd.append(f"line {lines} with {len(row)}")
    except (OSError, ValueError, csv.Error) as error:
        raise SubmissionError(f"{path} cannot be read: {error}") from error
    if odd:
        what = naming_first(len(odd), lines, "line", f"do not have {len(header)} cells", odd[0])
        raise SubmissionError(f"{path}: {what}")
    if not header:
        raise SubmissionError(f"{path} is empty")
    if len(set(header)) < len(header):
        raise SubmissionError(f"{path}: a column's name appears twice in the header {','.join(header)}")
    columns = {name: as_text(cells[place :: len(header)]) for place, name in enumerate(header)}
    return SubmissionTable(header, columns)


def _read_sample(expected: Expectation) -> SubmissionTable | None:
    """The sample submission, read as the rest of the data: with any separator, as the CSV has commas."""
    if expected.sample is None:
        return None
    columns = read_csv_table(expected.sample, []).columns
    cells = {name: as_text(column) for name, column in columns.items()}
    return SubmissionTable(tuple(columns), cells, min(expected.id_place, len(columns) - 1))


@dataclass(frozen=True)
class WrittenSubmission:
    """A CSV file, the hash of its bytes in hexadecimal digits, and its rows below the header."""

    path: Path
    sha256: str
    rows: int


def write_submission(checked: CheckedTable, path: Path) -> WrittenSubmission:
    """Writes the table as CSV: the file appears whole or not at all. Only a checked table can be written."""
    table = checked.table
    columns = [table.cells[name].tolist() for name in table.columns]
    quoting = csv_quoting(cell for column in columns for cell in column)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n", quoting=quoting)
        writer.writerow(table.columns)
        writer.writerows(zip(*columns, strict=True))
    return WrittenSubmission(path, hash_of_file(path), checked.rows)


def existing_submission(path: Path, checked: CheckedTable) -> WrittenSubmission:
    """The record of a CSV file that the user brought and that passed the checks."""
    return WrittenSubmission(path, hash_of_file(path), checked.rows)


def _require_columns(columns: tuple[str, ...], expected: Expectation, sample: SubmissionTable | None) -> None:
    wanted = expected.columns if sample is None else sample.columns
    if wanted and wanted != columns:
        source = expected.sample or "the competition"
        raise SubmissionError(f"the columns are {','.join(columns)}, but {source} has {','.join(wanted)}")


def _check_rows(ids: StrArray, expected: Expectation, sample_ids: StrArray | None) -> list[str]:
    """Compares row ids with the test files and the sample; a sample that lacks rows is a note."""
    if not len(ids):
        raise SubmissionError("the table has no rows")
    if len(set(ids.tolist())) < len(ids):
        values, counts = np.unique(ids, return_counts=True)
        repeated = counts > 1
        first = str(values[repeated][0])
        raise SubmissionError(naming_first(int(repeated.sum()), len(values), "row id", "appear twice", first))
    test_ids = expected.row_ids
    if test_ids is None:
        if sample_ids is not None:
            _check_same_rows(ids, sample_ids, f"the sample submission {expected.sample}")
        return []
    if sample_ids is None:
        _check_same_rows(ids, test_ids, "the test files")
        return []
    _refuse_foreign_sample(sample_ids, test_ids, expected.sample)
    is_stale = len(set(sample_ids.tolist())) < len(test_ids)
    if is_stale and np.array_equal(ids, sample_ids):
        difference = _difference(test_ids, sample_ids, "of the test files")
        raise SubmissionError(
            f"the rows are those of {expected.sample}, which is stale: {difference}; "
            f"write the rows of the test files"
        )
    if not np.array_equal(ids, sample_ids):
        _check_same_rows(ids, test_ids, "the test files")
    if not is_stale:
        return []
    return [
        f"the sample submission {expected.sample} is stale: "
        f"{_difference(test_ids, sample_ids, 'of the test files')}; the test files' rows are used"
    ]


def _refuse_foreign_sample(sample_ids: StrArray, test_ids: StrArray, sample: Path | None) -> None:
    """A sample may lack rows of the test files; where it has others, test files are missing.

    Raises:
        SubmissionError: The sample has rows that the test files do not have.
    """
    known = set(test_ids.tolist())
    foreign = [row for row in sample_ids.tolist() if row not in known]
    if foreign:
        what = naming_first(
            len(foreign),
            len(sample_ids),
            f"row of the sample submission {sample}",
            f"are not among the {len(test_ids)} of the test files",
            foreign[0],
        )
        raise SubmissionError(
            f"{what}; test files are missing or are "
            f"others: unpack the archives below data.root again, then predict again"
        )


def _check_same_rows(ids: StrArray, wanted: StrArray, source: str) -> None:
    if np.array_equal(ids, wanted):
        return
    if set(ids.tolist()) != set(wanted.tolist()):
        raise SubmissionError(_difference(wanted, ids, f"of {source}"))
    place = int((ids != wanted).argmax())
    raise SubmissionError(
        f"the rows are in another order than in {source}, first: row {place + 1} is {ids[place]} "
        f"instead of {wanted[place]}"
    )


def _difference(wanted: StrArray, found: StrArray, of_source: str) -> str:
    """The difference of two sets of ids: the missing ones, then the foreign ones, with counts."""
    present, known = set(found.tolist()), set(wanted.tolist())
    missing = [row for row in wanted.tolist() if row not in present]
    foreign = [row for row in found.tolist() if row not in known]
    parts = []
    if missing:
        parts.append(naming_first(len(missing), len(wanted), f"row {of_source}", "are missing", missing[0]))
    if foreign:
        parts.append(naming_first(len(foreign), len(found), "row", f"are none {of_source}", foreign[0]))
    return "; ".join(parts)


def _check_cells(cells: StrArray, ids: StrArray, column: str, rule: CellRule | None) -> list[str]:
    names: set[str] = set(rule.allowed.tolist()) - MISSING_CELLS if isinstance(rule, Labels) else set()
    values = cells.tolist()
    empty = np.fromiter(
        (cell.strip().lower() in _NO_VALUE and cell not in names for cell in values), bool, len(cells)
    )
    if empty.any():
        raise _cell_error(empty, cells, ids, f"cell of '{column}'", "hold no value")
    match rule:
        case None:
            return []
        case Probabilities():
            _check_scores(cells, ids, column, Scores(0.0, 1.0))
            return []
        case Scores():
            return _check_scores(cells, ids, column, rule)
        case Labels():
            _check_labels(cells, ids, column, rule)
            return []
        case _:
            assert_never(rule)


def _check_scores(cells: StrArray, ids: StrArray, column: str, rule: Scores) -> list[str]:
    try:
        values = cells.astype(np.float64)
    except ValueError:
        wrong = np.fromiter((not _is_number(cell) for cell in cells.tolist()), bool, len(cells))
        raise _cell_error(wrong, cells, ids, f"cell of '{column}'", "hold no number") from None
    outside = ~np.isfinite(values)
    if outside.any():
        raise _cell_error(outside, cells, ids, f"score of '{column}'", "are not finite")
    outside = (values < rule.lowest) | (values > rule.highest)
    if outside.any():
        raise _cell_error(
            outside, cells, ids, f"score of '{column}'", f"are not within {rule.lowest:g} to {rule.highest:g}"
        )
    if len(values) > 1 and values.min() == values.max():
        return [f"all {len(values)} scores of '{column}' are {cells[0]}"]
    return []


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _check_labels(cells: StrArray, ids: StrArray, column: str, rule: Labels) -> None:
    allowed, length = set(rule.allowed.tolist()), rule.per_row
    if length == 1:
        what = f"label of '{column}'", f"are not among the {counted(len(allowed), 'class')}"
        wrong = np.fromiter((cell not in allowed for cell in cells.tolist()), bool, len(cells))
    else:
        what = f"cell of '{column}'", f"do not hold {length} different known labels"
        rankings = (cell.split(" ") for cell in cells.tolist())
        good = (
            len(labels) == len(set(labels)) == length and allowed.issuperset(labels) for labels in rankings
        )
        wrong = ~np.fromiter(good, bool, len(cells))
    if wrong.any():
        raise _cell_error(wrong, cells, ids, *what)


def _cell_error(
    wrong: npt.NDArray[np.bool_], cells: StrArray, ids: StrArray, noun: str, clause: str
) -> SubmissionError:
    first = int(wrong.argmax())
    text = naming_first(int(wrong.sum()), len(cells), noun, clause, f"'{cells[first]}' in row {ids[first]}")
    return SubmissionError(text)
