from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_face.ensemble.retrieval import (
    augment_database,
    blend_neighbourhoods,
    expand_queries,
    reciprocal_scores,
)
from kaggle_face.metrics.similarity import normalized


def cloud(seed: int, people: int = 5, images: int = 4, noise: float = 0.4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, 8))
    return normalized(np.repeat(centres, images, axis=0) + noise * rng.normal(size=(people * images, 8)))


def test_expansion_adds_neighbours_by_their_cosine_to_the_power_alpha() -> None:
    unit = cloud(0)
    query = unit[:1]
    others = unit[1:]
    cosines = others @ query[0]
    best = np.argsort(-cosines)[:3]
    expected = normalized(query + (cosines[best, None] ** 3 * others[best]).sum(axis=0))
    assert expand_queries(query, others, 3, 3.0) == pytest.approx(expected, abs=1e-5)


def test_expansion_moves_nothing_towards_an_opposite() -> None:
    query = np.array([[1.0, 0.0]], np.float32)
    assert expand_queries(query, -query, 1, 1.0) == pytest.approx(query)


def test_an_augmented_gallery_is_tighter_around_each_person() -> None:
    unit = cloud(1)
    augmented = augment_database(unit, 3, 1.0)
    same = [(4 * p + i, 4 * p + j) for p in range(5) for i in range(4) for j in range(i)]
    before = np.mean([unit[a] @ unit[b] for a, b in same])
    after = np.mean([augmented[a] @ augmented[b] for a, b in same])
    assert after > before


def test_an_image_without_a_close_neighbour_stays_where_it_is() -> None:
    unit = normalized(np.array([[1.0, 0, 0], [0.9, 0.1, 0], [0, 0, 1.0]]))
    blended = blend_neighbourhoods(unit, count=2, threshold=0.5)
    assert blended[2] == pytest.approx(unit[2])
    assert blended[0] @ blended[1] > unit[0] @ unit[1]


def test_two_iterations_are_one_after_the_other() -> None:
    unit = cloud(2)
    twice = blend_neighbourhoods(blend_neighbourhoods(unit, 3, 0.5), 3, 0.5)
    assert blend_neighbourhoods(unit, 3, 0.5, iterations=2) == pytest.approx(twice)


def reciprocal_by_sets(
    unit: np.ndarray, pairs: list[tuple[int, int]], k: int, own_share: float
) -> list[float]:
    """The same definition with Python sets and dense rows."""
    cosines = unit.astype(np.float64) @ unit.T.astype(np.float64)
    order = [[j for j in np.argsort(-row) if j != i] for i, row in enumerate(cosines)]

    def near(i: int, count: int) -> set[int]:
        return {i, *map(int, order[i][:count])}

    def mutual(i: int, count: int) -> set[int]:
        return {j for j in near(i, count) if i in near(j, count)}

    rows = np.zeros_like(cosines)
    for i in range(len(unit)):
        wide = set(mutual(i, k))
        for j in mutual(i, k):
            half = mutual(j, max(1, k // 2))
            if len(half & mutual(i, k)) >= 2 / 3 * len(half):
                wide |= half
        for j in wide:
            rows[i, j] = np.exp(2 * (cosines[i, j] - 1))
    smooth = np.array([sum(rows[j] for j in near(i, max(1, k // 4))) for i in range(len(unit))])
    smooth /= smooth.sum(axis=1, keepdims=True)
    scores = []
    for a, b in pairs:
        jaccard = np.minimum(smooth[a], smooth[b]).sum() / np.maximum(smooth[a], smooth[b]).sum()
        scores.append(own_share * cosines[a, b] + (1 - own_share) * jaccard)
    return scores


@given(st.integers(0, 500), st.sampled_from([1, 2, 4, 9]))
@settings(max_examples=15)
def test_reciprocal_scores_are_those_of_the_definition_by_sets(seed: int, k: int) -> None:
    unit = cloud(seed)
    pairs = [(0, 1), (0, 5), (7, 7), (19, 2), (16, 18)]
    first, second = np.array(pairs).T
    found = reciprocal_scores(unit, first, second, k, own_share=0.3)
    assert found == pytest.approx(reciprocal_by_sets(unit, pairs, k, 0.3), abs=1e-5)


def test_an_image_compared_with_itself_scores_one() -> None:
    rows = np.arange(20)
    assert reciprocal_scores(cloud(3), rows, rows, 5) == pytest.approx(np.ones(20), abs=1e-5)
