from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kaggle_face.errors import InputError
from kaggle_face.metrics.intervals.bootstrap import (
    Resampling,
    clustered_mean_difference,
    clustered_mean_interval,
    draw_people,
)

FEW = Resampling(num_resamples=25, seed=5)


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
