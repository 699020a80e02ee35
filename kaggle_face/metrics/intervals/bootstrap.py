"""Percentile bootstrap intervals of means in which whole people are drawn, not images.

Images of one person succeed or fail together, so drawing images one by one gives intervals that are too
narrow. Here each resample draws as many people as there are, with replacement, and if person p comes m(p)
times, so does each image of p (the cluster bootstrap; Field and Welsh 2007).

Pairs depend on two people. A bootstrap that counts a pair of p and q m(p) m(q) times would count the noise of
a single pair three times; intervals of verification come from `pair_intervals`.

The same seed gives the same people, so two models judged on the same resamples differ by what they do, not
by the draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError
from kaggle_face.metrics.inputs import (
    FloatArray,
    IntArray,
    as_ids,
    as_scores,
    require_confidence,
    require_count,
    require_same_length,
)


@dataclass(frozen=True)
class Resampling:
    """The number of draws, the central share of results to report, and the seed of the draw."""

    num_resamples: int = 1000
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        require_count(self.num_resamples, "num_resamples", 1)
        require_count(self.seed, "seed", 0)
        require_confidence(self.confidence)


@dataclass(frozen=True)
class Interval:
    """The value on all data, and the interval that holds the value on other people."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """First model minus second: value, interval, and the chance that the truth has another sign.

    `other_sign` is the share of resamples that do not have the sign of the value; one without a difference
    counts, so it is never too optimistic. For pairs Student's t takes the place of the resamples.
    """

    value: float
    low: float
    high: float
    other_sign: float

    def reversed(self) -> Difference:
        """Second model minus first.

        >>> Difference(0.5, 0.25, 1.0, 0.0).reversed()
        Difference(value=-0.5, low=-1.0, high=-0.25, other_sign=0.0)
        """
        return Difference(-self.value, -self.high, -self.low, self.other_sign)


DEFAULT_RESAMPLING = Resampling()


def clustered_mean_interval(
    values: npt.ArrayLike, people: npt.ArrayLike, resampling: Resampling = DEFAULT_RESAMPLING
) -> Interval:
    """Interval of the mean of a value per image: of accuracy, for `values` = 1 where the image is right.

    Shapes: finite values (N,), people (N,), any ids. `people = arange(N)` draws single images.

    Raises:
        InputError: lengths differ, or a value is not finite.

    Two people, one always right and one always wrong: a resample holds 0, 1 or 2 of the first.

    >>> clustered_mean_interval([1, 1, 0, 0], ["a", "a", "b", "b"])
    Interval(value=0.5, low=0.0, high=1.0)
    """
    sums, images = _sums_by_person(values, people)
    low, high = _percentiles(_resampled_means(sums, images, resampling), resampling)
    return Interval(float(sums.sum() / images.sum()), low, high)


def clustered_mean_difference(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    people: npt.ArrayLike,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> Difference:
    """Difference of the means of two values per image, first minus second, on the same images.

    Shapes: finite first and second (N,), people (N,), any ids.

    Raises:
        InputError: lengths differ, or a value is not finite.

    >>> clustered_mean_difference([1, 1, 1, 0], [0, 0, 0, 0], ["a", "a", "b", "b"])
    Difference(value=0.75, low=0.5, high=1.0, other_sign=0.0)
    """
    values, others = as_scores(first, "first"), as_scores(second, "second")
    require_same_length(values, others, "first and second")
    sums, images = _sums_by_person(values - others, people)
    value, means = float(sums.sum() / images.sum()), _resampled_means(sums, images, resampling)
    low, high = _percentiles(means, resampling)
    return Difference(value, low, high, float(np.mean(means * np.sign(value) <= 0)))


def draw_people(num_people: int, resampling: Resampling) -> Iterator[IntArray]:
    """For each resample, how often each person (num_people,) was drawn.

    >>> [int(drawn.sum()) for drawn in draw_people(5, Resampling(num_resamples=2))]
    [5, 5]
    """
    if not isinstance(resampling, Resampling):
        raise InputError(f"resampling must be a Resampling, got {type(resampling).__name__}")
    rng = np.random.default_rng(resampling.seed)
    for _ in range(resampling.num_resamples):
        yield np.bincount(rng.integers(num_people, size=num_people), minlength=num_people).astype(np.int64)


def _sums_by_person(values: npt.ArrayLike, people: npt.ArrayLike) -> tuple[FloatArray, IntArray]:
    """Sum of the values and number of images of each person (M,)."""
    numbers, ids = as_scores(values, "values"), as_ids(people, "people")
    require_same_length(numbers, ids, "values and people")
    if not np.isfinite(numbers).all():
        raise InputError("values must be finite, got an infinite one")
    codes = np.unique(ids, return_inverse=True)[1]
    sums = np.bincount(codes, weights=numbers).astype(np.float64)
    return sums, np.bincount(codes).astype(np.int64)


def _resampled_means(sums: FloatArray, images: IntArray, resampling: Resampling) -> FloatArray:
    return np.array([drawn @ sums / (drawn @ images) for drawn in draw_people(len(images), resampling)])


def _percentiles(values: FloatArray, resampling: Resampling) -> tuple[float, float]:
    tail = (1 - resampling.confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
