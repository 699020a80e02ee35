"""The nested split: people are divided into two sides; a choice made on one is measured on the other.

Which side a person falls in follows from names and counts alone, never from a score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from kaggle_face.records import IntArray, StrArray

BoolArray = npt.NDArray[np.bool_]
STRADDLING = -1
"""The side of a pair whose two people lie on different sides: neither uses it."""


def sides_of_people(keys: StrArray, sizes: IntArray) -> IntArray:
    """The side (0 or 1) of each person (M), so that the sides hold about equally many images.

    People are taken in the order of a hash of their key, each into the side that is smaller by then.

    >>> sides_of_people(np.array(["ann", "bob", "cid", "dan"]), np.array([5, 5, 5, 5])).sum()
    np.int64(2)
    """
    sides = np.empty(len(keys), np.int64)
    filled = [0, 0]
    for person in sorted(range(len(keys)), key=lambda person: stable_order(str(keys[person]))):
        side = int(filled[1] < filled[0])
        sides[person] = side
        filled[side] += int(sizes[person])
    return sides


def sides_of_classes(labels: IntArray, class_names: StrArray) -> IntArray:
    """The side (0 or 1) of each class (C), from the labels (N) of all images; absent classes are in 0."""
    sizes = np.bincount(labels, minlength=len(class_names)).astype(np.int64)
    present = np.flatnonzero(sizes)
    sides = np.zeros(len(class_names), np.int64)
    sides[present] = sides_of_people(class_names[present], sizes[present])
    return sides


def sides_of_pairs(people: IntArray, person_keys: StrArray) -> IntArray:
    """The side of each pair (P) whose two people (P, 2) lie in it, or `STRADDLING`."""
    sizes = np.bincount(people.ravel(), minlength=len(person_keys)).astype(np.int64)
    of_person = sides_of_people(person_keys, sizes)
    first, second = of_person[people[:, 0]], of_person[people[:, 1]]
    return np.where(first == second, first, STRADDLING)


def people_of_pairs(
    first_ids: StrArray, second_ids: StrArray, labels: IntArray, known: Mapping[str, str] | None = None
) -> tuple[IntArray, StrArray]:
    """The two people (P, 2) of each pair as indices, and a key for each person (M).

    Images that pairs of the same person join are one person's, and so are those that `known` gives one name.
    A person whose images nothing joins counts as several. The key is the person's first image id.

    >>> people, keys = people_of_pairs(np.array(["a", "b"]), np.array(["b", "c"]), np.array([1, 0]))
    >>> people.tolist(), keys.tolist()
    ([[0, 0], [0, 1]], ['a', 'c'])
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    images, codes = np.unique(np.concatenate([first_ids, second_ids]), return_inverse=True)
    pairs, names = codes.reshape(2, -1), known or {}
    first_of: dict[str, int] = {}
    named = [
        (first_of.setdefault(names[image], row), row)
        for row, image in enumerate(images.tolist())
        if image in names
    ]
    same = np.concatenate([pairs[:, labels == 1], np.array(named, np.int64).reshape(-1, 2).T], axis=1)
    shape = (len(images), len(images))
    graph = coo_array((np.ones(same.shape[1], np.int8), (same[0], same[1])), shape=shape)
    num_people, person_of_image = connected_components(graph, directed=False)
    first_image = np.full(num_people, len(images))
    np.minimum.at(first_image, person_of_image, np.arange(len(images)))
    people: IntArray = person_of_image[pairs.T].astype(np.int64)
    return people, images[first_image]


def disjoint_sets(people: IntArray, labels: IntArray, num_sets: int) -> IntArray | None:
    """The set (P) of each pair so that no person is in two sets; None where that cannot be.

    People whom pairs join, of the same person or of two, stay together; such groups are assigned to the sets,
    large ones first, each into the smallest. It cannot be where there are fewer groups than sets, a set would
    be less than half as large as the mean, or would lack one kind of pair.

    Shapes: people (P, 2) from 0, labels (P) of 0 and 1.

    >>> people = np.array([[0, 0], [0, 1], [2, 2], [2, 3]])
    >>> disjoint_sets(people, np.array([1, 0, 1, 0]), 2).tolist()
    [0, 0, 1, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = int(people.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(people), np.int8), (people[:, 0], people[:, 1])), shape=(count, count))
    group_of_pair = connected_components(graph, directed=False)[1][people[:, 0]]
    sizes = np.bincount(group_of_pair)
    set_of_group, filled = np.zeros(len(sizes), np.int64), np.zeros(num_sets, np.int64)
    for group in np.argsort(-sizes, kind="stable"):
        set_of_group[group] = filled.argmin()
        filled[filled.argmin()] += sizes[group]
    sets: IntArray = set_of_group[group_of_pair]
    kinds = [len(np.unique(labels[sets == number])) for number in range(num_sets)]
    return sets if min(kinds) == 2 and 2 * filled.min() >= filled.mean() else None


def nested_split(sides: IntArray) -> Iterator[tuple[BoolArray, BoolArray]]:
    """For each side the mask to fit weights on, and the mask to measure them on."""
    for side in (0, 1):
        yield sides == side, sides == 1 - side


def stable_order(key: str) -> bytes:
    """Sorts keys by a hash of their names, the same in every process."""
    return blake2b(key.encode(), digest_size=8).digest()


def spread_sample(ids: StrArray, limit: int) -> IntArray:
    """Positions of at most `limit` ids, chosen by their hash, ascending."""
    if len(ids) <= limit:
        return np.arange(len(ids))
    order = sorted(range(len(ids)), key=lambda row: stable_order(str(ids[row])))
    return np.sort(np.array(order[:limit], np.int64))
