from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_face.ensemble.postprocess.highest import highest_columns


@given(st.integers(0, 1000), st.sampled_from([1, 3, 16]), st.sampled_from([16, 700, 1500]))
def test_they_are_those_of_a_full_sort(seed: int, count: int, num_columns: int) -> None:
    values = np.random.default_rng(seed).permutation(num_columns * 3).reshape(3, num_columns)
    expected = np.sort(np.argsort(-values, axis=1)[:, :count], axis=1)
    assert np.array_equal(highest_columns(values, count), expected)


@pytest.mark.parametrize("num_columns", [40, 2000])
def test_of_many_equal_values_as_many_are_chosen_as_asked_for(num_columns: int) -> None:
    values = np.full((2, num_columns), -np.inf)
    values[:, -1] = 1.0
    chosen = highest_columns(values, 5)
    assert (chosen[:, -1] == num_columns - 1).all()
    assert all(len(set(row)) == 5 for row in chosen.tolist())
