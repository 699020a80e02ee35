"""CSV tables of text columns: the one way in which ids reach the disk and come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.atomic import replacing
from kaggle_face.artifacts.reading import read_columns, reading
from kaggle_face.errors import DataError
from kaggle_face.records import IntArray, StrArray
from kaggle_face.text_keys import are_different

_MAX_CHARACTERS = 1 << 30


def write_table(path: Path, columns: Mapping[str, npt.NDArray[Any] | Sequence[Any]]) -> None:
    """Writes columns of equal length as CSV with a header, '\\n' line ends and quotes only where needed."""
    import pandas as pd

    with replacing(path) as temporary:
        pd.DataFrame(dict(columns)).to_csv(temporary, index=False, lineterminator="\n")


def read_table(path: Path, columns: Sequence[str]) -> dict[str, StrArray]:
    """Reads the named columns of a CSV table as text; nothing is taken for a number or for missing.

    Raises:
        RunError: The file is missing or damaged, or a column is missing or stands twice.
    """
    return {name: as_text(cells) for name, cells in zip(columns, read_columns(path, columns), strict=True)}


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


def read_labels(path: Path, num_classes: int) -> tuple[StrArray, IntArray]:
    """Ids and true class indices of images: the columns `image_id` and `label`.

    Raises:
        RunError: The file is missing or damaged, names an image twice, or a class beyond the classes.
    """
    table = read_table(path, ["image_id", "label"])
    with reading(path):
        if not are_different(table["image_id"]):
            raise ValueError("an image stands twice")
    return table["image_id"], as_integers(path, table["label"], 0, num_classes - 1)


def as_text(values: Sequence[str]) -> StrArray:
    """A text array, also from no values at all.

    Raises:
        DataError: It would take gigabytes, for each text takes as much as the longest.
    """
    longest = max(map(len, values), default=0)
    if longest * len(values) > _MAX_CHARACTERS:
        raise DataError(f"a text of {longest:,} characters stands among {len(values):,}; make it shorter")
    return np.asarray(list(values), dtype=np.str_) if len(values) else np.empty(0, np.str_)
