"""Checks of what callers hand to a metric: one-dimensional, finite in number, of one length."""

from __future__ import annotations

from collections.abc import Iterator
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
        InputError: not one-dimensional, or empty.

    >>> as_ids(["ann", "bob"], "people").shape
    (2,)
    """
    return _one_dimensional(values, name)


def require_same_length(first: npt.NDArray[Any], second: npt.NDArray[Any], names: str) -> None:
    """Check that two columns have one length.

    Raises:
        InputError: the lengths differ.
    """
    if len(first) != len(second):
        raise InputError(f"{names} must have one length, got {len(first)} and {len(second)}")


def require_share(value: float, name: str) -> None:
    """Check that a number lies in [0, 1].

    Raises:
        InputError: it does not, or is NaN.
    """
    if not 0 <= value <= 1:
        raise InputError(f"{name} must be between 0 and 1, got {value}")


def require_confidence(value: float) -> None:
    """Check that the share of a central interval lies between 0 and 1.

    Raises:
        InputError: it does not, or is NaN.
    """
    if not 0 < value < 1:
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
    """Values as an array; memory maps stay what they are.

    Raises:
        InputError: Rows of different lengths.
    """
    try:
        return np.asanyarray(values)
    except ValueError:
        raise InputError(f"{name} must be a table, got rows of different lengths") from None


def as_numbers(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Numbers as an array, of whatever type they have; memory maps stay what they are.

    Raises:
        InputError: Rows of different lengths, or values that are not numbers.

    >>> as_numbers([[1, 2]], "logits").shape
    (1, 2)
    """
    array = as_array(values, name)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name} must be numbers, got {array.dtype}")
    return array


def _one_dimensional(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    array = as_array(values, name)
    if array.ndim != 1:
        raise InputError(f"{name} must be one-dimensional, got shape {array.shape}")
    if not len(array):
        raise InputError(f"{name} must not be empty")
    return array
