from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

from kaggle_face.errors import InputError
from kaggle_face.metrics.bootstrap import (
    Resampling,
    clustered_mean_difference,
    clustered_mean_interval,
    draw_people,
    verification_difference,
    verification_intervals,
)
from kaggle_face.metrics.verification import equal_error_rate, roc_auc, tpr_at_fpr

FEW = Resampling(num_resamples=25, seed=5)
Pairs = tuple[npt.NDArray[Any], npt.NDArray[np.int64], npt.NDArray[np.int64]]


def pairs_of_people(seed: int = 0, num_people: int = 12, decimals: int = 1) -> Pairs:
    """Scores with ties, labels and people of 20 pairs for each person; some people are easier than others."""
    rng = np.random.default_rng(seed)
    people = rng.integers(num_people, size=(20 * num_people, 2))
    people[::2, 1] = people[::2, 0]
    labels = (people[:, 0] == people[:, 1]).astype(np.int64)
    ease = rng.normal(size=num_people)[people].sum(axis=1)
    scores = np.round(rng.normal(size=len(people)) + ease + 3 * labels, decimals)
    return scores, labels, people


def repetitions(drawn: npt.NDArray[np.int64], people: npt.NDArray[np.int64]) -> list[int]:
    """Rows of the pairs as a resample holds them, counted out: every copy of p meets every copy of q."""
    rows: list[int] = []
    for row, (p, q) in enumerate(people.tolist()):
        copies_met = drawn[p] if p == q else sum(1 for _ in range(drawn[p]) for _ in range(drawn[q]))
        rows += [row] * int(copies_met)
    return rows


def test_a_verification_interval_is_that_of_resamples_written_out() -> None:
    scores, labels, people = pairs_of_people()
    written_out = []
    for drawn in draw_people(12, FEW):
        rows = repetitions(drawn, people)
        written_out.append(
            [
                equal_error_rate(scores[rows], labels[rows]).eer,
                roc_auc_score(labels[rows], scores[rows]),
                tpr_at_fpr(scores[rows], labels[rows], 0.01).tpr,
            ]
        )
    found = verification_intervals(scores, labels, people, ("eer", "auc", "tpr@1e-2"), FEW)
    expected = np.quantile(written_out, [0.025, 0.975], axis=0)
    assert [interval.low for interval in found.values()] == pytest.approx(expected[0], abs=1e-12)
    assert [interval.high for interval in found.values()] == pytest.approx(expected[1], abs=1e-12)


def test_the_value_of_an_interval_is_that_of_all_pairs() -> None:
    scores, labels, people = pairs_of_people()
    found = verification_intervals(scores, labels, people, resampling=FEW)
    assert found["eer"].value == equal_error_rate(scores, labels).eer
    assert found["auc"].value == roc_auc(scores, labels)


def test_people_may_have_names() -> None:
    scores, labels, people = pairs_of_people()
    names = np.array([f"n{number:06}" for number in range(12)])[people]
    by_name = verification_intervals(scores, labels, names, resampling=FEW)
    assert by_name == verification_intervals(scores, labels, people, resampling=FEW)


def test_intervals_do_not_depend_on_the_order_of_the_pairs() -> None:
    scores, labels, people = pairs_of_people()
    turned = verification_intervals(scores[::-1], labels[::-1], people[::-1], resampling=FEW)
    assert turned == verification_intervals(scores, labels, people, resampling=FEW)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    pairs = pairs_of_people()
    first, again, other = (
        verification_intervals(*pairs, resampling=Resampling(25, seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_drawing_people_gives_a_wider_interval_than_drawing_pairs() -> None:
    scores, labels, people = pairs_of_people(num_people=30, decimals=6)
    # every pair as a pair of one person of its own is the plain bootstrap over pairs
    alone = np.repeat(np.arange(len(scores))[:, None], 2, axis=1)
    by_people = verification_intervals(scores, labels, people, ["auc"], Resampling(200))["auc"]
    by_pairs = verification_intervals(scores, labels, alone, ["auc"], Resampling(200))["auc"]
    assert by_people.high - by_people.low > 1.5 * (by_pairs.high - by_pairs.low)


def test_a_difference_is_that_of_the_same_resamples() -> None:
    scores, labels, people = pairs_of_people()
    worse = np.round(scores + np.random.default_rng(1).normal(size=len(scores)), 1)
    differences = []
    for drawn in draw_people(12, FEW):
        rows = repetitions(drawn, people)
        differences.append(roc_auc(scores[rows], labels[rows]) - roc_auc(worse[rows], labels[rows]))
    found = verification_difference(scores, worse, labels, people, "auc", FEW)
    assert found.value == roc_auc(scores, labels) - roc_auc(worse, labels)
    assert [found.low, found.high] == pytest.approx(np.quantile(differences, [0.025, 0.975]), abs=1e-12)
    assert found.other_sign == np.mean(np.array(differences) <= 0)


def test_a_system_does_not_differ_from_itself() -> None:
    scores, labels, people = pairs_of_people()
    found = verification_difference(scores, 2 * scores, labels, people, "eer", FEW)
    assert (found.value, found.low, found.high, found.other_sign) == (0.0, 0.0, 0.0, 1.0)


def test_exchanged_systems_have_the_negative_difference() -> None:
    scores, labels, people = pairs_of_people()
    noisy = scores + np.random.default_rng(2).normal(size=len(scores))
    there = verification_difference(scores, noisy, labels, people, "eer", FEW)
    back = verification_difference(noisy, scores, labels, people, "eer", FEW)
    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low))
    assert back.other_sign == there.other_sign


def test_too_few_people_for_a_bootstrap_are_refused() -> None:
    # with two people every second resample holds one person only, and so no pair of two
    with pytest.raises(InputError, match=r"only \d+ of 1000 resamples have pairs of both kinds"):
        verification_intervals([0.9, 0.8, 0.1], [1, 1, 0], [(0, 0), (1, 1), (0, 1)])


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ([0, 1, 2], r"people must be a table \(pairs, 2\), got shape \(3,\)"),
        ([(0, 0)], "scores and people must have one length, got 3 and 1"),
    ],
)
def test_people_that_do_not_fit_the_pairs_are_refused(people: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        verification_intervals([0.9, 0.8, 0.1], [1, 1, 0], people)


def test_a_mean_interval_is_that_of_resamples_written_out() -> None:
    rng = np.random.default_rng(3)
    people = rng.integers(9, size=80)
    is_right = rng.random(80) < 0.7
    means = [
        np.mean([is_right[i] for i in range(80) for _ in range(drawn[people[i]])])
        for drawn in draw_people(9, FEW)
    ]
    found = clustered_mean_interval(is_right, people, FEW)
    assert found.value == is_right.mean()
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=1e-12)


def test_copies_of_each_image_do_not_narrow_the_interval() -> None:
    is_right = np.random.default_rng(4).random(50) < 0.7
    single = clustered_mean_interval(is_right, np.arange(50))
    copied = clustered_mean_interval(np.repeat(is_right, 20), np.repeat(np.arange(50), 20))
    assert copied == single


def test_the_interval_of_single_images_is_the_normal_one() -> None:
    is_right = np.arange(4000) % 5 > 0
    found = clustered_mean_interval(is_right, np.arange(4000))
    half_width = 1.96 * math.sqrt(0.8 * 0.2 / 4000)  # the normal approximation of a share
    assert (found.high - found.low) / 2 == pytest.approx(half_width, rel=0.08)


def test_a_higher_confidence_gives_a_wider_interval() -> None:
    is_right = np.arange(200) % 3 > 0
    wide, narrow = (
        clustered_mean_interval(is_right, np.arange(200), Resampling(confidence=confidence))
        for confidence in (0.99, 0.8)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_mean_difference_counts_resamples_of_the_other_sign() -> None:
    rng = np.random.default_rng(5)
    first, second, people = rng.random(60) < 0.72, rng.random(60) < 0.7, rng.integers(10, size=60)
    differences = []
    for drawn in draw_people(10, FEW):
        weights = drawn[people]
        differences.append(np.average(first, weights=weights) - np.average(second, weights=weights))
    found = clustered_mean_difference(first, second, people, FEW)
    value = first.mean() - second.mean()
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.other_sign == np.mean(np.sign(differences) != np.sign(value))


@pytest.mark.parametrize(
    ("values", "people", "message"),
    [
        ([1.0, math.inf], [0, 1], "values must be finite"),
        ([1.0, math.nan], [0, 1], "values must not be NaN"),
        ([1.0, 0.0], [0], "values and people must have one length, got 2 and 1"),
    ],
)
def test_wrong_values_are_refused(values: list[float], people: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        clustered_mean_interval(values, people)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_resamples": 0}, "num_resamples must be at least 1, got 0"),
        ({"confidence": 1.0}, r"confidence must lie between 0 and 1, got 1.0"),
    ],
)
def test_wrong_resampling_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Resampling(**settings)
