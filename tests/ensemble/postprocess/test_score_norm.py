from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.ensemble.postprocess.score_norm import as_norm, fit_centring, fit_whitening
from kaggle_face.metrics.similarity import normalized


@pytest.fixture
def cohort() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(500, 6)) * [5, 3, 2, 1, 1, 0.5] + [4, 0, 0, 0, 0, 0]


def test_the_centred_cohort_had_its_mean_taken_out(cohort: np.ndarray) -> None:
    projection = fit_centring(cohort)
    unit = normalized(cohort)
    expected = normalized(unit - unit.mean(axis=0))
    assert projection(cohort) == pytest.approx(expected, abs=1e-5)


def test_full_whitening_gives_all_directions_the_same_variance(cohort: np.ndarray) -> None:
    projection = fit_whitening(cohort, power=1.0)
    whitened = (normalized(cohort).astype(np.float64) - projection.mean) @ projection.matrix
    covariance = np.cov(whitened.T)
    assert covariance == pytest.approx(np.eye(6), abs=1e-6)


def test_directions_of_little_variance_are_whitened_as_fully_as_the_others() -> None:
    rng = np.random.default_rng(1)
    cohort = rng.normal(size=(800, 64)) * np.geomspace(1, 1e-3, 64) + 0.5
    projection = fit_whitening(cohort)
    whitened = (normalized(cohort).astype(np.float64) - projection.mean) @ projection.matrix
    assert projection.matrix.shape == (64, 64)
    assert np.cov(whitened.T) == pytest.approx(np.eye(64), abs=1e-4)


@pytest.mark.parametrize(("power", "expected"), [(1.0, 9), (0.5, 9), (0.0, 16)])
def test_directions_that_the_cohort_does_not_have_are_left_out(power: float, expected: int) -> None:
    cohort = np.random.default_rng(2).normal(size=(10, 16))  # ten points span nine directions
    assert fit_whitening(cohort, power).matrix.shape == (16, expected)


def test_power_zero_only_rotates(cohort: np.ndarray) -> None:
    turned, centred = fit_whitening(cohort, power=0.0)(cohort), fit_centring(cohort)(cohort)
    assert turned[:50] @ turned[:50].T == pytest.approx(centred[:50] @ centred[:50].T, abs=1e-4)


def test_kept_directions_are_those_of_the_largest_variance(cohort: np.ndarray) -> None:
    projection = fit_whitening(cohort, kept=0.5)
    spread = ((normalized(cohort) - projection.mean) @ projection.matrix[:, 0]).std()
    rotated = (normalized(cohort).astype(np.float64) - projection.mean) @ np.linalg.svd(
        normalized(cohort) - projection.mean, full_matrices=False
    )[2].T
    assert projection.matrix.shape == (6, 3) and spread == pytest.approx(1.0, abs=0.05)
    direction = projection.matrix[:, 0] / np.linalg.norm(projection.matrix[:, 0])
    assert ((normalized(cohort) - projection.mean) @ direction).std() == pytest.approx(
        rotated.std(axis=0).max(), rel=1e-4
    )


def test_a_cohort_smaller_than_the_embedding_whitens_to_finite_numbers() -> None:
    rng = np.random.default_rng(0)
    assert np.isfinite(fit_whitening(rng.normal(size=(3, 16)))(rng.normal(size=(5, 16)))).all()


def test_adaptive_s_norm_is_what_its_definition_says() -> None:
    rng = np.random.default_rng(0)
    unit, cohort = normalized(rng.normal(size=(9, 4))), normalized(rng.normal(size=(20, 4)))
    first, second = np.array([0, 3, 8]), np.array([1, 2, 8])
    scores = np.einsum("pd,pd->p", unit[first], unit[second])
    expected = []
    for a, b, score in zip(first, second, scores, strict=True):
        parts = []
        for image in (a, b):
            nearest = sorted((float(unit[image] @ stranger) for stranger in cohort), reverse=True)[:5]
            parts.append((score - np.mean(nearest)) / np.std(nearest))
        expected.append(np.mean(parts))
    assert as_norm(scores, unit, first, second, cohort, top=5) == pytest.approx(expected, rel=1e-4)
