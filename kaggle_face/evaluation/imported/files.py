"""Files of predictions that were made elsewhere: CSV, Parquet, or `.npy` with text files beside it.

Beside `oof.npy` lie `oof.ids.txt` (an id a line) or `oof.ids.csv` (columns of ids, with a header), and for
several columns `oof.classes.txt` (a class a line). Nothing is taken by position, and nothing is unpickled.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_face.artifacts.files.reading import read_array, read_rows, read_text, reading
from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.csv_tables import delimiter_of
from kaggle_face.errors import DataError, InputError, counted
from kaggle_face.records import FloatArray, StrArray

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".parquet", ".npy")
_MOST_BYTES_OF_NAMES = 1 << 30
_ADVICE = "save it again where it was made, text as UTF-8"
_ADVICE_ON_ARRAYS = "save it again where it was made, as an array of float32 and not of objects"
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+")
_SAFE_PYARROW = (14, 0, 1)
"""Earlier versions run code that a file holds (CVE-2023-47248)."""


@dataclass(frozen=True, eq=False)
class PredictionFile:
    """A table whose columns are read when their meaning is known.

    Attributes:
        path: The file.
        sources: All files that it was read from, for provenance.
        header: Names of the columns, each once.
        text: The cells of a column, by its position, as text without blanks around them.
        numbers: Columns (N, K), by their positions, as float64; what is missing is NaN.
    """

    path: Path
    sources: tuple[Path, ...]
    header: tuple[str, ...]
    text: Callable[[int], StrArray]
    numbers: Callable[[Sequence[int]], FloatArray]


def open_prediction_file(path: Path) -> PredictionFile:
    """Opens a file of predictions.

    Raises:
        InputError: It does not exist, its suffix is none of `SUFFIXES`, or it needs a package that is not
            installed.
        RunError: It cannot be read.
        DataError: It is empty, a column appears twice, or a row has another number of cells than the header;
            and when numbers are read, a cell holds text.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"predictions are read from {', '.join(SUFFIXES)}, got {path}")
    with reading(path, _ADVICE):
        size = path.stat().st_size if path.exists() else None
    if size is None:
        raise InputError(f"the file {path} does not exist; fix its name, or the folder that it is in")
    if size == 0:
        raise DataError(f"{path} is empty")
    match suffix:
        case ".csv":
            return _open_csv(path)
        case ".parquet":
            return _open_parquet(path)
        case _:
            return _open_array(path)


def _open_csv(path: Path) -> PredictionFile:
    separator, header = _checked_lines(path)
    names = _distinct(path, header)

    def columns(positions: Sequence[int], dtype: type, knows_missing: bool = True) -> pd.DataFrame:
        import pandas as pd

        return pd.read_csv(
            path,
            sep=separator,
            header=0,
            names=list(range(len(names))),
            usecols=list(positions),
            dtype=dtype,
            keep_default_na=knows_missing,
            encoding="utf-8-sig",
        )[list(positions)]

    def text(position: int) -> StrArray:
        with reading(path, _ADVICE):
            return _stripped(columns([position], str, knows_missing=False)[position].tolist())

    def numbers(positions: Sequence[int]) -> FloatArray:
        with reading(path, _ADVICE):
            try:
                frame = columns(positions, np.float64)
            except ValueError:  # a cell is text; which one, is seen among texts
                frame = columns(positions, str)
        return _as_numbers(path, [names[place] for place in positions], frame)

    return PredictionFile(path, (path,), names, text, numbers)


def _checked_lines(path: Path) -> tuple[str, list[str]]:
    """The separator and the header of a CSV, whose lines have as many cells."""
    with reading(path, _ADVICE), path.open(encoding="utf-8-sig", newline="") as stream:
        first = stream.readline()
        separator = delimiter_of(first)
        header = next(csv.reader([first], delimiter=separator, strict=True), [])
        if not header:
            raise DataError("its first line is empty, where the names of its columns are expected")
        for number, line in enumerate(stream, 2):
            row = line.rstrip("\r\n")
            cells = row.count(separator) + 1
            if '"' in row:
                cells = len(next(csv.reader([row], delimiter=separator, strict=True)))
            if row and cells != len(header):
                raise DataError(f"line {number} has {counted(cells, 'cell')}, the header has {len(header)}")
    return separator, header


def _as_numbers(path: Path, names: Sequence[str], frame: pd.DataFrame) -> FloatArray:
    """The numbers (N, K) of columns; missing cells are NaN.

    Raises:
        DataError: A cell holds text; its row below the header and its column are named.
    """
    import pandas as pd

    if all(map(pd.api.types.is_numeric_dtype, frame.dtypes)):
        return np.asarray(frame.to_numpy(np.float64, na_value=np.nan))
    found = [pd.to_numeric(frame.iloc[:, place], errors="coerce") for place in range(len(names))]
    wrong = np.column_stack([column.isna() for column in found]) & frame.notna().to_numpy()
    if not wrong.any():
        return np.column_stack([column.to_numpy(np.float64) for column in found])
    row, column = (int(place) for place in np.argwhere(wrong)[0])
    text = str(frame.iloc[row, column])
    hint = "write decimal points, not commas" if _DECIMAL_COMMA.fullmatch(text.strip()) else "fix this cell"
    raise DataError(
        f"{path}: row {row + 1} below the header holds {text[:40]!r} in the column '{names[column]}', where "
        f"a number is expected; {hint}"
    )


def _open_parquet(path: Path) -> PredictionFile:
    try:
        pyarrow = import_module("pyarrow")
    except ImportError as error:
        raise InputError(
            f"{path} needs the package 'pyarrow' to be read; install it with: "
            "python3 -m pip install pyarrow, or save the predictions as CSV"
        ) from error
    version = tuple(int(part) for part in str(pyarrow.__version__).split(".")[:3] if part.isdecimal())
    if version < _SAFE_PYARROW:
        raise InputError(
            f"pyarrow {pyarrow.__version__} runs code that a Parquet file may hold; update it with: "
            "python3 -m pip install --upgrade pyarrow"
        )
    import pandas as pd

    with reading(path, _ADVICE):
        frame = pd.read_parquet(path, engine="pyarrow")
        if frame.index.name is not None:
            frame = frame.reset_index()

    header = _distinct(path, [str(name) for name in frame.columns])

    def numbers(positions: Sequence[int]) -> FloatArray:
        chosen = frame.iloc[:, list(positions)]
        return _as_numbers(path, [header[place] for place in positions], chosen)

    return PredictionFile(
        path, (path,), header, lambda position: _stripped(frame.iloc[:, position].tolist()), numbers
    )


def _open_array(path: Path) -> PredictionFile:
    array = read_array(path, advice=_ADVICE_ON_ARRAYS)
    if array.ndim not in (1, 2):
        raise DataError(f"{path}: expected (N,) scores or (N, C) predictions, got shape {array.shape}")
    if not array.size:
        raise DataError(f"{path} holds no numbers: its shape is {array.shape}")
    values = array.reshape(len(array), -1)
    ids_file, id_names, id_columns = _ids_beside(path)
    names, sources = ["score"], [path, ids_file]
    if array.ndim == 2 and array.shape[1] != 1:
        classes_file = path.with_suffix(".classes.txt")
        _require_beside(path, classes_file, "the class of each column, one a line")
        names, sources = _lines(classes_file), [*sources, classes_file]
    if len(names) != values.shape[1]:
        raise DataError(
            f"{path} has {counted(values.shape[1], 'column')}, and {sources[-1]} names {len(names)}"
        )
    if len(id_columns[0]) != len(values):
        raise DataError(
            f"{path} has {counted(len(values), 'row')}, and {ids_file} names {len(id_columns[0])}"
        )
    count = len(id_names)
    return PredictionFile(
        path,
        tuple(sources),
        _distinct(path, [*id_names, *names]),
        lambda position: _stripped(id_columns[position]),
        lambda positions: np.asarray(values[:, [position - count for position in positions]], np.float64),
    )


def _ids_beside(path: Path) -> tuple[Path, list[str], list[Sequence[str]]]:
    table = path.with_suffix(".ids.csv")
    if table.is_file():
        header, rows = read_rows(table)
        return table, header, [*zip(*rows, strict=True)] if rows else [[] for _ in header]
    names = path.with_suffix(".ids.txt")
    _require_beside(path, names, f"the id of each row, one a line (or {table.name}, columns with a header)")
    return names, ["id"], [_lines(names)]


def _require_beside(path: Path, needed: Path, what: str) -> None:
    if not needed.is_file():
        raise DataError(f"{path} needs {needed.name} beside it: {what}")


def _lines(path: Path) -> list[str]:
    return read_text(path, _MOST_BYTES_OF_NAMES, _ADVICE).rstrip("\n").splitlines()


def _distinct(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in header)
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{path}: the column '{name}' appears twice")
        seen.add(name)
    return names


def _stripped(cells: Sequence[object]) -> StrArray:
    return as_text([str(cell).strip() for cell in cells])
