from __future__ import annotations

import numpy as np
import pytest

from benchmarks.intervals.pair_populations import PairList, PairOfModels, Population
from kaggle_face.metrics.trials import VERIFICATION_METRICS
from kaggle_face.metrics.verification import verification_summary


@pytest.mark.parametrize("effect", [0.0, 0.5])
def test_the_truth_is_what_very_many_people_show(effect: float) -> None:
    rng, population = np.random.default_rng(0), Population(effect)
    people = PairList(200_000, 1).draw(rng)
    scores, others = PairOfModels(population).scores(people, rng)
    labels = (people[:, 0] == people[:, 1]).astype(np.int64)
    summary = verification_summary(scores, labels)
    for metric in VERIFICATION_METRICS:
        assert population.truth(metric) == pytest.approx(summary[metric], abs=0.008)
    assert np.corrcoef(scores[labels == 0], others[labels == 0])[0, 1] == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("genuine_each", "genuine", "impostors"), [(5, 50, 50), (None, 10, 180)])
def test_a_list_has_its_genuine_pairs_and_impostors(
    genuine_each: int | None, genuine: int, impostors: int
) -> None:
    listed = PairList(10, genuine_each)
    people = listed.draw(np.random.default_rng(1))
    is_same = people[:, 0] == people[:, 1]
    assert (np.sum(is_same), np.sum(~is_same), listed.num_pairs) == (genuine, impostors, genuine + impostors)
    assert np.bincount(people[is_same, 0]).tolist() == [genuine // 10] * 10
