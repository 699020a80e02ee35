"""CSV tables: text columns, whole numbers, and numbers as hexadecimal text.

A text comes back as it was, whatever a file name may hold. In the file, a text that a spreadsheet would take
for a formula has an apostrophe before it, by which spreadsheets show it as text.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.files.atomic import replacing
from kaggle_face.artifacts.files.cells import csv_quoting, from_cell, to_cell
from kaggle_face.artifacts.files.reading import read_columns, reading
from kaggle_face.errors import DataError
from kaggle_face.records import IntArray, StrArray
from kaggle_face.string_hashing import are_different

_MAX_CHARACTERS = 1 << 30


def write_table(path: Path, columns: Mapping[str, npt.NDArray[Any] | Sequence[Any]]) -> None:
    """Writes columns of equal length as CSV with a header, '\\n' line ends and quotes only where needed."""
    import pandas as pd

    cells = {
        name: [to_cell(value) if isinstance(value, str) else value for value in values]
        if _has_text(values)
        else values
        for name, values in columns.items()
    }
    columns_of_text = [column for column in cells.values() if _has_text(column)]
    texts = [text for column in columns_of_text for text in column if isinstance(text, str)]
    is_blank = any(text.isspace() for text in texts)  # alone on its line, it is passed over when it is read
    quoting = csv.QUOTE_NONNUMERIC if is_blank else csv_quoting(texts)
    with replacing(path) as temporary:
        frame = pd.DataFrame(cells)
        frame.to_csv(temporary, index=False, lineterminator="\n", quoting=quoting)


def _has_text(values: npt.NDArray[Any] | Sequence[Any]) -> bool:
    return not isinstance(values, np.ndarray) or values.dtype.kind in "UO"


def read_table(path: Path, columns: Sequence[str]) -> dict[str, StrArray]:
    """Reads the named columns of a CSV table as text; nothing is taken for a number or for missing.

    Raises:
        RunError: The file is missing or damaged, or a column is missing or appears twice.
    """
    found = zip(columns, read_columns(path, columns), strict=True)
    return {name: as_text(list(map(from_cell, cells))) for name, cells in found}


def as_integers(path: Path, column: StrArray, low: int, high: int) -> IntArray:
    """The whole numbers of a column of text; `path` names it in errors.

    Raises:
        RunError: A cell is not a whole number from `low` to `high`.
    """
    with reading(path):
        numbers = column.astype(np.int64) if len(column) else np.empty(0, np.int64)
        strange = numbers[(numbers < low) | (numbers > high)]
        if len(strange):
            raise ValueError(f"{strange[0]} is not from {low} to {high}")
    return numbers


def to_hex(numbers: npt.NDArray[Any]) -> list[str]:
    """Integers of one type as hexadecimal texts of one length, the lowest byte first."""
    digits = 2 * numbers.dtype.itemsize
    joined = numbers.astype(numbers.dtype.newbyteorder("<")).tobytes().hex()
    return [joined[start : start + digits] for start in range(0, len(joined), digits)]


def from_hex(texts: StrArray, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The array that `to_hex` was given.

    Raises:
        ValueError: A text is not one of its results.
    """
    kind = np.dtype(dtype)
    joined = "".join(texts.tolist())
    packed = bytes.fromhex(joined)  # skips blanks, so the length is looked at afterwards
    longest = texts.dtype.itemsize // 4
    if (
        longest > 2 * kind.itemsize
        or len(packed) != kind.itemsize * len(texts)
        or 2 * len(packed) != len(joined)
    ):
        raise ValueError(f"not {2 * kind.itemsize} hexadecimal digits")
    return np.frombuffer(packed, kind.newbyteorder("<")).astype(kind)


def read_labels(path: Path, num_classes: int) -> tuple[StrArray, IntArray]:
    """Ids and true class indices of images: the columns `image_id` and `label`.

    Raises:
        RunError: The file is missing or damaged, names an image twice, or a class beyond the classes.
    """
    table = read_table(path, ["image_id", "label"])
    with reading(path):
        if not are_different(table["image_id"]):
            raise ValueError("an image appears twice")
    return table["image_id"], as_integers(path, table["label"], 0, num_classes - 1)


def as_text(values: Sequence[str]) -> StrArray:
    """A text array, also from no values at all.

    Raises:
        DataError: A text ends with a zero byte, which an array would drop; or the array would take gigabytes,
            for each text takes as much as the longest.
    """
    for value in values:
        if value.endswith("\0"):
            raise DataError(f"the name {value!r} ends with a zero byte; rename it")
    longest = max(map(len, values), default=0)
    if longest * len(values) > _MAX_CHARACTERS:
        raise DataError(f"a text of {longest:,} characters stands among {len(values):,}; make it shorter")
    return np.asarray(list(values), dtype=np.str_) if len(values) else np.empty(0, np.str_)
