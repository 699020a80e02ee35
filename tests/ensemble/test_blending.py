from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_face.ensemble.blending import (
    CLASS_SPACES,
    ClassSpace,
    WeightedTerm,
    blend_classes,
    blend_pairs,
    class_values,
)
from kaggle_face.errors import DataError
from kaggle_face.evaluation.member_scores import MemberScores
from kaggle_face.evaluation.pair_scales import PAIR_SPACES, PairSpace


def blended(terms: list[WeightedTerm], space: ClassSpace = "probabilities") -> np.ndarray:
    return np.concatenate([block for _, block in blend_classes(terms, space, len(terms[0].source.values))])


def term(probabilities: list[list[float]], weight: float = 1.0, temperature: float = 1.0) -> WeightedTerm:
    with np.errstate(divide="ignore"):
        return WeightedTerm(MemberScores("m", np.log(np.array(probabilities))), weight, temperature)


def test_the_mean_of_probabilities_is_the_mean() -> None:
    mean = blended([term([[0.8, 0.2]]), term([[0.4, 0.6]])])
    assert np.exp(mean) == pytest.approx(np.array([[0.6, 0.4]]))


def test_the_mean_of_log_probabilities_is_the_geometric_mean() -> None:
    mean = blended([term([[0.8, 0.2]]), term([[0.2, 0.8]])], "log_probabilities")
    assert np.exp(mean) == pytest.approx(np.array([[0.5, 0.5]]))


def test_weights_count_relative_to_each_other() -> None:
    mean = blended([term([[0.8, 0.2]], 3.0), term([[0.4, 0.6]], 1.0)])
    assert np.exp(mean) == pytest.approx(np.array([[0.7, 0.3]]))


def test_a_member_without_weight_is_not_even_read() -> None:
    broken = WeightedTerm(MemberScores("broken", np.full((1, 2), np.nan)), 0.0)
    assert np.exp(blended([term([[0.8, 0.2]]), broken])) == pytest.approx(np.array([[0.8, 0.2]]))


def test_temperature_two_halves_the_logits() -> None:
    flat = blended([term([[0.9, 0.1]], temperature=2.0)])
    assert np.exp(flat[0, 0] - flat[0, 1]) == pytest.approx(3.0)  # the root of odds 9 to 1


@pytest.mark.parametrize("space", CLASS_SPACES)
def test_a_class_held_out_of_one_network_is_averaged_over_the_others(space: ClassSpace) -> None:
    knows_all, lacks_last = term([[0.3, 0.3, 0.4]]), term([[0.5, 0.5, 0.0]])
    mean = blended([knows_all, lacks_last], space)
    assert mean[0].argmax() == 2  # as the only network that knows the class says
    if space == "probabilities":  # (0.4, 0.4, 0.4) before it is scaled to a sum of 1
        assert np.exp(mean) == pytest.approx(np.full((1, 3), 1 / 3))


@pytest.mark.parametrize("space", CLASS_SPACES)
def test_a_class_that_no_network_knows_stays_unknown(space: ClassSpace) -> None:
    mean = blended([term([[0.3, 0.7, 0.0]]), term([[0.5, 0.5, 0.0]])], space)
    assert mean[0, 2] == -np.inf and np.isfinite(mean[0, :2]).all()


def test_of_tied_classes_the_lower_ranks_first() -> None:
    assert class_values(np.array([[1.0, 3.0, 3.0]]), "ranks").tolist() == [[1 / 3, 1.0, 0.5]]


@pytest.mark.parametrize("bad", [[[np.inf, 0.0]], [[-np.inf, -np.inf]]])
def test_infinite_logits_are_refused_with_the_network_named(bad: list[list[float]]) -> None:
    with pytest.raises(DataError, match="main@last fold 1: the highest logit of 1 image is infinite"):
        blended([WeightedTerm(MemberScores("main@last fold 1", np.array(bad)), 1.0)])


@given(
    seed=st.integers(0, 1000),
    space=st.sampled_from(CLASS_SPACES),
    num_rows=st.integers(1, 9),
)
def test_a_class_blend_does_not_depend_on_row_order(seed: int, space: ClassSpace, num_rows: int) -> None:
    rng = np.random.default_rng(seed)
    logits = [rng.normal(size=(num_rows, 5)).astype(np.float32) for _ in range(3)]
    orders = [rng.permutation(num_rows) for _ in logits]
    straight = [WeightedTerm(MemberScores("m", each), 1.0) for each in logits]
    shuffled = [
        WeightedTerm(MemberScores("m", each[order], np.argsort(order)), 1.0)
        for each, order in zip(logits, orders, strict=True)
    ]
    assert np.array_equal(blended(straight, space), blended(shuffled, space))


@given(seed=st.integers(0, 1000), space=st.sampled_from(PAIR_SPACES), num_pairs=st.integers(1, 9))
def test_a_pair_blend_does_not_depend_on_row_order(seed: int, space: PairSpace, num_pairs: int) -> None:
    rng = np.random.default_rng(seed)
    scores = [rng.integers(0, 4, num_pairs).astype(np.float32) for _ in range(3)]
    order = rng.permutation(num_pairs)
    straight = blend_pairs([WeightedTerm(MemberScores("m", each), 1.0) for each in scores], space, num_pairs)
    shuffled = blend_pairs(
        [WeightedTerm(MemberScores("m", each[order]), 1.0) for each in scores], space, num_pairs
    )
    assert shuffled == pytest.approx(straight[order], abs=1e-12)


def test_z_scores_put_networks_of_different_scales_on_one() -> None:
    fine = WeightedTerm(MemberScores("fine", np.array([0.1, 0.2, 0.3])), 1.0)
    coarse = WeightedTerm(MemberScores("coarse", np.array([100.0, 200.0, 300.0])), 1.0)
    both = blend_pairs([fine, coarse], "z_scores", 3)
    assert both == pytest.approx([-(1.5**0.5), 0.0, 1.5**0.5])  # the z-scores of 1, 2, 3


def test_equal_scores_have_z_score_zero() -> None:
    assert blend_pairs([WeightedTerm(MemberScores("m", np.ones(3)), 1.0)], "z_scores", 3).tolist() == [
        0,
        0,
        0,
    ]
