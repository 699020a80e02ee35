from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.errors import InputError
from kaggle_face.metrics.inputs import as_flags, as_ids, as_scores, require_share, row_blocks


def test_float16_scores_are_widened_to_float32() -> None:
    assert as_scores(np.array([0.5], np.float16)).dtype == np.float32


def test_float32_scores_are_not_copied() -> None:
    scores = np.array([0.5, -np.inf, np.inf], np.float32)
    assert as_scores(scores) is scores


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.1, float("nan")], "scores must not be NaN, got NaN at position 1"),
        ([[0.1], [0.2]], r"scores must be one-dimensional, got shape \(2, 1\)"),
        ([], "scores must not be empty"),
        (["0.5"], "scores must be numbers, got <U3"),
    ],
)
def test_wrong_scores_are_refused_by_name(values: list[object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        as_scores(np.array(values))


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.int64, np.float32])
def test_flags_of_every_number_type_are_read(dtype: type[np.generic]) -> None:
    assert as_flags(np.array([1, 0, 1], dtype)).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, 1, -1], "labels must be 0 or 1, got -1 at position 2"),
        ([0.5, 1.0], "labels must be 0 or 1, got 0.5 at position 0"),
        ([float("nan")], "labels must be 0 or 1, got nan at position 0"),
        (["1"], "labels must be 0 or 1, got <U1"),
    ],
)
def test_wrong_flags_are_refused_by_value(values: list[object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        as_flags(np.array(values))


def test_empty_ids_are_refused() -> None:
    with pytest.raises(InputError, match="people must not be empty"):
        as_ids([], "people")


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_share_outside_zero_to_one_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="fpr must be between 0 and 1"):
        require_share(value, "fpr")


def test_a_row_larger_than_a_block_is_a_block_of_its_own() -> None:
    assert [rows.stop - rows.start for rows in row_blocks(3, 1 << 40)] == [1, 1, 1]
