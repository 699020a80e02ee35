from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.metrics.thresholds import AccuracyCurve, accuracy_curve


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_accuracy_is_that_of_deciding_at_its_threshold(seed: int, dtype: type[np.floating]) -> None:
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(size=60), 1).astype(dtype)
    accepted, rejected = rng.random(60) < 0.5, rng.random(60) < 0.5
    curve = accuracy_curve(scores, accepted, rejected)
    decided = [np.where(scores >= dtype(t), accepted, rejected).mean() for t in curve.thresholds]
    assert curve.accuracies == pytest.approx(decided, abs=1e-12)


def test_every_set_of_decisions_occurs_once() -> None:
    scores = np.array([1.0, 2.0, 2.0, 4.0])
    curve = accuracy_curve(scores, np.ones(4, bool), np.zeros(4, bool))
    assert curve.thresholds.tolist() == [-np.inf, 1.5, 3.0, np.inf]
    assert curve.accuracies.tolist() == [1.0, 0.75, 0.25, 0.0]


def test_a_threshold_between_neighbouring_float32_numbers_is_the_upper_one() -> None:
    lower = np.float32(0.1)
    upper = np.nextafter(lower, np.float32(1))
    curve = accuracy_curve(np.array([lower, upper]), np.array([False, True]), np.array([True, False]))
    assert curve.thresholds[curve.best] == upper
    assert curve.accuracies[curve.best] == 1.0


def test_infinite_scores_are_separated_from_finite_ones() -> None:
    curve = accuracy_curve(np.array([-np.inf, 0.0, np.inf]), np.array([0, 1, 1]) > 0, np.array([1, 0, 0]) > 0)
    assert curve.thresholds.tolist() == [-np.inf, 0.0, np.inf]  # no threshold rejects a score of inf
    assert curve.accuracies.tolist() == pytest.approx([2 / 3, 1, 2 / 3])


def test_minus_and_plus_infinity_alone_are_separated() -> None:
    curve = accuracy_curve(np.array([-np.inf, np.inf]), np.array([False, True]), np.array([True, False]))
    assert (curve.thresholds[curve.best], curve.accuracies[curve.best]) == (np.inf, 1.0)


def test_the_largest_numbers_have_a_middle_without_overflow() -> None:
    largest = np.finfo(np.float64).max
    curve = accuracy_curve(np.array([largest / 2, largest]), np.array([0, 1]) > 0, np.array([1, 0]) > 0)
    assert curve.thresholds[1] == largest * 0.75


def test_of_equally_good_thresholds_the_middle_one_is_the_best() -> None:
    curve = AccuracyCurve(np.array([-np.inf, 1, 2, 3, np.inf]), np.array([0.5, 0.9, 0.9, 0.9, 0.4]))
    assert curve.best == 2
