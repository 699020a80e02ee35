from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_face.ensemble.postprocess.retrieval import (
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


def published_distances(unit: np.ndarray, k1: int, k2: int, own_share: float) -> np.ndarray:
    """Zhong et al. 2017 in float64, step by step over whole rows: every image is query and gallery."""
    exact = unit.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    distances = ((exact[:, None] - exact[None]) ** 2).sum(axis=2)
    distances /= distances.max(axis=1, keepdims=True)
    ranks = np.argsort(distances, axis=1)

    def reciprocal(i: int, k: int) -> set[int]:
        return {int(j) for j in ranks[i, : k + 1] if i in ranks[j, : k + 1]}

    described = np.zeros_like(distances)
    for i in range(len(unit)):
        start = reciprocal(i, k1)
        wide = set(start)
        for j in start:
            half = reciprocal(j, int(np.around(k1 / 2)))
            if len(half & start) > 2 / 3 * len(half):
                wide |= half
        for j in wide:
            described[i, j] = np.exp(-distances[i, j])
        described[i] /= described[i].sum()
    described = np.array([described[ranks[i, :k2]].mean(axis=0) for i in range(len(unit))])
    least = np.minimum(described[:, None], described[None]).sum(axis=2)
    most = np.maximum(described[:, None], described[None]).sum(axis=2)
    final: np.ndarray = (1 - own_share) * (1 - least / most) + own_share * distances
    return final


@given(st.integers(0, 500), st.sampled_from([(1, 1), (2, 1), (4, 2), (5, 3), (7, 1), (9, 4), (20, 6)]))
@settings(max_examples=25)
def test_reciprocal_scores_are_those_of_the_published_algorithm(seed: int, sizes: tuple[int, int]) -> None:
    unit, (k1, k2) = cloud(seed, people=8), sizes
    first, second = (grid.ravel() for grid in np.meshgrid(*[np.arange(len(unit))] * 2, indexing="ij"))
    found = reciprocal_scores(unit, first, second, k1, own_share=0.3, expanded=k2)
    expected = 1 - published_distances(unit, k1, k2, 0.3)
    assert found.reshape(expected.shape) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(("k1", "k2"), [(20, 6), (15, 4), (5, 2), (1, 1)])
def test_descriptions_are_averaged_over_three_tenths_of_the_neighbours(k1: int, k2: int) -> None:
    unit, rows = cloud(11, people=8), np.arange(31)
    scores = reciprocal_scores(unit, rows, rows + 1, k1)
    assert np.array_equal(scores, reciprocal_scores(unit, rows, rows + 1, k1, expanded=k2))


def test_copies_of_one_image_have_no_distance() -> None:
    unit = normalized(np.ones((6, 4), np.float32))
    rows = np.arange(6)
    assert reciprocal_scores(unit, rows, rows, 2) == pytest.approx(np.ones(6))
    assert reciprocal_scores(unit[:1], rows[:1], rows[:1], 5) == pytest.approx(np.ones(1))


def test_an_image_compared_with_itself_scores_one() -> None:
    rows = np.arange(20)
    assert reciprocal_scores(cloud(3), rows, rows, 5) == pytest.approx(np.ones(20), abs=1e-5)
