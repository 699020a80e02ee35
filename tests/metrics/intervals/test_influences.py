from __future__ import annotations

import numpy as np
import pytest

from benchmarks.intervals.pair_populations import PairList, PairOfModels, Population
from kaggle_face.errors import InputError
from kaggle_face.metrics.intervals.influences import PairsOfPeople, ScoredPairs
from kaggle_face.metrics.trials import VERIFICATION_METRICS
from kaggle_face.records import FloatArray, IntArray


def scored(scores: FloatArray, people: IntArray) -> ScoredPairs:
    return ScoredPairs.of(scores, PairsOfPeople.of(people, people[:, 0] == people[:, 1]))


def people_of_their_own(num_genuine: int, num_impostor: int) -> IntArray:
    """Pairs of which no two share anybody."""
    genuine = np.repeat(np.arange(num_genuine)[:, None], 2, axis=1)
    return np.concatenate([genuine, num_genuine + np.arange(2 * num_impostor).reshape(-1, 2)])


@pytest.mark.parametrize("decimals", [1, 8])
def test_with_people_of_their_own_the_variance_of_the_auc_is_that_of_delong(decimals: int) -> None:
    rng = np.random.default_rng(0)
    genuine, impostor = np.round(rng.normal(size=40) + 1, decimals), np.round(rng.normal(size=55), decimals)
    wins = (genuine[:, None] > impostor) + 0.5 * (genuine[:, None] == impostor)
    # DeLong et al. 1988: the variances of the two kinds of placements over their numbers
    expected = np.var(wins.mean(axis=1), ddof=1) / 40 + np.var(wins.mean(axis=0), ddof=1) / 55
    pairs = scored(np.concatenate([genuine, impostor]), people_of_their_own(40, 55))
    found = pairs.influences("auc")
    assert pairs.pairs.clusters.variance(found.of_pairs) == pytest.approx(expected)
    assert found.value == pytest.approx(wins.mean())


def test_the_auc_is_centred_on_disjoint_pairs() -> None:
    rng = np.random.default_rng(1)
    people = PairList(12, 3).draw(rng)
    scores = np.round(PairOfModels(Population(0.8, 1.0)).scores(people, rng)[0], 1)
    is_same = people[:, 0] == people[:, 1]
    wins = [
        (scores[a] > scores[b]) + 0.5 * (scores[a] == scores[b])
        for a in np.flatnonzero(is_same)
        for b in np.flatnonzero(~is_same)
        if people[a, 0] not in people[b]
    ]
    assert scored(scores, people).influences("auc").centre == pytest.approx(np.mean(wins))


def test_images_of_unknown_people_meet_in_either_place() -> None:
    people = np.array(
        [[2 * row, 2 * row + 1] for row in range(6)] + [[1, 2], [5, 0], [4, 9], [3, 8], [6, 11]]
    )
    scores = np.array([5, 4, 3, 2, 6, 1, 2.5, 0, 3.5, 1.5, 0.5])
    is_same = np.arange(11) < 6
    wins = [
        scores[a] > scores[b]
        for a in range(6)
        for b in range(6, 11)
        if not set(people[a].tolist()) & set(people[b].tolist())
    ]
    pairs = ScoredPairs.of(scores, PairsOfPeople.of(people, is_same))
    assert pairs.influences("auc").centre == pytest.approx(np.mean(wins))


@pytest.mark.parametrize(("listed", "effect"), [(PairList(100, 5), 0.3), (PairList(40, None), 0.5)])
def test_the_variance_is_that_of_drawing_people_and_pairs_anew(listed: PairList, effect: float) -> None:
    rng, metrics = np.random.default_rng(5), ("eer", "auc", "tpr@1e-2")
    people = listed.draw(rng)
    pairs = PairsOfPeople.of(people, people[:, 0] == people[:, 1])
    values, variances = np.empty((200, 3)), np.empty((200, 3))
    for row in range(200):
        each = ScoredPairs.of(PairOfModels(Population(effect)).scores(people, rng)[0], pairs)
        found = [each.influences(metric) for metric in metrics]
        values[row] = [one.value for one in found]
        variances[row] = [pairs.clusters.variance(one.of_pairs) for one in found]
    # 200 draws tell a standard deviation to 5 %
    assert np.sqrt(variances.mean(axis=0)) / values.std(axis=0) == pytest.approx(1, abs=0.15)


def test_influences_of_each_class_have_mean_zero() -> None:
    rng = np.random.default_rng(3)
    people = PairList(45, None).draw(rng)  # 3,960 impostor pairs
    pairs = scored(PairOfModels(Population(0.3)).scores(people, rng)[0], people)
    for metric in VERIFICATION_METRICS:
        of_pairs = pairs.influences(metric).of_pairs
        assert of_pairs[pairs.pairs.is_same].sum() == pytest.approx(0, abs=1e-9)
        assert of_pairs[~pairs.pairs.is_same].sum() == pytest.approx(0, abs=1e-9)


def test_too_few_impostors_for_a_false_positive_rate_are_refused() -> None:
    people = people_of_their_own(50, 299)
    pairs = scored(np.random.default_rng(4).normal(size=349), people)
    assert not pairs.has_interval("tpr@1e-2") and pairs.has_interval("eer")
    with pytest.raises(InputError, match="tpr@1e-2 has an interval from 300 impostor pairs on, got 299"):
        pairs.influences("tpr@1e-2")


@pytest.mark.parametrize(
    ("people", "count"),
    [
        ([(person, person) for person in range(4)] + [(p, 10 + p) for p in range(9)], 18),
        # everybody is compared with one person, whom all impostor pairs depend on
        ([(person, person) for person in range(9)] + [(0, person) for person in range(1, 9)], 9),
    ],
)
def test_too_few_people_are_refused(people: list[tuple[int, int]], count: int) -> None:
    is_same = np.array([p == q for p, q in people])
    with pytest.raises(InputError, match=f"{count} people are too few for an interval"):
        PairsOfPeople.of(people, is_same)
