"""Post-processing by neighbours: alpha query expansion, database augmentation (DBA), re-ranking.

All take unit vectors and give unit vectors or scores. They use no labels, only the images themselves.
Letters: Q queries, G gallery entries, N images of one pool, D embedding size, P pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kaggle_face.ensemble.postprocess.neighbours import Float32, nearest, similarity_blocks, with_neighbours
from kaggle_face.metrics.similarity import paired_products
from kaggle_face.records import FloatArray, IntArray

STEPS_BY_TEST_IMAGES = ("augmentation", "expansion", "neighbourhood", "reranking")
"""Names of the steps of recipes in which an image's answer depends on the other images that are scored."""
_SAME_DISTANCE = 1e-6
"""Float32 cosines of equal unit vectors differ from 1 by less than that."""
_CHUNK = 65_536
"""Pairs whose vectors stand in memory at once."""


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

    Unlike query expansion it leaves out what is not close enough, so an image without fellows stays as
    it is. Source: the first place of the Shopee product matching competition, 2021.
    """
    for _ in range(iterations):
        rows_NK, cosines_NK = nearest(unit_ND, unit_ND, count, is_same_set=True)
        unit_ND = with_neighbours(unit_ND, unit_ND, rows_NK, np.where(cosines_NK > threshold, cosines_NK, 0))
    return unit_ND


def reciprocal_scores(
    unit_ND: Float32,
    first_P: IntArray,
    second_P: IntArray,
    count: int,
    own_share: float = 0.3,
    expanded: int | None = None,
) -> FloatArray:
    """k-reciprocal re-ranking: 1 less the published distance of each pair (P); its first image is the query.

    An image is described by the images that are among its k nearest while it is among theirs, weighted by
    exp(-distance) and averaged over its few nearest. Two images are as far apart as the Jaccard distance of
    these descriptions gives, blended with the share `own_share` of their own distance, which is 2 - 2 cosine
    divided by the query's largest. All images of the pool are queries and gallery at once.

    Source: Zhong et al. 2017, "Re-ranking person re-identification with k-reciprocal encoding", and its
    authors' code: there more than 2/3 of a neighbour's half as large neighbourhood must be shared (equation 5
    has "at least"), and half of k is rounded to even. Here sparse: memory grows with N k, not with N squared.

    Args:
        unit_ND: The pool.
        first_P: Rows of the queries.
        second_P: Rows of what they are compared with.
        count: k1, the neighbours of an image beside itself.
        own_share: lambda, in [0, 1].
        expanded: k2, the images that a description is averaged over, itself among them; None: 0.3 k1, as in
            the paper's 6 of 20.
    """
    farthest_N = _largest_distances(unit_ND)
    described = _descriptions(unit_ND, farthest_N, count, expanded or max(1, round(0.3 * count)))
    scores = np.empty(len(first_P))
    for start in range(0, len(first_P), _CHUNK):
        rows = slice(start, start + _CHUNK)
        first, second = first_P[rows], second_P[rows]
        shared = np.asarray(described[first].minimum(described[second]).sum(axis=1)).ravel()
        jaccard = 1 - shared / (2 - shared)  # each description sums to 1
        own = _distances(unit_ND, first, second) / farthest_N[first]
        scores[rows] = 1 - own_share * own - (1 - own_share) * jaccard
    return scores


def _largest_distances(unit_ND: Float32) -> FloatArray:
    """The distance (N) of each image from the farthest of the pool; 1 where all are one and the same."""
    farthest_N = np.empty(len(unit_ND))
    for rows, cosines_BN in similarity_blocks(unit_ND, unit_ND):
        farthest_N[rows] = 2 - 2 * cosines_BN.min(axis=1).astype(np.float64)
    return np.where(farthest_N > _SAME_DISTANCE, farthest_N, 1.0)


def _distances(unit_ND: Float32, first_P: IntArray, second_P: IntArray) -> FloatArray:
    """Squared Euclidean distances (P) of pairs of unit vectors."""
    distances_P = 2 - 2 * paired_products(unit_ND, first_P, second_P)
    return np.maximum(distances_P.astype(np.float64), 0)


def _descriptions(unit_ND: Float32, farthest_N: FloatArray, count: int, expanded: int) -> Any:
    """The weighted mutual neighbourhoods as a sparse matrix (N, N) whose rows sum to 1."""
    from scipy.sparse import csr_array

    rows_NK = nearest(unit_ND, unit_ND, max(count, expanded - 1), is_same_set=True)[0]
    mutual, near = _mutual(rows_NK, count), _mutual(rows_NK, round(count / 2))
    overlap = (mutual @ near.T).multiply(mutual).tocoo()
    sizes = np.asarray(near.sum(axis=1)).ravel()
    is_close = 3 * overlap.data > 2 * sizes[overlap.coords[1]]
    places = (overlap.coords[0][is_close], overlap.coords[1][is_close])
    joined = csr_array((np.ones(len(places[0])), places), shape=mutual.shape)
    wide = (mutual + joined @ near).tocoo()
    sources, targets = wide.coords
    weights = np.exp(-_distances(unit_ND, sources, targets) / farthest_N[sources])
    sums = np.bincount(sources, weights, minlength=len(unit_ND))
    described = csr_array((weights / sums[sources], wide.coords), shape=mutual.shape)
    smoothing = _graph(rows_NK, expanded - 1)
    return csr_array((smoothing / np.asarray(smoothing.sum(axis=1)).reshape(-1, 1)) @ described)


def _mutual(rows_NK: IntArray, count: int) -> Any:
    """Images among the `count` nearest of each other, and each with itself; sparse (N, N) of ones."""
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
