from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kaggle_face.evaluation.nested_split import (
    STRADDLING,
    disjoint_sets,
    nested_split,
    people_of_pairs,
    sides_of_classes,
    sides_of_pairs,
    sides_of_people,
    spread_sample,
)


@given(st.integers(0, 1000), st.integers(2, 40))
def test_sides_do_not_depend_on_the_order_of_people(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    keys = np.array([f"n{i:03d}" for i in range(count)])
    sizes = rng.integers(1, 20, count)
    order = rng.permutation(count)
    assert sides_of_people(keys[order], sizes[order]).tolist() == sides_of_people(keys, sizes)[order].tolist()


@given(st.integers(0, 1000), st.integers(1, 40))
def test_sides_differ_by_at_most_one_person(seed: int, count: int) -> None:
    sizes = np.random.default_rng(seed).integers(1, 20, count)
    sides = sides_of_people(np.array([str(i) for i in range(count)]), sizes)
    assert abs(int(sizes[sides == 0].sum()) - int(sizes[sides == 1].sum())) <= sizes.max()


def test_classes_without_images_do_not_count() -> None:
    sides = sides_of_classes(np.array([1, 1, 3]), np.array(["a", "b", "c", "d"]))
    assert sorted(sides[[1, 3]].tolist()) == [0, 1]


def test_images_joined_by_a_chain_of_genuine_pairs_are_one_person() -> None:
    first, second = np.array(["a", "b", "x", "a"]), np.array(["b", "c", "y", "x"])
    people, keys = people_of_pairs(first, second, np.array([1, 1, 1, 0]))
    assert keys.tolist() == ["a", "x"]
    assert people.tolist() == [[0, 0], [0, 0], [1, 1], [0, 1]]


def test_a_pair_across_the_sides_belongs_to_neither() -> None:
    people = np.array([[0, 0], [1, 1], [0, 1]])
    sides = sides_of_pairs(people, np.array(["a", "b"]))
    assert sorted(sides[:2].tolist()) == [0, 1] and sides[2] == STRADDLING


def test_each_side_is_judged_by_what_is_found_on_the_other_and_straddling_pairs_by_neither() -> None:
    sides = np.array([0, 1, STRADDLING, 0, STRADDLING, 1, 1])
    turns = [
        (np.flatnonzero(found).tolist(), np.flatnonzero(judged).tolist())
        for found, judged in nested_split(sides)
    ]
    assert turns == [([0, 3], [1, 5, 6]), ([1, 5, 6], [0, 3])]


@given(st.integers(0, 1000), st.integers(2, 5), st.integers(2, 12))
def test_nobody_is_in_two_disjoint_sets(seed: int, num_sets: int, num_groups: int) -> None:
    rng = np.random.default_rng(seed)
    group = rng.integers(num_groups, size=60)
    people = 3 * group[:, None] + rng.integers(3, size=(60, 2))
    labels = (people[:, 0] == people[:, 1]).astype(np.int64)
    sets = disjoint_sets(people, labels, num_sets)
    if sets is None:
        return
    assert sets.min() == 0 and sets.max() == num_sets - 1
    for number in range(num_sets):
        inside = sets == number
        assert not set(people[inside].ravel().tolist()) & set(people[~inside].ravel().tolist())
        assert set(labels[inside].tolist()) == {0, 1}
        assert 2 * inside.sum() >= len(people) / num_sets


def test_people_whom_pairs_join_fall_into_no_two_sets() -> None:
    people, labels = np.array([[0, 0], [0, 1], [1, 1], [2, 2], [2, 3]]), np.array([1, 0, 1, 1, 0])
    assert disjoint_sets(people, labels, 2) is not None
    assert disjoint_sets(people, labels, 3) is None  # {0, 1} and {2, 3} are two groups
    joined = np.concatenate([people, [[1, 2]]])
    assert disjoint_sets(joined, np.append(labels, 0), 2) is None
    assert disjoint_sets(people, np.array([1, 0, 1, 1, 1]), 2) is None  # a set without different people


def test_a_set_of_less_than_half_the_mean_size_is_none() -> None:
    def sets_of(sizes: list[int]) -> object:
        people = np.concatenate(
            [
                np.tile([[2 * group, 2 * group], [2 * group, 2 * group + 1]], (size, 1))
                for group, size in enumerate(sizes)
            ]
        )
        return disjoint_sets(people, np.tile([1, 0], sum(sizes)), len(sizes))

    assert sets_of([3, 1]) is not None  # side of the mean, 2
    assert sets_of([4, 1]) is None


def test_a_sample_that_takes_all_keeps_the_order() -> None:
    assert spread_sample(np.array(["b", "a", "c"]), 3).tolist() == [0, 1, 2]


def test_a_sample_names_the_same_ids_in_any_order() -> None:
    ids = np.array([f"{i}.jpg" for i in range(100)])
    order = np.random.default_rng(0).permutation(100)
    chosen, shuffled = ids[spread_sample(ids, 10)], ids[order][spread_sample(ids[order], 10)]
    assert set(chosen.tolist()) == set(shuffled.tolist()) and len(chosen) == 10


def test_images_of_a_known_person_are_one_persons_though_no_pair_joins_them() -> None:
    first, second = np.array(["a1", "a2", "b1"]), np.array(["b1", "c1", "b2"])
    labels = np.array([0, 0, 1])
    alone, _ = people_of_pairs(first, second, labels)
    assert alone[0, 0] != alone[1, 0]
    people, keys = people_of_pairs(first, second, labels, {"a1": "Ann", "a2": "Ann", "c1": "Cid"})
    assert people[0, 0] == people[1, 0] and keys.tolist() == ["a1", "b1", "c1"]
    assert people[:, 1].tolist() == [1, 2, 1]
