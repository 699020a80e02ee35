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

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError
from kaggle_face.metrics.inputs import FloatArray, IntArray

LEAST_SHARE_OF_SINGLE = 0.1
"""The variance is at least this share of what it would be without shared people.

The sum of couples is no sum of squares, and with few people it can come out near zero or below.
"""


@dataclass(frozen=True, eq=False)
class PairClusters:
    """Which pairs (P) share a person.

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
        """From a table (P, 2) of the two people of each pair, any ids.

        Raises:
            InputError: It has another shape.
        """
        table = np.asarray(people)
        if table.ndim != 2 or table.shape[1] != 2:
            raise InputError(f"people must be a table (pairs, 2), got shape {table.shape}")
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

        Pairs (a, a), (a, b) and (b, b) with influences 1, 2 and -3; the first shares nobody with the last:
        1 + 4 + 9 + 2 (1 * 2) + 2 (2 * -3) = 6.

        >>> PairClusters.of([("a", "a"), ("a", "b"), ("b", "b")]).variance(np.array([1.0, 2.0, -3.0]))
        6.0
        """
        return max(self._shared(influences), LEAST_SHARE_OF_SINGLE * _square(influences))

    def shared_share(self, chosen: npt.NDArray[np.bool_]) -> float:
        """The share of all couples of chosen pairs (P) that share a person: the chance for a random couple.

        With n pairs of people of their own it is 1 / n; its inverse is the effective number of such pairs.

        >>> PairClusters.of([(0, 1), (2, 3), (4, 4), (5, 5)]).shared_share(np.ones(4, np.bool_))
        0.25
        """
        counts = chosen.astype(np.float64)
        return self._shared(counts) / float(counts.sum()) ** 2

    def effective_people(self, chosen: npt.NDArray[np.bool_]) -> float:
        """How many people of equally many pairs the chosen pairs (P) are worth (Kish 1965).

        >>> PairClusters.of([(0, 0), (1, 1), (1, 1), (1, 1)]).effective_people(np.ones(4, np.bool_))
        1.6
        """
        counts = self.person_sums(chosen.astype(np.float64))
        return float(counts.sum()) ** 2 / _square(counts)

    def degrees_of_freedom(self, influences: FloatArray) -> float:
        """How well the variance is known: the degrees of freedom of a chi square that varies as much.

        Satterthwaite's, from the squares of the people's sums as they are: few if few people decide.
        """
        squares = self.person_sums(influences) ** 2
        total = float(squares.sum())
        spread = _square(squares) - total**2 / self.num_people
        return 2 * total**2 / spread if spread > 0 else np.inf

    def _shared(self, values: FloatArray) -> float:
        """The sum of the products of the values (P) over all couples of pairs that share a person."""
        of_couples = _sums(self.couples, values[self.crossing], int(self.couples.max(initial=-1)) + 1)
        return _square(self.person_sums(values)) - _square(of_couples)


def _sums(places: IntArray, values: FloatArray, size: int) -> FloatArray:
    """The sum of the values (N) at each of the places 0 to size - 1."""
    return np.bincount(places, values, size).astype(np.float64)


def _square(values: FloatArray) -> float:
    return float(values @ values)
