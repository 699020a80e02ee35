"""Unit vectors, their mean directions, and cosine scores of trials.

Letters: N images, D embedding size, K groups of images, P pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kaggle_face.metrics.threads import map_on_cores

if TYPE_CHECKING:
    from kaggle_face.records import Embeddings, IntArray, Pairs, PairScores

Float32 = npt.NDArray[np.float32]

_PAIRS_OF_A_THREAD = 65_536
_ROWS_AT_ONCE = 65_536
_GATHERED_BYTES = 2 << 20
"""Vectors that are gathered at once: they stay in a core's cache, which makes it three times faster."""


def normalized(vectors_ND: npt.NDArray[np.floating[Any]]) -> Float32:
    """Vectors of length one in float32; a zero vector stays zero.

    >>> normalized(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    vectors = np.asarray(vectors_ND, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Float32 = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit


def mean_directions(unit_ND: Float32, group_of_row_N: IntArray, num_groups: int) -> Float32:
    """The mean direction (K, D) of the vectors of each group; the zero vector where a group has none.

    >>> faces = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    >>> mean_directions(faces, np.array([0, 0, 1]), 2).astype(float).round(4).tolist()
    [[0.7071, 0.7071], [0.0, 1.0]]
    """
    sums_KD = np.zeros((num_groups, unit_ND.shape[1]), np.float32)
    add_by_group(sums_KD, unit_ND, group_of_row_N)
    normalize_in_place(sums_KD)
    return sums_KD


def add_by_group(sums_KD: Float32, vectors_ND: Float32, group_of_row_N: IntArray) -> None:
    """Adds each vector to the sum of its group, one by one: blocks of any size give the same bits."""
    order_N = np.argsort(group_of_row_N, kind="stable")
    groups, starts, counts = np.unique(group_of_row_N[order_N], return_index=True, return_counts=True)
    for place in range(int(counts.max(initial=0))):
        is_left = counts > place
        sums_KD[groups[is_left]] += vectors_ND[order_N[starts[is_left] + place]]


def normalize_in_place(vectors_ND: Float32) -> None:
    """Scales vectors to length one, with memory for a block of them."""
    for start in range(0, len(vectors_ND), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        vectors_ND[rows] = normalized(vectors_ND[rows])


def score_pairs(embeddings: Embeddings, pairs: Pairs) -> PairScores:
    """The cosine of the two embeddings of each trial, float32 in [-1, 1].

    Memory beyond the embeddings: a normalised copy, some numbers per trial, and chunks of bounded size.

    >>> from kaggle_face.records import Embeddings, Pairs
    >>> faces = Embeddings(np.array(["a", "b"]), np.array([[1.0, 0.0], [1.0, 1.0]]))
    >>> trial = Pairs(np.array(["0"]), np.array(["a"]), np.array(["b"]), np.array([1]))
    >>> round(float(score_pairs(faces, trial).scores[0]), 6)  # cos 45 degrees
    0.707107

    Raises:
        DataError: A trial names an image without an embedding.
    """
    # `identify` compares vectors without records, and its start is short.
    from kaggle_face.records import PairScores, positions_of

    unit_ND = normalized(embeddings.vectors)
    first = positions_of(pairs.first_ids, embeddings.image_ids, "embedded images")
    second = positions_of(pairs.second_ids, embeddings.image_ids, "embedded images")
    return PairScores(pairs.pair_ids, paired_cosines(unit_ND, first, second), pairs.labels)


def paired_cosines(unit_ND: Float32, first_P: IntArray, second_P: IntArray) -> Float32:
    """The cosines (P) of the vectors of length one in the rows `first_P` and `second_P`, in [-1, 1]."""
    scores_P = paired_products(unit_ND, first_P, second_P)
    return np.clip(scores_P, -1.0, 1.0, out=scores_P)


def paired_products(vectors_ND: Float32, first_P: IntArray, second_P: IntArray) -> Float32:
    """The dot products (P) of the vectors in the rows `first_P` and `second_P`.

    Trials of one image follow each other, so that its vector stays in the cache (a third less time). Several
    threads share the work: numpy frees the interpreter while it gathers and multiplies.
    """
    order_P = np.argsort(first_P, kind="stable")
    products_P = np.empty(len(first_P), np.float32)

    def multiply(part: slice) -> None:
        trials = order_P[part]
        products_P[trials] = _products(vectors_ND, first_P[trials], second_P[trials])

    parts = [slice(start, start + _PAIRS_OF_A_THREAD) for start in range(0, len(first_P), _PAIRS_OF_A_THREAD)]
    map_on_cores(multiply, parts)
    return products_P


def _products(unit_ND: Float32, first_P: IntArray, second_P: IntArray) -> Float32:
    products_P = np.empty(len(first_P), np.float32)
    size = unit_ND.shape[1]
    rows = max(1, _GATHERED_BYTES // (2 * 4 * max(1, size)))
    one, other = np.empty((rows, size), np.float32), np.empty((rows, size), np.float32)
    for start in range(0, len(first_P), rows):
        part = slice(start, start + rows)
        count = len(first_P[part])
        # `clip` writes straight into the buffer; the positions are known to be inside.
        np.take(unit_ND, first_P[part], axis=0, out=one[:count], mode="clip")
        np.take(unit_ND, second_P[part], axis=0, out=other[:count], mode="clip")
        np.einsum("pd,pd->p", one[:count], other[:count], out=products_P[part])
    return products_P
