"""Reading files that another program or a person may have changed: typed, bounded, one line an error."""

from __future__ import annotations

import csv
import errno
import io
import json
import stat
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import numpy.typing as npt
    from pydantic import BaseModel

from kaggle_face.artifacts.files.disk import disk_error, state_of
from kaggle_face.errors import DataError, KaggleFaceError, RunError, counted

_MAX_JSON_BYTES = 64 << 20
_MAX_TABLE_BYTES = 1 << 30
_ADVICE = "copy it again, or delete it and run the command that makes it"

# All that csv, json, numpy and the records themselves raise at damaged contents.
_FAULTS = (
    OSError, ValueError, TypeError, EOFError, ArithmeticError, LookupError, AttributeError, AssertionError,
    RecursionError, SyntaxError, TokenError, Warning, csv.Error,
)  # fmt: skip
_NOT_OF_THE_FILE = frozenset(
    (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ELOOP)
)
"""States of the disk or machine, which no other copy of the file would fix."""


@contextmanager
def reading(path: Path, advice: str = _ADVICE) -> Iterator[None]:
    """Turns an error while `path` is read into one line that names it, with advice.

    Raises:
        RunError: The file is missing or damaged.
        DataError: What it holds is refused by the record that is made of it.
        DiskError: The disk or the machine is to blame; the file may be whole.
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except KaggleFaceError:
        raise
    except (*_FAULTS, MemoryError) as error:
        state = state_of(error)
        if state is not None:
            raise disk_error(state, path, "read") from error
        raise unreadable(path, error, advice) from error


def unreadable(path: Path, error: Exception, advice: str = _ADVICE) -> RunError:
    """The error of a file that cannot be read, with the reason."""
    text = getattr(error, "strerror", None) or " ".join(str(error).split()).split(". ")[0]
    what_to_do = "" if getattr(error, "errno", None) in _NOT_OF_THE_FILE else f"; {advice}"
    return RunError(f"{path} cannot be read ({text[:200] or type(error).__name__}){what_to_do}")


def read_text(path: Path, most_bytes: int, advice: str = _ADVICE) -> str:
    """The UTF-8 text of a file, with or without a byte order mark; `advice` is for the error.

    Raises:
        RunError: The file is missing, not a regular file, too large or not text.
    """
    with reading(path, advice):
        size = size_of_regular(path)
        if size > most_bytes:
            raise ValueError(f"{size:,} bytes, at most {most_bytes:,} are expected")
        return path.read_bytes().decode("utf-8-sig")


def read_json(path: Path, shape: type[BaseModel] | None = None) -> dict[str, Any]:
    """The JSON object of a file, whose values are of the types that `shape` names.

    Raises:
        RunError: The file is missing or damaged, or a value is of a wrong type; it is named.
    """
    with reading(path):
        values = json_object(read_text(path, _MAX_JSON_BYTES))
    if shape is not None:
        check_shape(values, shape, str(path))
    return values


def json_object(text: str | bytes) -> dict[str, Any]:
    """The object of a JSON text.

    Raises:
        ValueError: It is not JSON, no object, holds a key twice, or a number that is not finite.
        RecursionError: It is nested too deeply.
    """
    values = json.loads(
        text, object_pairs_hook=_without_twins, parse_constant=_refuse_constant, parse_float=_finite
    )
    if not isinstance(values, dict):
        raise ValueError(f"expected an object, got {type(values).__name__}")
    return values


def check_shape(values: object, shape: type[BaseModel], source: str, advice: str = _ADVICE) -> None:
    """Checks the types of the values of a JSON object.

    Raises:
        RunError: One is wrong; the message has its full name.
    """
    from pydantic import ValidationError

    try:
        shape.model_validate(values)
    except ValidationError as error:
        from kaggle_face.config.wording import describe_mismatch  # it takes the whole of `config`

        raise RunError(f"{source}: {describe_mismatch(error.errors()[0])}; {advice}") from error


def read_columns(path: Path, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """The cells of the named columns of a CSV table whose rows are all as long as its header.

    Raises:
        RunError: The file is missing or damaged, or a column is missing or appears twice.
    """
    header, rows = read_rows(path)
    for name in columns:
        if header.count(name) != 1:
            twice = "two columns" if name in header else "no column"
            raise RunError(f"{path} has {twice} '{name}'; it has: {', '.join(header)}")
    cells = list(zip(*rows, strict=False)) or [()] * len(header)  # all rows are of one length
    return [cells[header.index(name)] for name in columns]


def read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of a CSV table, all of one length; empty lines are left out.

    Raises:
        RunError: The file is missing or damaged.
    """
    if not path.is_file():
        raise RunError(f"{path} is missing")
    text = read_text(path, _MAX_TABLE_BYTES)
    with reading(path):
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = next((row for row in lines if row), None)
        if header is None:
            raise ValueError("no header")
        rows = list(filter(None, lines))
        if set(map(len, rows)) - {len(header)}:
            number, row = next((number, row) for number, row in enumerate(rows, 2) if len(row) != len(header))
            raise ValueError(f"row {number} has {counted(len(row), 'cell')}, its header has {len(header)}")
        if "\0" in text and any(cell.endswith("\0") for row in rows for cell in row):
            raise ValueError("a cell ends with a zero byte")  # an array of text would drop it
    return header, rows


def read_array(
    path: Path, shape: Sequence[int | None] | None = None, kinds: str = "biuf", advice: str = _ADVICE
) -> npt.NDArray[Any]:
    """Opens a `.npy` file of numbers as a read-only memory map, never with pickle.

    Args:
        path: The file.
        shape: The length of each axis, None for any; without it an array of any shape will do.
        kinds: The kinds of dtype that will do, as `numpy.dtype.kind` names them.
        advice: What to do where it cannot be read.

    Raises:
        RunError: The file is missing or damaged, or holds something else.
    """
    import numpy as np

    with reading(path, advice), warnings.catch_warnings():
        warnings.simplefilter("error")  # of a header that Python 2 wrote
        size_of_regular(path)
        try:
            array = np.lib.format.open_memmap(path, mode="r")
        except ValueError as error:
            if "objects" not in str(error):
                raise
            raise ValueError("it holds pickled Python objects, which are never read: save numbers") from error
        if array.dtype.kind not in kinds or not array.dtype.isnative:
            raise ValueError(f"its numbers are of type {array.dtype}")
        if shape is not None and (
            array.ndim != len(shape)
            or any(wanted not in (None, there) for wanted, there in zip(shape, array.shape, strict=True))
        ):
            wanted = ", ".join("any" if length is None else str(length) for length in shape)
            raise ValueError(f"an array of shape {array.shape}, expected ({wanted})")
    return array


def array_from_bytes(data: bytes) -> npt.NDArray[Any]:
    """The array in the bytes of a `.npy` file, never with pickle.

    Raises:
        ValueError: They are damaged, or of another format.
    """
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a header that Python 2 wrote
        try:
            return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        except _FAULTS as error:
            text = " ".join(str(error).split()).split(". ")[0]  # what follows may advise to trust the file
            raise ValueError(f"not a .npy array ({text[:200] or type(error).__name__})") from error


def size_of_regular(path: Path) -> int:
    """The bytes of a file that can be read to its end.

    Raises:
        ValueError: It is a pipe, which would be waited for without end, a device or a folder.
        OSError: It is missing or may not be looked at.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("not a regular file")
    return about.st_size


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key '{twice}' appears twice")
    return values


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0.0:
        raise ValueError(f"the number {text[:40]} is too large")
    return value
