"""Generated verification scores whose true EER, AUC and TPR are known, as intervals are tried on.

A pair of people p and q scores effect * (a_p + a_q) + noise + separation if p is q, where all a and the noise
are standard normal. So the pairs of an easy person all score high, and shared people make pairs alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import assert_never

import numpy as np

from kaggle_face.metrics.trials import VerificationMetric
from kaggle_face.records import FloatArray, IntArray

_NORMAL = NormalDist()


@dataclass(frozen=True)
class PairList:
    """The number of people and the genuine pairs of each; None: all pairs of a few images of each."""

    num_people: int
    genuine_each: int | None
    images_each: int = 2

    def __str__(self) -> str:
        if self.genuine_each is not None:
            return f"{self.genuine_each} each"
        return "all pairs" if self.images_each == 2 else f"all pairs of {self.images_each}"

    @property
    def num_pairs(self) -> int:
        """Pairs of both kinds."""
        if self.genuine_each is None:
            return math.comb(self.images_each * self.num_people, 2)
        return 2 * self.num_people * self.genuine_each

    def draw(self, draw: np.random.Generator) -> IntArray:
        """The two people of each pair (P, 2): as many impostor pairs as genuine ones, or all pairs.

        >>> PairList(2, None).draw(np.random.default_rng(0)).tolist()
        [[0, 0], [0, 1], [0, 1], [0, 1], [0, 1], [1, 1]]
        """
        if self.genuine_each is None:
            num_images = self.images_each * self.num_people
            return np.stack(np.triu_indices(num_images, 1), axis=1) // self.images_each
        count = self.num_people * self.genuine_each
        genuine = np.repeat(np.arange(self.num_people), self.genuine_each)
        first = draw.integers(self.num_people, size=count)
        second = (first + draw.integers(1, self.num_people, size=count)) % self.num_people
        return np.concatenate([np.stack([genuine, genuine], axis=1), np.stack([first, second], axis=1)])


@dataclass(frozen=True)
class Population:
    """The strength of person effects, and the lift of genuine scores, in units of the noise."""

    effect: float
    separation: float = 2.0

    def truth(self, metric: VerificationMetric) -> float:
        """The metric on endlessly many people.

        Without person effects genuine and impostor scores differ by 2 alone, and cross in the middle:

        >>> round(Population(0.0).truth("eer"), 4), round(Population(0.0).truth("auc"), 4)
        (0.1587, 0.9214)
        """
        genuine, impostor = math.sqrt(1 + 4 * self.effect**2), math.sqrt(1 + 2 * self.effect**2)
        match metric:
            case "auc":
                return _NORMAL.cdf(self.separation / math.hypot(genuine, impostor))
            case "eer":
                return _NORMAL.cdf(-self.separation / (genuine + impostor))
            case "tpr@1e-2":
                return _NORMAL.cdf((self.separation + impostor * _NORMAL.inv_cdf(1e-2)) / genuine)
            case "tpr@1e-3":
                return _NORMAL.cdf((self.separation + impostor * _NORMAL.inv_cdf(1e-3)) / genuine)
            case _:
                assert_never(metric)


@dataclass(frozen=True, eq=False)
class PairOfModels:
    """Two models that see the same people and pairs, alike with the correlation `likeness`."""

    population: Population
    likeness: float = 0.8

    def scores(self, people: IntArray, draw: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """The scores (P) of both models for pairs of people (P, 2); both are equally good."""
        num_people = int(people.max()) + 1
        effects, noise = self._alike(num_people, draw), self._alike(len(people), draw)
        is_same = people[:, 0] == people[:, 1]
        first, second = (
            self.population.effect * each[people].sum(axis=1) + own + self.population.separation * is_same
            for each, own in zip(effects, noise, strict=True)
        )
        return first, second

    def _alike(self, size: int, draw: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        first, other = draw.standard_normal((2, size))
        return first, self.likeness * first + math.sqrt(1 - self.likeness**2) * other
