"""The sorted trials themselves; their metrics are checked in test_verification.py and test_bootstrap.py."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kaggle_face.metrics.sorted_scores import SortedScores, lowest_acceptable
from kaggle_face.metrics.trials import VERIFICATION_METRICS, SortedTrials, sort_trials


def random_trials(seed: int, num_pairs: int = 200) -> SortedTrials:
    rng = np.random.default_rng(seed)
    labels = np.arange(num_pairs) % 3 == 0
    return sort_trials(np.round(rng.normal(size=num_pairs) + labels, 1), labels)


def test_unsorted_scores_are_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="scores must ascend"):
        SortedScores(np.array([2.0, 1.0]), np.arange(3), 2)


def test_weights_are_counted_below_and_up_to_a_score() -> None:
    scores = SortedScores.of(np.array([3.0, 1.0, 2.0, 2.0])).reweighted(np.array([5, 1, 1, 7]))
    assert (scores.weight_below(2.0), scores.weight_up_to(2.0), scores.total) == (5, 7, 14)


def test_a_threshold_is_compared_in_the_precision_of_the_scores() -> None:
    # 0.1 as float32 is above 0.1 as float64: numpy compares float32 scores with a number as float32
    scores = np.array([0.1], np.float32)
    assert SortedScores.of(scores).weight_below(0.1) == np.count_nonzero(scores < 0.1) == 0


@pytest.mark.parametrize(
    ("max_share", "refused"), [(0.0, 4.0), (0.24, 4.0), (0.25, 3.0), (0.99, 1.0), (1.0, None)]
)
def test_the_highest_refused_score_keeps_the_accepted_share(max_share: float, refused: float | None) -> None:
    assert SortedScores.of(np.array([1.0, 2.0, 3.0, 4.0])).highest_refused(max_share) == refused


@pytest.mark.parametrize("num_accepted", range(0, 101, 7))
def test_a_share_written_as_a_decimal_allows_just_its_count(num_accepted: int) -> None:
    # 0.29 * 100 is 28.999999999999996 in floating point, yet 29 of 100 is a share of 0.29
    scores = SortedScores.of(np.arange(100.0))
    refused = scores.highest_refused(num_accepted / 100)
    assert (100 - scores.weight_up_to(refused) if refused is not None else 100) == num_accepted


def test_nothing_is_acceptable_above_an_infinite_refused_score() -> None:
    assert math.isnan(lowest_acceptable(np.array([np.inf]), np.inf))


@pytest.mark.parametrize("seed", range(4))
def test_weights_of_one_change_nothing(seed: int) -> None:
    trials = random_trials(seed)
    ones = trials.reweighted(np.ones(67, np.int64), np.ones(133, np.int64))
    for name in VERIFICATION_METRICS:
        assert ones.metric(name) == trials.metric(name)


@pytest.mark.parametrize("seed", range(4))
def test_an_integer_weight_is_a_repetition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trials = random_trials(seed)
    genuine, impostor = rng.integers(0, 4, size=67), rng.integers(0, 4, size=133)
    repeated = SortedTrials.of(
        np.repeat(trials.genuine.scores, genuine), np.repeat(trials.impostor.scores, impostor)
    )
    weighted = trials.reweighted(genuine, impostor)
    for name in VERIFICATION_METRICS:
        assert weighted.metric(name, trials.genuine_places()) == repeated.metric(name)


def test_error_rates_of_sorted_trials_count_both_errors() -> None:
    trials = sort_trials([0.9, 0.4, 0.6, 0.3], [1, 1, 0, 0])
    assert [trials.error_rates(t) for t in (0.3, 0.6, 0.95)] == [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)]
