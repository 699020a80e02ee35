"""Nearest neighbours by cosine, a block of queries at a time, and the highest values of long rows.

Letters: Q queries, G gallery entries, D embedding size, K neighbours or highest values, B queries of a
block or rows, C columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.metrics.similarity import normalized
from kaggle_face.records import FloatArray, IntArray

Float32 = npt.NDArray[np.float32]
BLOCK_BYTES = 64 << 20
"""Similarities that stand in memory at once."""


def similarity_blocks(queries_QD: Float32, gallery_GD: Float32) -> Iterator[tuple[slice, Float32]]:
    """Cosines (B, G) of unit vectors, block by block."""
    step = max(1, BLOCK_BYTES // (4 * max(1, len(gallery_GD))))
    for start in range(0, len(queries_QD), step):
        rows = slice(start, min(start + step, len(queries_QD)))
        yield rows, queries_QD[rows] @ gallery_GD.T


def nearest(
    queries_QD: Float32, gallery_GD: Float32, count: int, is_same_set: bool = False
) -> tuple[IntArray, Float32]:
    """The K nearest gallery entries (Q, K) of each query, nearest first, and their cosines (Q, K).

    Unit vectors. K is at most the number of entries. `is_same_set`: both are the same images in the same
    order, and an image is not its own neighbour.

    >>> points = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
    >>> nearest(points, points, 1, is_same_set=True)[0].tolist()
    [[1], [2], [1]]
    """
    count = min(count, len(gallery_GD) - is_same_set)
    rows_QK = np.empty((len(queries_QD), max(count, 0)), np.int64)
    cosines_QK = np.empty(rows_QK.shape, np.float32)
    if count < 1:
        return rows_QK, cosines_QK
    for rows, cosines_BG in similarity_blocks(queries_QD, gallery_GD):
        if is_same_set:
            cosines_BG[np.arange(len(cosines_BG)), np.arange(rows.start, rows.stop)] = -np.inf
        chosen_BK = highest_columns(cosines_BG, count)
        values_BK = np.take_along_axis(cosines_BG, chosen_BK, axis=1)
        order_BK = np.argsort(-values_BK, axis=1, kind="stable")
        rows_QK[rows] = np.take_along_axis(chosen_BK, order_BK, axis=1)
        cosines_QK[rows] = np.take_along_axis(values_BK, order_BK, axis=1)
    return rows_QK, cosines_QK


def with_neighbours(
    own_QD: FloatArray, gallery_GD: Float32, rows_QK: IntArray, weights_QK: FloatArray
) -> Float32:
    """Each vector plus the weighted sum of its neighbours, of length one again."""
    mixed_QD = np.array(own_QD, np.float32)
    for column in range(rows_QK.shape[1]):  # a gather of all K at once would be K times the embeddings
        mixed_QD += weights_QK[:, column, None] * gallery_GD[rows_QK[:, column]]
    return normalized(mixed_QD)


_SPAN = 64
_LONG_FROM = 32
"""Rows of fewer than this many times K columns are partitioned as a whole."""


def highest_columns(values_BC: npt.NDArray[Any], count: int) -> IntArray:
    """The columns (B, K) of the `count` highest values of each row, ascending; 1 <= count <= C.

    The K highest values lie in the K spans of neighbouring columns with the highest maxima, so that only
    these spans are partitioned: 7 times as fast for 16 of 8,631.

    >>> highest_columns(np.array([[0.2, 0.9, 0.1, 0.5]]), 2).tolist()
    [[1, 3]]
    """
    num_columns = values_BC.shape[1]
    num_spans = num_columns // _SPAN
    if num_columns < _LONG_FROM * count or num_spans <= count:
        return _partitioned(values_BC, count)
    whole = num_spans * _SPAN
    maxima = values_BC[:, :whole].reshape(len(values_BC), num_spans, _SPAN).max(axis=2)
    spans = _partitioned(maxima, count)
    columns = (spans[:, :, None] * _SPAN + np.arange(_SPAN)).reshape(len(values_BC), -1)
    rest = np.broadcast_to(np.arange(whole, num_columns), (len(values_BC), num_columns - whole))
    columns = np.concatenate([columns, rest], axis=1)
    chosen = _partitioned(np.take_along_axis(values_BC, columns, axis=1), count)
    return np.take_along_axis(columns, chosen, axis=1)


def _partitioned(values_BC: npt.NDArray[Any], count: int) -> IntArray:
    num_columns = values_BC.shape[1]
    columns = np.argpartition(values_BC, num_columns - count, axis=1)[:, num_columns - count :]
    return np.sort(columns, axis=1)  # a copy: a view would keep the positions of all columns in memory
