"""The variance of a sum over pairs that share people.

Two pairs are independent unless somebody is in both. So the variance of the sum of the influences u of all
pairs is the sum of u(a) u(b) over all couples of pairs (a, b) that share a person, a pair with itself
included. With S(p) the sum over the pairs of person p, and D(p, q) that over the pairs of the two people p
and q, this is

    sum over people of S(p)^2 - sum over couples of two people of D(p, q)^2,

since a couple of pairs of the same two people stands in the first sum twice. A pair of images of one person
belongs to that person alone.

Sources: Fafchamps and Gubert 2007, "The formation of risk sharing networks"; Aronow, Samii and Assenova
2015, "Cluster-robust variance estimation for dyadic data".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError
from kaggle_face.metrics.inputs import FloatArray, IntArray, as_array, require_ids

LEAST_SHARE_OF_SINGLE = 0.5
"""The variance is at least this share of what it would be without shared people.

The sum of couples is not a sum of squares, and with few people it can come out near zero or below.
"""

_HIGHEST_CORRELATION = 0.95


@dataclass(frozen=True)
class PairLikeness:
    """The correlation of scores of pairs that share people, after a normal transform by ranks.

    Attributes:
        sharing: How many other pairs share one person with a pair, and how many both, on average.
        correlations: The correlation of two pairs that share one person, and of two that share both.
    """

    sharing: tuple[float, float]
    correlations: tuple[float, float]

    def inflation(self, share: float) -> float:
        """The variance of the share above a threshold, over that of as many independent pairs.

        With one other pair that is correlated by 1/2, half are above the median; two pairs are so in a
        third of the cases (Sheppard 1899), which is a covariance of 1/3 - 1/4 = 1/12, and 1/4 + 1/12 = 1/3:

        >>> round(PairLikeness((1.0, 0.0), (0.5, 0.0)).inflation(0.5), 12)
        1.333333333333
        """
        from scipy.special import ndtri, owens_t

        found = 1.0
        if not 0 < share < 1:
            return found
        for number, correlation in zip(self.sharing, self.correlations, strict=True):
            angle = math.sqrt((1 - correlation) / (1 + correlation))
            both = share - 2 * float(owens_t(ndtri(share), angle))
            found += number * max(both - share**2, 0.0) / (share * (1 - share))
        return found


@dataclass(frozen=True, eq=False)
class PairClusters:
    """Clusters of pairs (P) that share a person.

    Attributes:
        first, second: The two people (P) of each pair, from 0; of a pair of one person, this person twice.
        num_people: How many people there are.
        crossing: Rows (C) of the pairs of two people.
        couples: The couple of two people (C) of each of those, from 0.
    """

    first: IntArray
    second: IntArray
    num_people: int
    crossing: IntArray
    couples: IntArray

    @classmethod
    def of(cls, people: npt.ArrayLike) -> PairClusters:
        """The clusters of a table (P, 2) of the two people of each pair, any ids.

        Raises:
            InputError: It has another shape.
        """
        table = as_array(people, "people")
        if table.ndim != 2 or table.shape[1] != 2:
            raise InputError(f"people must be a table (pairs, 2), got shape {table.shape}")
        require_ids(table, "people")
        names, codes = np.unique(table, return_inverse=True)
        first, second = np.sort(codes.reshape(table.shape), axis=1).T.astype(np.int64)
        crossing = np.flatnonzero(first != second)
        keys = first[crossing] * len(names) + second[crossing]
        couples = np.unique(keys, return_inverse=True)[1].astype(np.int64)
        return cls(first, second, len(names), crossing, couples)

    def person_sums(self, values: FloatArray) -> FloatArray:
        """The sum of a value (P) over the pairs of each person (M).

        >>> PairClusters.of([(0, 0), (0, 1)]).person_sums(np.array([1.0, 10.0])).tolist()
        [11.0, 10.0]
        """
        sums = _sums(self.first, values, self.num_people)
        return sums + _sums(self.second[self.crossing], values[self.crossing], self.num_people)

    def variance(self, influences: FloatArray) -> float:
        """The variance of the sum of influences (P) of mean zero.

        Pairs (a, a), (a, b) and (b, b) with influences -1, 2 and 3; the first shares nobody with the last:
        1 + 4 + 9 + 2 (-1 * 2) + 2 (2 * 3) = 22.

        >>> PairClusters.of([("a", "a"), ("a", "b"), ("b", "b")]).variance(np.array([-1.0, 2.0, 3.0]))
        22.0
        """
        return max(self._shared(influences), LEAST_SHARE_OF_SINGLE * _square(influences))

    def shared_share(self, chosen: npt.NDArray[np.bool_]) -> float:
        """The chance that two random ones of the chosen pairs (P) have a person in common.

        With n pairs of people of their own it is 1 / n; its inverse is the effective number of such pairs.

        >>> PairClusters.of([(0, 1), (2, 3), (4, 4), (5, 5)]).shared_share(np.ones(4, np.bool_))
        0.25
        """
        counts = chosen.astype(np.float64)
        return self._shared(counts) / float(counts.sum()) ** 2

    def effective_people(self, chosen: npt.NDArray[np.bool_]) -> float:
        """The effective number of people of the chosen pairs (P) (Kish 1965).

        >>> PairClusters.of([(0, 0), (1, 1), (1, 1), (1, 1)]).effective_people(np.ones(4, np.bool_))
        1.6
        """
        counts = self.person_sums(chosen.astype(np.float64))
        return float(counts.sum()) ** 2 / _square(counts)

    def degrees_of_freedom(self, influences: FloatArray) -> float:
        """The degrees of freedom of a chi square that varies as much as the variance.

        Satterthwaite's, from the squares of the people's sums as they are: few if few people decide. The
        noise of pairs of two people is in these sums twice and subtracted once, so where it is large, less
        is known than the squares show. Were people alike, that would be by the square of the share that is
        left; the root of it gave the coverage nearest to the wanted one (docs/intervals.md).
        """
        squares = self.person_sums(influences) ** 2
        total = float(squares.sum())
        spread = _square(squares) - total**2 / self.num_people
        if spread <= 0:
            return math.inf
        return 2 * total**2 / spread * math.sqrt(min(self.variance(influences) / total, 1.0))

    def likeness(self, scores: FloatArray, chosen: npt.NDArray[np.bool_], num_people: float) -> PairLikeness:
        """The correlation of scores (P) of chosen pairs that share people, one standard error up.

        `num_people` is the effective number of people, by whom that error is judged.
        """
        deviates, ones = np.zeros(len(scores)), chosen.astype(np.float64)
        deviates[chosen] = _normal_scores(scores[chosen])
        count, total = float(ones.sum()), _square(deviates)
        numbers, products = self._of_other_pairs(ones), self._of_other_pairs(deviates)
        means = [
            product * count / (number * total) if number and total else 0.0
            for number, product in zip(numbers, products, strict=True)
        ]
        sharing = numbers[0] / count, numbers[1] / count
        # products of deviations from a mean are too low by the variance of that mean
        of_mean = (1 + sharing[0] * means[0] + sharing[1] * means[1]) / count
        error_up = 1 + math.sqrt(2 / max(num_people - 1, 1.0))
        one, both = (
            min(max(mean + (1 - mean) * min(max(of_mean, 0.0), 1.0), 0.0) * error_up, _HIGHEST_CORRELATION)
            for mean in means
        )
        return PairLikeness(sharing, (one, both))

    def _of_other_pairs(self, values: FloatArray) -> tuple[float, float]:
        """Sums of products over two different pairs: of those with one person in common, and with both."""
        of_people, of_couples = self._squared_sums(values)
        crossing = _square(values[self.crossing])
        return of_people - 2 * of_couples - (_square(values) - crossing), of_couples - crossing

    def _shared(self, values: FloatArray) -> float:
        """The sum of the products of the values (P) over all couples of pairs with a person in common."""
        of_people, of_couples = self._squared_sums(values)
        return of_people - of_couples

    def _squared_sums(self, values: FloatArray) -> tuple[float, float]:
        """The squared sums over the pairs of each person, and over those of each couple of people."""
        of_couples = _sums(self.couples, values[self.crossing], int(self.couples.max(initial=-1)) + 1)
        return _square(self.person_sums(values)), _square(of_couples)


def _normal_scores(scores: FloatArray) -> FloatArray:
    """The normal deviates (N) of the ranks of scores; ties share theirs."""
    from scipy.special import ndtri

    ascending = np.sort(scores)
    below = np.searchsorted(ascending, scores, "left") + np.searchsorted(ascending, scores, "right")
    return np.asarray(ndtri(below / (2 * len(scores))))


def _sums(places: IntArray, values: FloatArray, size: int) -> FloatArray:
    """The sum of the values (N) at each of the places 0 to size - 1."""
    return np.bincount(places, values, size).astype(np.float64)


def _square(values: FloatArray) -> float:
    return float(values @ values)
