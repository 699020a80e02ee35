"""CSV tables of text columns: the one way in which ids reach the disk and come back.

A text comes back as it was, whatever a file name may hold. In the file, a text that a spreadsheet would take
for a formula has an apostrophe before it, by which spreadsheets show it as text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.atomic import reading, replacing
from kaggle_face.artifacts.cells import csv_quoting, from_cell, to_cell
from kaggle_face.errors import DataError, RunError
from kaggle_face.records import StrArray


def write_table(path: Path, columns: Mapping[str, npt.NDArray[Any] | Sequence[Any]]) -> None:
    """Writes columns of equal length as CSV with a header, '\\n' line ends and quotes only where needed."""
    import pandas as pd

    cells = {name: _cells(values) for name, values in columns.items()}
    texts = [text for column in cells.values() for text in _texts(column)]
    is_blank = any(text.isspace() for text in texts)  # alone on its line, it is passed over when it is read
    quoting = csv.QUOTE_NONNUMERIC if is_blank else csv_quoting(texts)
    with replacing(path) as temporary:
        frame = pd.DataFrame(cells)
        frame.to_csv(temporary, index=False, lineterminator="\n", quoting=quoting)


def _cells(values: npt.NDArray[Any] | Sequence[Any]) -> npt.NDArray[Any] | Sequence[Any]:
    return (
        [to_cell(value) if isinstance(value, str) else value for value in values]
        if _has_text(values)
        else values
    )


def _texts(values: npt.NDArray[Any] | Sequence[Any]) -> Iterator[str]:
    return (value for value in values if isinstance(value, str)) if _has_text(values) else iter(())


def _has_text(values: npt.NDArray[Any] | Sequence[Any]) -> bool:
    return not isinstance(values, np.ndarray) or values.dtype.kind in "UO"


def read_table(path: Path, columns: Sequence[str]) -> dict[str, StrArray]:
    """Reads the named columns of a CSV table as text; nothing is taken for a number or for missing.

    Raises:
        RunError: The file is missing or damaged, or a column is missing.
    """
    import pandas as pd

    if not path.is_file():
        raise RunError(f"{path} is missing")
    with reading(path):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False)
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise RunError(f"{path} has no column '{missing[0]}'; it has: {', '.join(map(str, frame.columns))}")
    return {name: as_text([from_cell(cell) for cell in frame[name].tolist()]) for name in columns}


def as_text(values: Sequence[str]) -> StrArray:
    """A text array, also from no values at all.

    Raises:
        DataError: A text ends with a zero byte, which an array would drop.
    """
    for value in values:
        if value.endswith("\0"):
            raise DataError(f"the name {value!r} ends with a zero byte; rename it")
    return np.asarray(list(values), dtype=np.str_) if len(values) else np.empty(0, np.str_)
