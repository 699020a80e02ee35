"""CSV tables of text columns: the one way in which ids reach the disk and come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.atomic import reading, replacing
from kaggle_face.errors import RunError
from kaggle_face.records import StrArray


def write_table(path: Path, columns: Mapping[str, npt.NDArray[Any] | Sequence[Any]]) -> None:
    """Writes columns of equal length as CSV with a header, '\\n' line ends and quotes only where needed."""
    import pandas as pd

    # A carriage return ends a line for readers, and is not quoted where lines end otherwise.
    texts = (column for column in map(np.asarray, columns.values()) if column.dtype.kind == "U")
    returns = any("\r" in text for column in texts for text in column.tolist())
    quoting: Literal[0, 1] = 1 if returns else 0  # csv.QUOTE_ALL, csv.QUOTE_MINIMAL
    with replacing(path) as temporary:
        pd.DataFrame(dict(columns)).to_csv(temporary, index=False, lineterminator="\n", quoting=quoting)


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
    return {name: as_text(frame[name].tolist()) for name in columns}


def as_text(values: Sequence[str]) -> StrArray:
    """A text array, also from no values at all."""
    return np.asarray(list(values), dtype=np.str_) if len(values) else np.empty(0, np.str_)
