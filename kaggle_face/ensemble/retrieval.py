"""Post-processing that looks at the neighbours of what is scored: expansion, augmentation, re-ranking.

All take unit vectors and give unit vectors or scores. They use no labels, only the images themselves.
Letters: Q queries, G gallery entries, N images of one pool, D embedding size, P pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kaggle_face.ensemble.neighbours import Float32, nearest, with_neighbours
from kaggle_face.records import FloatArray, IntArray


def expand_queries(
    queries_QD: Float32, gallery_GD: Float32, count: int, alpha: float, is_same_set: bool = False
) -> Float32:
    """Alpha query expansion: each query plus its nearest entries, weighted by cosine to the power alpha.

    Source: Radenovic, Tolias and Chum 2019, "Fine-tuning CNN image retrieval with no human annotation".

    The neighbour at cosine 0.6 has weight 0.6 at alpha 1: (1, 0) + 0.6 (0.6, 0.8) = (1.36, 0.48).

    >>> query, entry = np.array([[1, 0]], np.float32), np.array([[0.6, 0.8]], np.float32)
    >>> expand_queries(query, entry, count=1, alpha=1.0).astype(float).round(4).tolist()
    [[0.943, 0.3328]]
    """
    rows_QK, cosines_QK = nearest(queries_QD, gallery_GD, count, is_same_set)
    return with_neighbours(queries_QD, gallery_GD, rows_QK, np.maximum(cosines_QK, 0) ** alpha)


def augment_database(gallery_GD: Float32, count: int, alpha: float) -> Float32:
    """Database-side augmentation: each entry of a gallery is expanded by its nearest fellows.

    Source: Arandjelovic and Zisserman 2012, "Three things everyone should know to improve object retrieval",
    with the weights of alpha query expansion.
    """
    return expand_queries(gallery_GD, gallery_GD, count, alpha, is_same_set=True)


def blend_neighbourhoods(unit_ND: Float32, count: int, threshold: float, iterations: int = 1) -> Float32:
    """Iterative neighbourhood blending: each image is mixed with its neighbours above a cosine, repeatedly.

    Unlike query expansion it takes nobody in who is not close enough, so an image without fellows stays as
    it is. Source: the first place of the Shopee product matching competition, 2021.
    """
    for _ in range(iterations):
        rows_NK, cosines_NK = nearest(unit_ND, unit_ND, count, is_same_set=True)
        unit_ND = with_neighbours(unit_ND, unit_ND, rows_NK, np.where(cosines_NK > threshold, cosines_NK, 0))
    return unit_ND


def reciprocal_scores(
    unit_ND: Float32, first_P: IntArray, second_P: IntArray, count: int, own_share: float = 0.3
) -> FloatArray:
    """k-reciprocal re-ranking: pairs (P) score by how many of their mutual neighbours they share.

    An image is described by the images that are among its k nearest while it is among theirs, weighted by
    closeness and averaged over its few nearest; two images are compared by the Jaccard similarity of these
    descriptions, blended with the share `own_share` of their cosine.
    Source: Zhong et al. 2017, "Re-ranking person re-identification with k-reciprocal encoding"; here sparse,
    so that memory grows with N k and not with N squared.
    """
    described = _descriptions(unit_ND, count)
    scores = np.empty(len(first_P))
    for start in range(0, len(first_P), 65_536):
        rows = slice(start, start + 65_536)
        shared = described[first_P[rows]].minimum(described[second_P[rows]]).sum(axis=1)
        shared = np.asarray(shared).ravel()
        jaccard = shared / (2 - shared)  # each description sums to 1
        cosine = np.einsum("pd,pd->p", unit_ND[first_P[rows]], unit_ND[second_P[rows]])
        scores[rows] = own_share * cosine + (1 - own_share) * jaccard
    return scores


def _descriptions(unit_ND: Float32, count: int) -> Any:
    """The weighted mutual neighbourhoods as a sparse matrix (N, N) whose rows sum to 1."""
    from scipy.sparse import csr_array

    rows_NK = nearest(unit_ND, unit_ND, count, is_same_set=True)[0]
    mutual = _mutual(rows_NK, count)
    near = _mutual(rows_NK, max(1, count // 2))
    overlap = (mutual @ near.T).multiply(mutual).tocoo()
    sizes = np.asarray(near.sum(axis=1)).ravel()
    is_close = overlap.data >= (2 / 3) * sizes[overlap.coords[1]]
    places = (overlap.coords[0][is_close], overlap.coords[1][is_close])
    joined = csr_array((np.ones(len(places[0])), places), shape=mutual.shape)
    wide = (mutual + joined @ near).tocoo()
    cosines = np.einsum("pd,pd->p", unit_ND[wide.coords[0]], unit_ND[wide.coords[1]])
    described = csr_array((np.exp(2 * (cosines - 1)), wide.coords), shape=mutual.shape)
    smoothing = _graph(rows_NK, max(1, count // 4))
    described = smoothing @ described
    sums = np.asarray(described.sum(axis=1)).ravel()
    return csr_array(described.multiply((1 / sums)[:, None]))


def _mutual(rows_NK: IntArray, count: int) -> Any:
    """Who are among the `count` nearest of each other, and everyone with oneself; sparse (N, N) of ones."""
    graph = _graph(rows_NK, count)
    return graph.multiply(graph.T).tocsr()


def _graph(rows_NK: IntArray, count: int) -> Any:
    """The `count` nearest of each image and itself; sparse (N, N) of ones."""
    from scipy.sparse import csr_array

    own = np.arange(len(rows_NK))
    neighbours = np.concatenate([own[:, None], rows_NK[:, :count]], axis=1)
    sources = np.repeat(own, neighbours.shape[1])
    shape = (len(rows_NK), len(rows_NK))
    return csr_array((np.ones(neighbours.size), (sources, neighbours.ravel())), shape=shape)
