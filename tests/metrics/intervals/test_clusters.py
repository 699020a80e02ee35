from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from kaggle_face.errors import InputError
from kaggle_face.metrics.intervals.clusters import LEAST_SHARE_OF_SINGLE, PairClusters, PairLikeness
from kaggle_face.records import FloatArray


def all_pairs(num_people: int) -> list[tuple[int, int]]:
    """Each couple of two people once."""
    return [(p, q) for p in range(num_people) for q in range(p + 1, num_people)]


def test_the_variance_is_the_sum_over_couples_of_pairs_that_share_a_person() -> None:
    rng = np.random.default_rng(0)
    people = rng.integers(8, size=(60, 2))  # several pairs of the same two people, in either order
    people[:20, 1] = people[:20, 0]
    influences = rng.normal(size=60) + rng.normal(size=8)[people].sum(axis=1)
    expected = sum(
        influences[a] * influences[b]
        for a in range(60)
        for b in range(60)
        if set(people[a].tolist()) & set(people[b].tolist())
    )
    assert PairClusters.of(people).variance(influences) == pytest.approx(expected)


def test_people_may_have_names_and_pairs_any_order() -> None:
    named = PairClusters.of([("ann", "bob"), ("bob", "ann"), ("cid", "cid")])
    numbered = PairClusters.of([(0, 1), (0, 1), (2, 2)])
    influences = np.array([1.0, 2.0, -0.5])
    assert named.variance(influences) == numbered.variance(influences) == 9.25


def test_pairs_of_people_of_their_own_have_the_sum_of_squares() -> None:
    influences = np.array([3.0, -1.0, -2.0])
    assert PairClusters.of([(0, 0), (1, 2), (3, 4)]).variance(influences) == 14.0


def test_a_variance_that_comes_out_as_nothing_is_half_of_that_of_single_pairs() -> None:
    # 1 + 1 + 2 (1 * -1) = 0
    assert PairClusters.of([(0, 1), (1, 2)]).variance(np.array([1.0, -1.0])) == LEAST_SHARE_OF_SINGLE * 2 == 1


@pytest.mark.parametrize("num_people", [5, 12])
def test_the_share_of_couples_that_meet_is_that_counted_by_hand(num_people: int) -> None:
    # of the pairs of two of N people, those with nobody in common with a given one: (N - 2)(N - 3) / 2
    expected = 1 - (num_people - 2) * (num_people - 3) / (num_people * (num_people - 1))
    clusters = PairClusters.of(all_pairs(num_people))
    chosen = np.ones(math.comb(num_people, 2), np.bool_)
    assert clusters.shared_share(chosen) == pytest.approx(expected)
    assert clusters.effective_people(chosen) == pytest.approx(num_people)


@pytest.mark.parametrize("effect", [0.3, 0.8])
def test_the_corrected_variance_of_a_mean_of_all_pairs_has_the_right_mean(effect: float) -> None:
    num_people, people = 12, np.array(all_pairs(12))
    clusters, rng, found = PairClusters.of(people), np.random.default_rng(1), []
    for _ in range(4000):
        values = effect * rng.normal(size=num_people)[people].sum(axis=1) + rng.normal(size=len(people))
        found.append(clusters.variance((values - values.mean()) / len(people)))
    corrected = np.mean(found) / (1 - clusters.shared_share(np.ones(len(people), np.bool_)))
    # the mean of all pairs is twice the mean of the people's effects, plus the mean of the noise
    truth = 4 * effect**2 / num_people + 1 / len(people)
    assert corrected == pytest.approx(truth, rel=0.04)


def test_few_people_who_decide_leave_few_degrees_of_freedom() -> None:
    clusters = PairClusters.of([(person, person) for person in range(40)])
    even = clusters.degrees_of_freedom(np.random.default_rng(2).normal(size=40))
    one_decides = np.full(40, 0.01)
    one_decides[0] = 1.0
    assert 25 < even < 70  # a chi square of 40 squares has 40
    assert clusters.degrees_of_freedom(one_decides) < 3
    assert clusters.degrees_of_freedom(np.ones(40)) == math.inf


def test_noise_of_pairs_of_two_people_leaves_fewer_degrees_of_freedom() -> None:
    people, rng = np.array(all_pairs(30)), np.random.default_rng(3)
    clusters = PairClusters.of(people)
    noise = rng.normal(size=len(people))
    of_people = rng.normal(size=30)[people].sum(axis=1)
    # of pure noise half of the people's squares is subtracted again, of people's effects hardly anything
    left = [
        clusters.degrees_of_freedom(values) / _satterthwaite(clusters.person_sums(values))
        for values in (noise - noise.mean(), of_people - of_people.mean())
    ]
    assert left == pytest.approx([0.5**0.5, 1.0], abs=0.12)


def _satterthwaite(sums: FloatArray) -> float:
    """Degrees of freedom of a sum of squares of mean zero (Satterthwaite 1946)."""
    squares = sums**2
    return float(2 * squares.sum() ** 2 / (len(squares) * squares.var()))


@pytest.mark.parametrize("images_each", [1, 3])
def test_the_likeness_of_pairs_is_that_of_the_scores(images_each: int) -> None:
    num_people, effect, rng = 300, 0.5, np.random.default_rng(4)
    person = np.repeat(np.arange(num_people), images_each)
    people = person[np.stack(np.triu_indices(len(person), 1), axis=1)]
    people = people[people[:, 0] != people[:, 1]]
    people = people[rng.random(len(people)) < 0.2]
    scores = effect * rng.normal(size=num_people)[people].sum(axis=1) + rng.normal(size=len(people))
    found = PairClusters.of(people).likeness(np.exp(scores), np.ones(len(people), np.bool_), num_people)
    # two pairs have one effect in common or two, and one standard error is added to the correlation
    error_up = 1 + (2 / 299) ** 0.5
    one, both = (shared * effect**2 / (2 * effect**2 + 1) * error_up for shared in (1, 2))
    assert found.correlations[0] == pytest.approx(one, rel=0.15)
    if images_each == 1:
        assert found.sharing[1] == 0
    else:
        assert found.correlations[1] == pytest.approx(both, rel=0.15)


def test_the_accepted_share_of_alike_pairs_varies_as_expected() -> None:
    num_people, effect, share, draws = 40, 0.6, 0.03, 3000
    people, rng = np.array(all_pairs(num_people)), np.random.default_rng(5)
    correlation = effect**2 / (2 * effect**2 + 1)
    threshold = math.sqrt(2 * effect**2 + 1) * NormalDist().inv_cdf(1 - share)
    shares = [
        np.mean(
            effect * rng.normal(size=num_people)[people].sum(axis=1) + rng.normal(size=len(people))
            > threshold
        )
        for _ in range(draws)
    ]
    likeness = PairLikeness((2.0 * (num_people - 2), 0.0), (correlation, 0.0))
    independent = share * (1 - share) / len(people)
    # 3,000 draws of a skew share tell its variance to 5 %
    assert np.var(shares) / independent == pytest.approx(likeness.inflation(share), rel=0.15)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_none_or_all_does_not_vary(share: float) -> None:
    assert PairLikeness((3.0, 0.0), (0.5, 0.0)).inflation(share) == 1.0


def test_equal_scores_show_no_likeness() -> None:
    clusters = PairClusters.of(all_pairs(6))
    found = clusters.likeness(np.zeros(15), np.ones(15, np.bool_), 6)
    assert found.sharing == (8.0, 0.0) and found.inflation(0.2) < 2


def test_people_that_are_no_table_of_two_are_refused() -> None:
    with pytest.raises(InputError, match=r"people must be a table \(pairs, 2\), got shape \(3,\)"):
        PairClusters.of([0, 1, 2])
