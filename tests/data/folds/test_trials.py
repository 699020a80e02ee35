"""Drawing trials: no couple twice, everybody's turn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from kaggle_face.data.folds.trials import draw_trials
from kaggle_face.records import Pairs


def trials(sizes: list[int], count: int, seed: int = 0) -> Pairs:
    ids = np.array([f"{label}/{number}" for label, size in enumerate(sizes) for number in range(size)])
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return draw_trials(ids, labels, count, "t", np.random.default_rng(seed))


def couples(pairs: Pairs) -> list[frozenset[str]]:
    return [
        frozenset(couple) for couple in zip(pairs.first_ids.tolist(), pairs.second_ids.tolist(), strict=True)
    ]


@pytest.mark.parametrize("sizes", [[3, 3], [5] * 30, [2, 60], [40, 40, 40]])
def test_no_couple_is_drawn_twice_nor_an_image_with_itself(sizes: list[int]) -> None:
    drawn = couples(trials(sizes, 100))
    assert len(set(drawn)) == len(drawn) and all(len(couple) == 2 for couple in drawn)


@pytest.mark.parametrize("sizes", [[3, 3], [5] * 30, [2, 60], [40, 40, 40]])
def test_half_of_the_trials_are_the_same_person(sizes: list[int]) -> None:
    pairs = trials(sizes, 100)
    same = [first.split("/")[0] == second.split("/")[0] for first, second in map(sorted, couples(pairs))]
    assert same == (pairs.labels == 1).tolist() and sum(same) * 2 == len(pairs) > 0


def test_few_images_give_fewer_trials() -> None:
    # Two people with three images each: 2 * 3 same couples and 3 * 3 different ones.
    pairs = trials([3, 3], 100)
    assert len(pairs) == 12 and int(pairs.labels.sum()) == 6


def test_everybody_has_a_turn_before_anybody_has_two() -> None:
    pairs = trials([50, 2, 2, 2, 50], 10)
    people = Counter(first.split("/")[0] for first in pairs.first_ids[pairs.labels == 1].tolist())
    assert set(people.values()) == {1} and len(people) == 5


def test_the_same_seed_draws_the_same_trials() -> None:
    assert couples(trials([9] * 9, 40, seed=4)) == couples(trials([9] * 9, 40, seed=4))
    assert couples(trials([9] * 9, 40, seed=4)) != couples(trials([9] * 9, 40, seed=5))
