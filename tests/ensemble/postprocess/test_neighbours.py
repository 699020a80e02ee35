from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_face.ensemble.postprocess.neighbours import highest_columns, nearest
from kaggle_face.metrics.similarity import normalized


@given(st.integers(0, 1000), st.integers(2, 30), st.integers(1, 8), st.booleans())
def test_neighbours_are_those_of_a_full_sort(seed: int, size: int, count: int, same: bool) -> None:
    rng = np.random.default_rng(seed)
    gallery = normalized(rng.normal(size=(size, 4)))
    queries = gallery if same else normalized(rng.normal(size=(7, 4)))
    rows, cosines = nearest(queries, gallery, count, is_same_set=same)
    for query, (found, values) in enumerate(zip(rows, cosines, strict=True)):
        all_cosines = gallery @ queries[query]
        others = [i for i in np.argsort(-all_cosines) if not (same and i == query)][:count]
        assert found.tolist() == others
        assert values == pytest.approx(all_cosines[others], abs=1e-6)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    points = normalized(np.random.default_rng(0).normal(size=(50, 3)))
    whole = nearest(points, points, 5, is_same_set=True)
    monkeypatch.setattr("kaggle_face.ensemble.postprocess.neighbours.BLOCK_BYTES", 4 * 50 * 7)
    parts = nearest(points, points, 5, is_same_set=True)
    assert np.array_equal(whole[0], parts[0])


def test_an_image_alone_has_no_neighbours() -> None:
    assert nearest(np.ones((1, 1), np.float32), np.ones((1, 1), np.float32), 5, True)[0].shape == (1, 0)


@given(st.integers(0, 1000), st.sampled_from([1, 3, 16]), st.sampled_from([16, 700, 1500]))
def test_the_highest_columns_are_those_of_a_full_sort(seed: int, count: int, num_columns: int) -> None:
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
