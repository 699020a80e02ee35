from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from benchmarks.intervals.pair_populations import PairList, PairOfModels, Population
from kaggle_face.metrics.intervals.influences import PairsOfPeople, ScoredPairs
from kaggle_face.metrics.intervals.thresholds import (
    accuracy_threshold_interval,
    eer_threshold_interval,
    fpr_threshold_interval,
)


def drawn(listed: PairList, effect: float, rng: np.random.Generator) -> ScoredPairs:
    people = listed.draw(rng)
    pairs = PairsOfPeople.of(people, people[:, 0] == people[:, 1])
    return ScoredPairs.of(PairOfModels(Population(effect)).scores(people, rng)[0], pairs)


def test_intervals_hold_the_thresholds_of_endlessly_many_people() -> None:
    rng, held = np.random.default_rng(0), []
    impostor, genuine = math.sqrt(1 + 2 * 0.09), math.sqrt(1 + 4 * 0.09)
    # the score as many impostor as genuine deviations away from its class's mean, 0 and 2
    at_eer = 2 * impostor / (impostor + genuine)
    at_fpr = impostor * NormalDist().inv_cdf(0.99)
    for _ in range(200):
        scored = drawn(PairList(100, 5), 0.3, rng)
        ends = eer_threshold_interval(scored), fpr_threshold_interval(scored, 0.01)
        held.append([low <= at <= high for (low, high), at in zip(ends, (at_eer, at_fpr), strict=True)])
    # 200 draws tell .95 to .015
    assert all(0.905 <= share <= 0.99 for share in np.mean(held, axis=0))


def test_an_interval_holds_its_threshold_and_shrinks_with_more_people() -> None:
    rng, widths = np.random.default_rng(1), []
    for num_people in (30, 300):
        scored = drawn(PairList(num_people, 5), 0.3, rng)
        candidates = np.unique(scored.scores)
        right = [np.mean((scored.scores >= each) == scored.pairs.is_same) for each in candidates]
        best = float(candidates[int(np.argmax(right))])
        low, high = accuracy_threshold_interval(scored, best, candidates)
        assert low <= best <= high
        widths.append(high - low)
        low, high = eer_threshold_interval(scored)
        assert low <= scored.trials.equal_error_rate().threshold <= high
    assert widths[1] < widths[0]


def test_a_rate_that_accepts_hardly_an_impostor_has_no_interval() -> None:
    scored = drawn(PairList(30, 5), 0.3, np.random.default_rng(2))
    assert all(math.isnan(end) for end in fpr_threshold_interval(scored, 0.01))
    assert all(math.isfinite(end) for end in fpr_threshold_interval(scored, 0.1))


@pytest.mark.parametrize("fpr", [0.02, 0.3])
def test_the_interval_of_a_rate_lies_between_the_impostors_that_it_may_accept(fpr: float) -> None:
    people = np.concatenate(
        [np.repeat(np.arange(400)[:, None], 2, axis=1), 400 + np.arange(800).reshape(-1, 2)]
    )
    scores = np.concatenate([np.linspace(0, 1, 400), np.linspace(0, 1, 400)])
    scored = ScoredPairs.of(scores, PairsOfPeople.of(people, people[:, 0] == people[:, 1]))
    low, high = fpr_threshold_interval(scored, fpr)
    # 400 impostors of their own, evenly from 0 to 1: two binomial deviations of the rate to either side
    deviation = math.sqrt(fpr * (1 - fpr) / 400)
    assert 1 - low == pytest.approx(fpr + 1.97 * deviation, abs=0.005)
    assert 1 - high == pytest.approx(fpr - 1.97 * deviation, abs=0.01)
