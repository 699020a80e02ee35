from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kaggle_face.ensemble.halves import (
    CROSSING,
    halves_of_classes,
    halves_of_pairs,
    halves_of_people,
    people_of_pairs,
    spread_sample,
)


@given(st.integers(0, 1000), st.integers(2, 40))
def test_halves_do_not_depend_on_the_order_of_people(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    keys = np.array([f"n{i:03d}" for i in range(count)])
    sizes = rng.integers(1, 20, count)
    order = rng.permutation(count)
    assert (
        halves_of_people(keys[order], sizes[order]).tolist() == halves_of_people(keys, sizes)[order].tolist()
    )


@given(st.integers(0, 1000), st.integers(1, 40))
def test_halves_differ_by_at_most_one_person(seed: int, count: int) -> None:
    sizes = np.random.default_rng(seed).integers(1, 20, count)
    halves = halves_of_people(np.array([str(i) for i in range(count)]), sizes)
    assert abs(int(sizes[halves == 0].sum()) - int(sizes[halves == 1].sum())) <= sizes.max()


def test_classes_without_images_do_not_count() -> None:
    halves = halves_of_classes(np.array([1, 1, 3]), np.array(["a", "b", "c", "d"]))
    assert sorted(halves[[1, 3]].tolist()) == [0, 1]


def test_images_joined_by_a_chain_of_genuine_pairs_are_one_person() -> None:
    first, second = np.array(["a", "b", "x", "a"]), np.array(["b", "c", "y", "x"])
    people, keys = people_of_pairs(first, second, np.array([1, 1, 1, 0]))
    assert keys.tolist() == ["a", "x"]
    assert people.tolist() == [[0, 0], [0, 0], [1, 1], [0, 1]]


def test_a_pair_across_the_halves_belongs_to_neither() -> None:
    people = np.array([[0, 0], [1, 1], [0, 1]])
    halves = halves_of_pairs(people, np.array(["a", "b"]))
    assert sorted(halves[:2].tolist()) == [0, 1] and halves[2] == CROSSING


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
