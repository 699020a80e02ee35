"""Checks of the arrays that callers hand to a metric: one-dimensional, finite, of one length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

BLOCK_BYTES = 4 << 20
"""Rows are read in blocks of this size: they stay in a core's cache, and memory maps stay on disk."""


def as_scores(values: npt.ArrayLike, name: str = "scores") -> FloatArray:
    """Float32 or float64 scores (N,) in [-inf, inf]; float16 and integers are widened without loss.

    Raises:
        InputError: not one-dimensional, empty, not numbers, or NaN.

    >>> as_scores([1, 2]).dtype
    dtype('float64')
    """
    scores = _one_dimensional(values, name)
    if scores.dtype.kind not in "fiub":
        raise InputError(f"{name} must be numbers, got {scores.dtype}")
    if scores.dtype not in (np.float32, np.float64):
        scores = scores.astype(np.float32 if scores.dtype == np.float16 else np.float64)
    if np.isnan(scores.min()):  # the minimum passes a NaN on, and is twice as fast as isnan().any()
        raise InputError(f"{name} must not be NaN, got NaN at position {int(np.isnan(scores).argmax())}")
    return scores


def as_flags(values: npt.ArrayLike, name: str = "labels") -> BoolArray:
    """Booleans (N,) from 0 and 1 of any number type.

    Raises:
        InputError: not one-dimensional, empty, or a value other than 0 and 1.

    >>> as_flags([0, 1, 1.0]).tolist()
    [False, True, True]
    """
    flags = _one_dimensional(values, name)
    if flags.dtype == np.bool_:
        return flags
    if flags.dtype.kind not in "fiu":
        raise InputError(f"{name} must be 0 or 1, got {flags.dtype}")
    ones = np.asarray(flags == 1)
    valid = ones | (flags == 0)
    if not valid.all():
        place = int(np.argmin(valid))
        raise InputError(f"{name} must be 0 or 1, got {flags[place]} at position {place}")
    return ones


def as_ids(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Ids (N,) of any type that can be compared: integers or text.

    Raises:
        InputError: not one-dimensional, empty, an id that is missing, or ids that cannot be compared.

    >>> as_ids(["ann", "bob"], "people").shape
    (2,)
    """
    ids = _one_dimensional(values, name)
    require_ids(ids, name)
    return ids


def require_ids(ids: npt.NDArray[Any], name: str) -> None:
    """Checks that ids of any shape are present and comparable with each other.

    Raises:
        InputError: An id is missing (NaN, None), or ids are of kinds that cannot be compared.
    """
    if ids.dtype.kind in "cV":
        raise InputError(f"{name} must be numbers or text, got {ids.dtype}")
    if ids.dtype.kind not in "fmMO":
        return
    try:
        missing = (ids != ids).astype(np.bool_)
        if ids.dtype == object:
            missing |= np.reshape([each is None for each in ids.flat], ids.shape)
            np.sort(ids[~missing])
    except TypeError:  # pandas' NA is neither true nor false
        raise InputError(f"{name} must be ids of one kind, numbers or text, and none missing") from None
    if missing.any():
        place = int(missing.argmax()) // (ids.size // len(ids))
        raise InputError(f"{name} must not be missing, got {ids.flat[missing.argmax()]} at position {place}")


def require_same_length(first: npt.NDArray[Any], second: npt.NDArray[Any], names: str) -> None:
    """Check that two columns have one length.

    Raises:
        InputError: the lengths differ.
    """
    if len(first) != len(second):
        raise InputError(f"{names} must have one length, got {len(first)} and {len(second)}")


def require_finite(values: npt.NDArray[Any], name: str) -> None:
    """Check that all numbers of an array are finite.

    Raises:
        InputError: one is NaN or infinite.
    """
    if not np.isfinite(values).all():
        wrong = values.flat[np.isfinite(values).argmin()]
        raise InputError(f"{name} must be finite, got {wrong}")


def as_number(value: float, name: str) -> float:
    """One number, of Python, of NumPy or of a tensor.

    Raises:
        InputError: it is something else.
    """
    array = as_array(value, name)
    if array.ndim or array.dtype.kind not in "fiub":
        raise InputError(f"{name} must be a number, got {_shown(value)}")
    return float(array)


def as_threshold(value: float) -> float:
    """A threshold in [-inf, inf].

    Raises:
        InputError: it is not a number, or NaN, with which every comparison would be false.
    """
    number = as_number(value, "threshold")
    if math.isnan(number):
        raise InputError("threshold must not be NaN")
    return number


def require_whole(value: int, name: str) -> None:
    """Check that a value is a whole number, of Python or of NumPy.

    Raises:
        InputError: it is not, or has more than 64 bits.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or abs(int(value)) >= 1 << 63:
        raise InputError(f"{name} must be a whole number, got {_shown(value)}")


def require_count(value: int, name: str, least: int) -> None:
    """Check that a value is a whole number of a least size.

    Raises:
        InputError: it is not.
    """
    require_whole(value, name)
    if value < least:
        raise InputError(f"{name} must be at least {least}, got {value}")


def require_counts(values: Sequence[int], name: str) -> None:
    """Check that a list holds whole numbers from 1.

    Raises:
        InputError: it does not, or is not a list.
    """
    if isinstance(values, str) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) != 1:
        raise InputError(f"{name} must be in a list, got {_shown(values)}")
    for value in values:
        require_count(value, name, 1)


def require_share(value: float, name: str) -> None:
    """Check that a number lies in [0, 1].

    Raises:
        InputError: it does not, or is NaN.
    """
    if not 0 <= as_number(value, name) <= 1:
        raise InputError(f"{name} must be between 0 and 1, got {value}")


def require_confidence(value: float) -> None:
    """Check that the share of a central interval lies between 0 and 1.

    Raises:
        InputError: it does not, or is NaN.
    """
    if not 0 < as_number(value, "confidence") < 1:
        raise InputError(f"confidence must lie between 0 and 1, got {value}")


def row_blocks(num_rows: int, bytes_per_row: int) -> Iterator[slice]:
    """Slices that cover the rows in order, each of about `BLOCK_BYTES` and at least one row.

    >>> [(rows.start, rows.stop) for rows in row_blocks(5, BLOCK_BYTES // 2)]
    [(0, 2), (2, 4), (4, 5)]
    """
    step = max(1, BLOCK_BYTES // max(1, bytes_per_row))
    for start in range(0, num_rows, step):
        yield slice(start, min(start + step, num_rows))


def as_array(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Values as an array, also those of a tensor of any device; memory maps remain memory maps.

    Raises:
        InputError: Rows of different lengths, masked values, or a tensor without values.
    """
    values = _without_gradient(values, name)
    try:
        array = np.asanyarray(values)
    except ValueError:
        raise InputError(f"{name} must be a table, got rows of different lengths") from None
    except (TypeError, RuntimeError):
        raise InputError(f"{name} must be an array, got {_shown(values)}") from None
    if np.ma.is_masked(array):
        raise InputError(f"{name} must not be masked; drop what is masked")
    return array if isinstance(array, np.memmap) else np.asarray(array)


def as_numbers(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Numbers as an array of their own type; memory maps remain memory maps.

    Raises:
        InputError: Rows of different lengths, or values that are not numbers.

    >>> as_numbers([[1, 2]], "logits").shape
    (1, 2)
    """
    array = as_array(values, name)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name} must be numbers, got {array.dtype}")
    return array


def _without_gradient(values: Any, name: str) -> Any:
    """Tensors as arrays, and items of lists too: metrics do not need gradients. NumPy has no bfloat16."""
    if isinstance(values, list | tuple) and values and hasattr(values[0], "detach"):
        return [_without_gradient(value, name) for value in values]
    if not hasattr(values, "detach"):
        return values
    try:
        values = values.detach().cpu()
        return (values.float() if "bfloat16" in str(values.dtype) else values).numpy()
    except (TypeError, RuntimeError, NotImplementedError):
        raise InputError(f"{name} must be a dense tensor with values, got {_shown(values)}") from None


def _shown(value: object) -> str:
    """A number or a text as it is, of anything else the type."""
    return repr(value)[:100] if isinstance(value, Real | str | None) else type(value).__name__


def _one_dimensional(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    array = as_array(values, name)
    if array.ndim != 1:
        raise InputError(f"{name} must be one-dimensional, got shape {array.shape}")
    if not len(array):
        raise InputError(f"{name} must not be empty")
    return array
