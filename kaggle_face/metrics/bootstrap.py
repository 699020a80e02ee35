"""Percentile bootstrap intervals in which whole people are drawn, not images or pairs.

Images of one person succeed or fail together, and a pair depends on both its people, so drawing images or
pairs one by one gives intervals that are too narrow. Here each resample draws as many people as there are,
with replacement, and person p comes m(p) times:

- an image of person p counts m(p) times (the cluster bootstrap; Field and Welsh 2007);
- a pair of two people p and q counts m(p) m(q) times: both must have been drawn (Owen 2007, "The pigeonhole
  bootstrap"; for one set of people the vertex bootstrap of Snijders and Borgatti 1999);
- a pair of images of one person p counts m(p) times, as in the subsets bootstrap for biometric scores
  (Bolle, Ratha and Pankanti 2004; Poh and Bengio 2007).

Scores are sorted once; a resample only sums new weights along them. The same seed gives the same people, so
two systems judged on the same resamples differ by what they do, not by the draw.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError
from kaggle_face.metrics.inputs import FloatArray, IntArray, as_ids, as_scores, require_same_length
from kaggle_face.metrics.trials import GenuinePlaces, SortedTrials, VerificationMetric, checked_trials

LEAST_USABLE_SHARE = 0.9
"""Resamples without a pair of either kind are left out; if more are, the people are too few."""


@dataclass(frozen=True)
class Resampling:
    """How often to draw, which central share of the results to report, and the seed of the draw."""

    num_resamples: int = 1000
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_resamples < 1:
            raise InputError(f"num_resamples must be at least 1, got {self.num_resamples}")
        if not 0 < self.confidence < 1:
            raise InputError(f"confidence must lie between 0 and 1, got {self.confidence}")


@dataclass(frozen=True)
class Interval:
    """The value on all data, and the percentile interval of the resamples."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """First system minus second: value, interval, and the share of resamples that do not have its sign.

    A resample without a difference counts as the other sign, so `other_sign` is never too optimistic.
    """

    value: float
    low: float
    high: float
    other_sign: float


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
    means = _resampled_means(sums, images, resampling)
    return _difference(float(sums.sum() / images.sum()), means, resampling)


def verification_intervals(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    people: npt.ArrayLike,
    metrics: Sequence[VerificationMetric] = ("eer", "auc"),
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> dict[VerificationMetric, Interval]:
    """Intervals of verification metrics, all from the same resamples of people.

    Shapes: scores (P,) in [-inf, inf], labels (P,) of 0 and 1, people (P, 2), the two people of each pair.

    Raises:
        InputError: shapes that do not fit, NaN scores, labels other than 0 and 1, only one class, or too few
            people for resamples with pairs of both kinds.

    Where every genuine pair outscores every impostor, so it does in each resample:

    >>> people = [(p, q) for p in range(9) for q in range(p, 9)]
    >>> is_same = [p == q for p, q in people]
    >>> verification_intervals(is_same, is_same, people, ["auc"], Resampling(num_resamples=20))
    {'auc': Interval(value=1.0, low=1.0, high=1.0)}
    """
    codes, num_people = _people_of_pairs(people)
    pairs = _RankedPairs.of(scores, labels, codes, num_people)
    rows = [pairs.metrics(drawn, metrics) for drawn in draw_people(num_people, resampling)]
    columns = _usable(rows).T
    return {
        name: Interval(pairs.trials.metric(name, pairs.places), *_percentiles(column, resampling))
        for name, column in zip(metrics, columns, strict=True)
    }


def verification_difference(
    first_scores: npt.ArrayLike,
    second_scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    people: npt.ArrayLike,
    metric: VerificationMetric = "eer",
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> Difference:
    """Difference of a verification metric, first minus second system, on the same resamples of people.

    Shapes: first_scores, second_scores (P,) of the same pairs, labels (P,), people (P, 2).

    Raises:
        InputError: as `verification_intervals`.

    >>> people = [(p, q) for p in range(9) for q in range(p, 9)]
    >>> is_same = [int(p == q) for p, q in people]
    >>> verification_difference(is_same, [0] * 45, is_same, people, "auc", Resampling(num_resamples=20))
    Difference(value=0.5, low=0.5, high=0.5, other_sign=0.0)
    """
    codes, num_people = _people_of_pairs(people)
    systems = [_RankedPairs.of(scores, labels, codes, num_people) for scores in (first_scores, second_scores)]
    rows = [
        [pairs.metrics(drawn, [metric])[0] for pairs in systems]
        for drawn in draw_people(num_people, resampling)
    ]
    values = _usable(rows)
    value = systems[0].trials.metric(metric) - systems[1].trials.metric(metric)
    return _difference(value, values[:, 0] - values[:, 1], resampling)


def draw_people(num_people: int, resampling: Resampling) -> Iterator[IntArray]:
    """For each resample, how often each person (num_people,) was drawn.

    >>> [int(drawn.sum()) for drawn in draw_people(5, Resampling(num_resamples=2))]
    [5, 5]
    """
    rng = np.random.default_rng(resampling.seed)
    for _ in range(resampling.num_resamples):
        yield np.bincount(rng.integers(num_people, size=num_people), minlength=num_people).astype(np.int64)


@dataclass(frozen=True, eq=False)
class _SortedPairs:
    """One class's pairs (P,), their scores ascending. A person paired with itself has a partner beyond the
    people, whose multiplicity is one."""

    scores: FloatArray
    person: IntArray
    partner: IntArray

    @classmethod
    def of(cls, scores: FloatArray, codes: IntArray, num_people: int) -> _SortedPairs:
        order = np.argsort(scores)
        person, partner = np.ascontiguousarray(codes[order].T)
        return cls(scores[order], person, np.where(person == partner, num_people, partner))

    def weights(self, drawn: IntArray) -> IntArray:
        """How often each pair comes in a resample: m(p) m(q) for two people, m(p) for one."""
        weights: IntArray = drawn[self.person] * np.append(drawn, 1)[self.partner]
        return weights


@dataclass(frozen=True, eq=False)
class _RankedPairs:
    """All that stays the same from one resample to the next."""

    genuine: _SortedPairs
    impostor: _SortedPairs
    trials: SortedTrials
    places: GenuinePlaces

    @classmethod
    def of(
        cls, scores: npt.ArrayLike, labels: npt.ArrayLike, codes: IntArray, num_people: int
    ) -> _RankedPairs:
        values, is_same = checked_trials(scores, labels)
        require_same_length(values, codes, "scores and people")
        genuine = _SortedPairs.of(values[is_same], codes[is_same], num_people)
        impostor = _SortedPairs.of(values[~is_same], codes[~is_same], num_people)
        trials = SortedTrials.of(genuine.scores, impostor.scores)
        return cls(genuine, impostor, trials, trials.genuine_places())

    def metrics(self, drawn: IntArray, names: Sequence[VerificationMetric]) -> list[float]:
        """The metrics of one resample; NaN where it has no pair of one kind."""
        genuine, impostor = self.genuine.weights(drawn), self.impostor.weights(drawn)
        if not genuine.any() or not impostor.any():
            return [math.nan] * len(names)
        trials = self.trials.reweighted(genuine, impostor)
        return [trials.metric(name, self.places) for name in names]


def _people_of_pairs(people: npt.ArrayLike) -> tuple[IntArray, int]:
    """Indices (P, 2) of the two people of each pair, and the number of people."""
    pairs = np.asarray(people)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise InputError(f"people must be a table (pairs, 2), got shape {pairs.shape}")
    names, codes = np.unique(pairs, return_inverse=True)
    return codes.reshape(pairs.shape).astype(np.int64), len(names)


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


def _usable(rows: list[list[float]]) -> FloatArray:
    """Resamples (R, metrics) that had pairs of both kinds."""
    values = np.array(rows)
    usable: FloatArray = values[~np.isnan(values).any(axis=1)]
    if len(usable) < LEAST_USABLE_SHARE * len(values):
        raise InputError(
            f"only {len(usable)} of {len(values)} resamples have pairs of both kinds; "
            "a bootstrap over people needs more people"
        )
    return usable


def _percentiles(values: FloatArray, resampling: Resampling) -> tuple[float, float]:
    tail = (1 - resampling.confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _difference(value: float, resampled: FloatArray, resampling: Resampling) -> Difference:
    low, high = _percentiles(resampled, resampling)
    return Difference(value, low, high, float(np.mean(resampled * np.sign(value) <= 0)))
