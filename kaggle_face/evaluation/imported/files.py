"""Files of predictions that were made elsewhere: CSV, Parquet, or `.npy` with text files beside it.

Beside `oof.npy` lie `oof.ids.txt` (an id a line) or `oof.ids.csv` (columns of ids, with a header), and for
several columns `oof.classes.txt` (a class a line). Nothing is taken by position, and nothing is unpickled.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_face.artifacts.files.reading import read_array, read_rows, read_text, reading
from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.csv_tables import delimiter_of
from kaggle_face.errors import DataError, InputError, counted
from kaggle_face.records import FloatArray, StrArray

SUFFIXES = (".csv", ".parquet", ".npy")
_MOST_BYTES_OF_NAMES = 1 << 30
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
        InputError: Its suffix is none of `SUFFIXES`, or it needs a package that is not installed.
        RunError: It is missing or damaged.
        DataError: A column stands twice, or a row has another number of cells than the header.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"predictions are read from {', '.join(SUFFIXES)}, got {path}")
    with reading(path):
        path.stat()
    match suffix:
        case ".csv":
            return _open_csv(path)
        case ".parquet":
            return _open_parquet(path)
        case _:
            return _open_array(path)


def _open_csv(path: Path) -> PredictionFile:
    with reading(path), path.open(encoding="utf-8-sig", newline="") as stream:
        first = stream.readline()
        separator = delimiter_of(first)
        header = next(csv.reader([first], delimiter=separator, strict=True), [])
        for number, line in enumerate(stream, 2):
            row = line.rstrip("\r\n")
            cells = row.count(separator) + 1
            if '"' in row:
                cells = len(next(csv.reader([row], delimiter=separator, strict=True)))
            if row and cells != len(header):
                raise DataError(f"line {number} has {counted(cells, 'cell')}, the header has {len(header)}")

    def columns(positions: Sequence[int], dtype: type) -> Any:
        import pandas as pd

        with reading(path):
            return pd.read_csv(
                path,
                sep=separator,
                header=0,
                names=list(range(len(header))),
                usecols=list(positions),
                dtype=dtype,
                keep_default_na=dtype is not str,
                encoding="utf-8-sig",
            )[list(positions)]

    return PredictionFile(
        path,
        (path,),
        _distinct(path, header),
        lambda position: _stripped(columns([position], str)[position].tolist()),
        lambda positions: np.asarray(columns(positions, np.float64).to_numpy(np.float64)),
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

    with reading(path):
        frame = pd.read_parquet(path, engine="pyarrow")
        if frame.index.name is not None:
            frame = frame.reset_index()

    def numbers(positions: Sequence[int]) -> FloatArray:
        with reading(path):
            return np.asarray(frame.iloc[:, list(positions)].to_numpy(np.float64))

    header = _distinct(path, [str(name) for name in frame.columns])
    return PredictionFile(
        path, (path,), header, lambda position: _stripped(frame.iloc[:, position].tolist()), numbers
    )


def _open_array(path: Path) -> PredictionFile:
    array = read_array(path)
    if array.ndim not in (1, 2):
        raise DataError(f"{path}: expected (N,) scores or (N, C) predictions, got shape {array.shape}")
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
    return read_text(path, _MOST_BYTES_OF_NAMES).rstrip("\n").splitlines()


def _distinct(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in header)
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{path}: the column '{name}' stands twice")
        seen.add(name)
    return names


def _stripped(cells: Sequence[object]) -> StrArray:
    return as_text([str(cell).strip() for cell in cells])
