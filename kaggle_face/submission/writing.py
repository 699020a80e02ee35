"""Writing a checked table as the CSV file that Kaggle takes."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from kaggle_face.artifacts.files.atomic import replacing
from kaggle_face.artifacts.files.cells import csv_quoting
from kaggle_face.artifacts.files.hashing import hash_of_file
from kaggle_face.submission.checks import CheckedTable


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
