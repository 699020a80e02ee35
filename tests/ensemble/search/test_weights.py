from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_face.ensemble.search.weights import (
    MOST_STEPS,
    PATIENCE,
    constrained_log_weights,
    constrained_pair_weights,
    constrained_probability_weights,
    hill_climb,
    weighted_mean,
)
from kaggle_face.metrics.verification import roc_auc


def grid_of_weights(steps: int = 20) -> list[np.ndarray]:
    return [np.array([i, j, steps - i - j]) / steps for i in range(steps + 1) for j in range(steps + 1 - i)]


@given(st.integers(0, 500))
@settings(max_examples=25)
def test_hill_climbing_is_never_worse_than_the_best_member_on_what_it_climbs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, 40)
    truth[:2] = (0, 1)
    values = rng.normal(size=(4, 40)) + rng.uniform(0, 1.5, (4, 1)) * truth

    def judge(mean: np.ndarray) -> tuple[float, ...]:
        return (roc_auc(mean, truth),)

    blended = judge(weighted_mean(values, hill_climb(values, judge)))
    assert blended >= max(judge(member) for member in values)


def test_hill_climbing_ends_with_its_best_blend_and_not_with_its_last() -> None:
    assert PATIENCE % 7 and MOST_STEPS % 7, "else the last blend of this climb is as good as its best"
    weights = hill_climb(np.array([[3.0], [-4.0]]), lambda mean: (-abs(float(mean[0])),))
    assert weights.tolist() == [4 / 7, 3 / 7]


def test_hill_climbing_leaves_a_useless_member_out() -> None:
    truth = np.array([0.0, 1.0, 2.0])
    values = np.stack([truth + 0.5, truth - 0.5, truth[::-1]])
    weights = hill_climb(values, lambda mean: (-float(np.abs(mean - truth).sum()),))
    assert weights.tolist() == [0.5, 0.5, 0.0]


def test_values_unknown_to_one_member_are_the_mean_of_the_others() -> None:
    values = np.array([[1.0, -np.inf], [3.0, 5.0], [5.0, 7.0]])
    assert weighted_mean(values, np.array([0.5, 0.25, 0.25])).tolist() == [2.5, 6.0]


def test_hill_climbing_takes_unknown_values_as_the_mean_does() -> None:
    values = np.array([[1.0, -np.inf], [-1.0, 4.0]])
    seen: list[list[float]] = []

    def judge(mean: np.ndarray) -> tuple[float, ...]:
        seen.append(mean.tolist())
        return (-abs(mean[0]),)

    hill_climb(values, judge)
    assert [0.0, 4.0] in seen


@given(st.integers(0, 500))
@settings(max_examples=20)
def test_no_weights_on_a_grid_have_a_lower_log_loss_of_probabilities(seed: int) -> None:
    likely = np.random.default_rng(seed).uniform(0.01, 1, (3, 30))
    found = constrained_probability_weights(likely)
    losses = [-np.log(weights @ likely).mean() for weights in grid_of_weights()]
    assert -np.log(found @ likely).mean() <= min(losses) + 1e-4
    assert found.sum() == pytest.approx(1) and (found >= 0).all()


@given(st.integers(0, 500))
@settings(max_examples=20)
def test_no_weights_on_a_grid_have_a_lower_log_loss_of_log_probabilities(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(3, 30, 4))
    truth = rng.integers(0, 4, 30)
    logits[0, np.arange(30), truth] += 1.5

    def loss(weights: np.ndarray) -> float:
        mean = np.tensordot(weights, logits, axes=1)
        return float(np.mean(np.log(np.exp(mean).sum(axis=1)) - mean[np.arange(30), truth]))

    found = constrained_log_weights(logits, truth)
    assert loss(found) <= min(loss(weights) for weights in grid_of_weights()) + 1e-3
    assert found.sum() == pytest.approx(1) and (found >= 0).all()


def test_pair_weights_follow_how_well_a_member_tells_people_apart() -> None:
    rng = np.random.default_rng(0)
    truth = (np.arange(400) < 100).astype(np.int64)
    scores = np.stack([rng.normal(size=400) + gap * truth for gap in (2.0, 1.0, 0.0)])
    weights = constrained_pair_weights(scores, truth)
    assert weights[0] > weights[1] > weights[2] and weights.sum() == pytest.approx(1)


def test_members_that_only_mislead_get_equal_weights() -> None:
    truth = np.array([0, 0, 1, 1])
    assert constrained_pair_weights(np.array([[2.0, 3.0, 0.0, 1.0]] * 2), truth).tolist() == [0.5, 0.5]
